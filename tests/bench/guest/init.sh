#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a benchmark guest does after its boot: loads the modules that its
# initramfs holds, in the order of their names, and stays idle. With `fill` on
# the kernel's command line it first uses 160 MiB and frees them again, so
# that there is memory to take back.
busybox mkdir -p /proc /sys
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
	[ -e "$module" ] && busybox insmod "$module"
done
if busybox grep -qw fill /proc/cmdline; then
	busybox mkdir /fill
	busybox mount -t tmpfs -o size=100% fill /fill
	busybox dd if=/dev/zero of=/fill/all bs=1M count=160 2>/dev/null
	busybox umount /fill
fi
echo "bench ready 1"
while :; do
	busybox sleep 1000000
done
