/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which CPU this is. Subsystems keep per-CPU data in their own arrays of
 * MAX_CPUS, indexed by cpu_id(). CPU numbers are dense, 0 is the boot CPU.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include "kernel/lib/compiler.h"

#define MAX_CPUS 64

struct spinlock;
struct thread;

/* The part that code reaches by one %gs access; kernel/cpu/smp.c owns the
 * array. */
struct cpu {
	struct cpu *self; /* at %gs:0 */
	uint32_t id;	  /* at %gs:8 */
	uint32_t apic_id;
	uint32_t need_resched;	/* at %gs:16 [this CPU, irq] */
	uint32_t irq_depth;	/* > 0 in an interrupt handler */
	struct spinlock *held;	/* at %gs:24: lock taken last [this CPU] */
	struct thread *current; /* at %gs:32 [this CPU] */
	uint64_t timer_next;	/* at %gs:40: see timer_next_deadline() */
	/* At %gs:48: whose VMCS is current here, NULL: none [this CPU] */
	struct thread *vmcs_thread;
	uint64_t nr_irqs; /* [this CPU] */
	uint64_t nr_nmis; /* [this CPU, NMI] */
};
_Static_assert(offsetof(struct cpu, id) == 8, "cpu_id()");
_Static_assert(offsetof(struct cpu, need_resched) == 16, "need_resched()");
_Static_assert(offsetof(struct cpu, held) == 24, "spin_lock()");
_Static_assert(offsetof(struct cpu, current) == 32, "thread_self()");
_Static_assert(offsetof(struct cpu, timer_next) == 40, "timer_next_deadline()");
_Static_assert(offsetof(struct cpu, vmcs_thread) == 48, "vmcs_check_owner()");

/* The caller can't migrate while it does not block or yield. */
static inline uint32_t cpu_id(void)
{
	uint32_t id;

	__asm__ volatile("movl %%gs:8, %0" : "=r"(id));
	return id;
}

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/* Numbers of CPUs that run; [const after smp_init]. */
extern uint32_t nr_cpus;

/* The record of CPU `id`; id < MAX_CPUS. */
struct cpu *cpu_of(uint32_t id);

#endif
