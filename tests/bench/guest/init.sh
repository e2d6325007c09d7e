#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a benchmark guest does after its boot: loads the modules that its
# initramfs holds, in the order of their names, then stays idle.
busybox mkdir -p /proc /sys
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
for module in /modules/*.ko; do
	[ -e "$module" ] && busybox insmod "$module"
done
echo "bench ready 1"
while :; do
	busybox sleep 1000000
done
