/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host machine: what was found at boot, and ending it. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "kernel/lib/compiler.h"

NORETURN void machine_reboot(void);
NORETURN void machine_poweroff(void);

/* Runs fn(arg) on every other CPU in mask (bit = cpu_id) in IRQ context; waits.
 * No lock held. */
void smp_call(uint64_t cpu_mask, void (*fn)(void *arg), void *arg);
/* Makes the CPU leave guest mode / run its scheduler. Any context. */
void smp_kick(uint32_t cpu);

#endif
