#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# /init of the Linux host that runs KVM. What to measure stands in /plan: one
# command for each line. Everything goes to the serial line, where the runner
# outside reads it.
busybox mkdir -p /proc /sys /dev /tmp
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t debugfs debugfs /sys/kernel/debug
echo "bench host_free_kb $(busybox awk '/MemFree/ { print $2 }' /proc/meminfo)"
for module in /modules/*.ko; do
	case $module in
	# The emulator's virtual-interrupt delivery is faulty.
	*kvm-intel.ko) busybox insmod "$module" enable_apicv=0 ;;
	*) busybox insmod "$module" ;;
	esac
done
while read -r command; do
	$command </dev/null || echo "bench failed 1"
done </plan
echo "bench end 1"
while :; do
	busybox sleep 1000000
done
