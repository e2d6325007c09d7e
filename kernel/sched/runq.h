/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which one CPU runs its threads: service threads first, in
 * turn; then vCPU threads by virtual runtime, the ticks a thread has run
 * divided by its weight. Pure logic: the caller locks, and tells the time.
 *
 * Virtual runtimes are comparable across CPUs, so that the balancer can keep
 * weights true over the whole machine. They wrap: compare with vruntime_before.
 */
#ifndef KERNEL_RUNQ_H
#define KERNEL_RUNQ_H

#include "kernel/lib/compiler.h"
#include "kernel/sched/thread_priv.h"

struct runq {
	struct list services; /* waiting, first come first */
	struct list vcpus;    /* waiting, least vruntime first */
	uint32_t nr_waiting;
	/* A thread that slept starts no earlier than this; never falls. */
	uint64_t floor;
};

static inline bool vruntime_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

void runq_init(struct runq *rq);

/* Ticks of run time as virtual time of a thread of that weight. */
uint64_t runq_virtual(uint64_t ticks, uint32_t weight);

/* Adds a thread that is ready; it must be in no queue. */
void runq_insert(struct runq *rq, struct thread *t);
void runq_remove(struct runq *rq, struct thread *t);
/* The thread that should run next, or NULL; stays in the queue. */
struct thread *runq_first(const struct runq *rq);
/* The vCPU thread that will wait longest for its turn, or NULL. */
struct thread *runq_last_vcpu(const struct runq *rq);

/* Accounts `ticks` of run time to t, which was running on rq's CPU. */
void runq_charge(struct runq *rq, struct thread *t, uint64_t ticks);

/*
 * Before a thread that slept is inserted: sleeping earns at most `bonus` of
 * virtual time, else a long sleeper would shut out the others.
 */
void runq_place(const struct runq *rq, struct thread *t, uint64_t bonus);

/*
 * Should t run instead of curr, whose virtual runtime is now `curr_vruntime`?
 * Between vCPUs only if t is behind by more than `granularity`.
 */
bool runq_preempts(const struct thread *t, const struct thread *curr,
		   uint64_t curr_vruntime, uint64_t granularity);

/* Does somebody wait who has a right to a turn while curr runs? */
bool runq_needs_slice(const struct runq *rq, const struct thread *curr);

#endif
