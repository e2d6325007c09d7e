/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where CPUs go from this room; kernel/main.c, which knows all, provides it. */
#ifndef KERNEL_START_H
#define KERNEL_START_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/* The boot CPU, on its stack and the loader's page tables. Does not return. */
void kmain(const struct boot_info *bi);

/*
 * Another CPU, interrupts off: its traps and its APIC work. Sets up what is
 * above, calls smp_join() and idles.
 */
NORETURN void cpu_start_work(void);

#endif
