/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of panic that traps need; for code see kernel/lib/bug.h. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/cpu/trap.h"
#include "kernel/lib/compiler.h"

/*
 * Whether the machine reboots after the report, or stays halted (default). May
 * change at any time.
 */
void panic_set_reboot(bool on);

/* Ends the machine because of the exception in *f. Any context. */
NORETURN COLD void panic_trap(const struct trap_frame *f, const char *what);

#endif
