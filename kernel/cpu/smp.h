/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing CPUs up. */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/* Per-CPU data of the boot CPU: %gs and spinlocks work from here on. */
void percpu_init_boot(void);
/* GDT, TSS and IDT of the boot CPU. */
void percpu_init_boot_traps(void);
/*
 * Moves the boot CPU's exception stacks to where each has an unmapped page
 * below it, as the other CPUs' have. After hostpt_init(), no lock held. 0,
 * -ENOMEM.
 */
MUST_CHECK int percpu_guard_boot_traps(void);

/*
 * Control registers of the calling CPU: the same on all of them. Call before
 * hostpt_init_cpu(), because its tables use the no-execute bit.
 */
void cpu_init_features(void);

/*
 * Starts the other CPUs of `cpus`, at most max_cpus in all (0: no limit), one
 * after the other. A CPU that does not start in time is reported, stopped for
 * good and left out; the others are started all the same. Boot CPU, a thread;
 * it sleeps, and may return on another CPU.
 */
void smp_init(const struct boot_cpu *cpus, uint32_t nr, uint32_t max_cpus);

/*
 * Another CPU, in cpu_start_work(), before anybody may see it: it takes part
 * from now on. Does not return on one that came too late.
 */
void smp_join(void);

#endif
