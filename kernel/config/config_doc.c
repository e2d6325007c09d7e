/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every key of aerostat.conf means: the one source of `help config` and
 * of the reference in docs/config.md. A host test checks that it lists
 * exactly the keys that the parser knows.
 */
#include "kernel/config/config.h"

const struct config_key_doc config_keys[] = {
	{ "host", "log_level", "err | warn | info | debug", "info",
	  "log lines of this level and above appear on the console" },
	{ "host", "on_panic", "halt | reboot", "halt",
	  "what the machine does after a panic report" },
	{ "host", "reserve", "size", "chosen from RAM",
	  "memory that guests may not take, kept for the hypervisor" },
	{ "host", "max_cpus", "0..64", "0",
	  "use at most so many CPUs; 0: all" },
	{ "host", "clean_pool", "yes | no", "yes",
	  "idle CPUs zero free memory ahead of need" },
	{ "host", "debug_commands", "yes | no", "no",
	  "allow the commands that break the machine on purpose: panic, mce" },
	{ "host", "console_port", "I/O port", "0x3f8",
	  "16550 that carries the console" },
	{ "host", "console_baud", "rate", "115200",
	  "its speed; must divide 115200" },

	{ "vm", "kernel", "PATH", "must be given",
	  "Linux bzImage or Multiboot image, relative to \\aerostat" },
	{ "vm", "initrd", "PATH", "none", "initial RAM disk of a Linux guest" },
	{ "vm", "module", "PATH [ARGS]", "none",
	  "Multiboot module and its command line; may be repeated (up to 8)" },
	{ "vm", "cmdline", "text", "empty", "kernel command line" },
	{ "vm", "loader", "auto | linux | multiboot", "auto",
	  "how to load the kernel; auto looks at the image" },
	{ "vm", "vcpus", "1..64", "1", "number of virtual CPUs" },
	{ "vm", "weight", "1..10000", "100",
	  "share of CPU time against the other VMs" },
	{ "vm", "mem.min", "size", "a quarter of mem.boot, 16M or more",
	  "memory that is never taken from the VM" },
	{ "vm", "mem.boot", "size", "mem.max, else 256M",
	  "guest RAM at boot (hollow until touched)" },
	{ "vm", "mem.max", "size", "mem.boot",
	  "the VM never uses more than this" },
	{ "vm", "mem.commit", "huge | around | single", "huge",
	  "what a first touch commits: 2 MiB, neighbours, or one 4 KiB page" },
	{ "vm", "autostart", "yes | no", "yes",
	  "start the VM when the machine comes up" },
	{ "vm", "on_crash", "stop | restart | pause", "stop",
	  "what follows a crash of the guest; pause keeps its memory" },
	{ "vm", "on_poweroff", "stop | restart", "stop",
	  "what follows when the guest powers off" },
	{ "vm", "on_reboot", "stop | restart", "restart",
	  "what follows when the guest reboots" },
	{ "vm", "debug_exit", "I/O port", "0",
	  "an OUT to this port ends the VM and shows the value; 0: none" },
	{ "vm", "cpu.hide", "names", "none",
	  "CPUID features to hide from the guest, such as erms" },
};

const size_t nr_config_keys = ARRAY_SIZE(config_keys);
