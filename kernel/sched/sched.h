/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler's interface to thread.c, smp.c and main.c. */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/selftest.h"
#include "kernel/sched/thread_priv.h"

/* All run queues; boot CPU, once, before any thread exists. */
void sched_init(void);

/*
 * Makes the calling code the idle thread of this CPU, whose record is `idle`
 * (zeroed). Interrupts off.
 */
void sched_init_cpu(struct thread *idle);

/* The idle loop; the boot CPU and each AP end here. */
NORETURN void sched_idle(void);

/* Lets idle CPUs zero free memory ahead of time. */
void sched_set_clean_pool(bool on);

/* Puts a new thread (state PARKED, never run) in a queue. */
void sched_start(struct thread *t);

/* Wakes t if it is parked. Any context. */
void sched_wake(struct thread *t);

/* Gives the CPU up: to wait for a permit, for a turn, for good. */
void sched_park(void);
void sched_yield_cpu(void);
NORETURN void sched_exit(void);

/* The caller, if a service thread at long work, lets waiting vCPUs run. */
void sched_leave_vcpus_time(void);

/* True once t is dead and no CPU uses its stack any more. */
bool sched_is_gone(const struct thread *t);

/* First code on a new thread's stack (kernel/sched/switch.asm calls it). */
void sched_thread_begin(void);

/* Switches stacks; kernel/sched/switch.asm. */
void context_switch(uint64_t *save_rsp, uint64_t load_rsp);
extern const char thread_start[];

/* Threads, locks, timers and CPU calls under load; kernel/sched/selftest.c. */
extern const struct selftest sched_selftests[];
extern const size_t nr_sched_selftests;

#endif
