/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the scheduler: what sched.c, place.c and cpu_stats.c share. */
#ifndef KERNEL_SCHED_PRIV_H
#define KERNEL_SCHED_PRIV_H

#include "kernel/sched/fair.h"
#include "kernel/sched/runq.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"

struct cpu_sched {
	struct spinlock lock;	/* LOCK_RUNQ, irqsave */
	struct runq rq;		/* [lock; nr_waiting read racily by others] */
	struct thread *current; /* [lock] */
	struct fair_hint hint;	/* about current [lock; read by others] */
	struct fair_hint first; /* about the first vCPU that waits [ditto] */
	struct thread *idle;	/* [const] */
	uint64_t since;		/* TSC when current was last charged [lock] */
	uint64_t owed;		/* see settle_debt() [lock] */
	struct timer slice;	/* [own CPU, interrupts off] */
	uint64_t nr_switches;	/* [own CPU] */
	uint64_t start;		/* TSC of sched_init_cpu [const] */
	bool online;		/* [const after sched_init_cpu] */
} ALIGNED(64);

extern struct cpu_sched scheds[MAX_CPUS];
extern uint64_t sched_idle_mask; /* CPUs whose idle thread runs [atomic] */
extern uint64_t sched_clock;	 /* virtual; see fair.h [atomic] */

/* Locks the run queue that guards t. Interrupts are off. */
static inline struct cpu_sched *sched_lock_of(const struct thread *t)
{
	for (;;) {
		uint32_t cpu = READ_ONCE(t->cpu);

		spin_lock(&scheds[cpu].lock);
		if (READ_ONCE(t->cpu) == cpu)
			return &scheds[cpu];
		spin_unlock(&scheds[cpu].lock);
	}
}

/* ---- kernel/sched/place.c ---- */
/*
 * Answers that hold for a moment. Interrupts off; no lock is taken, any run
 * queue may be locked.
 */

/* An idle CPU that is nobody else's target, `first` by preference, or -1. */
int place_claim_idle(uint32_t first);

/* The CPU but `except` whose vCPU has run furthest ahead of t, or -1. */
int place_ahead_of(const struct thread *t, uint32_t except);

/* The CPU where the vCPU waits that has most of a claim before v, or -1. */
int place_behind(uint64_t v);

/*
 * Where t should wait for its turn: where that comes at once, if anywhere. An
 * idle CPU is claimed for it.
 */
uint32_t place_choose(const struct thread *t);

/* Does a vCPU wait for its turn anywhere? */
bool place_some_wait(void);

/*
 * The least rate, that is the heaviest thread, of those that wait on s, whose
 * lock is held, and those that run anywhere.
 */
uint32_t place_least_rate(const struct cpu_sched *s);

#endif
