/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which one CPU runs its threads: service threads first, in
 * turn; then vCPU threads by virtual runtime (kernel/sched/fair.h). Pure logic:
 * the caller locks.
 */
#ifndef KERNEL_RUNQ_H
#define KERNEL_RUNQ_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/prioq.h"
#include "kernel/sched/thread_priv.h"

struct runq {
	struct list services; /* waiting, first come first */
	struct prioq vcpus;   /* waiting, by virtual runtime */
	struct prioq rates;   /* the same, by rate: the heaviest first */
	struct prioq overdue; /* the same, by when they have waited too long */
	uint64_t load;	      /* their weights: the sum of 2^30 / rate */
	uint64_t running;     /* likewise of the vCPU that runs here, or 0 */
	uint32_t nr_waiting;
};

void runq_init(struct runq *rq);

/* Adds a thread that is ready; it must be in no queue. */
void runq_insert(struct runq *rq, struct thread *t);
void runq_remove(struct runq *rq, struct thread *t);
/* The thread that should run next, or NULL; stays in the queue. */
struct thread *runq_first(const struct runq *rq);
/* The vCPU thread that has the first claim, or NULL. */
struct thread *runq_first_vcpu(const struct runq *rq);

/* t, which is in no queue, runs from now on: those who come wait beside it. */
void runq_runs(struct runq *rq, const struct thread *t);

/* The vCPU thread that has waited too long by now, the first of them, or NULL.
 */
struct thread *runq_overdue(const struct runq *rq, uint64_t now);

/* The least rate of those who wait and of one of rate `curr`. */
uint32_t runq_least_rate(const struct runq *rq, uint32_t curr);

/* Does somebody wait who has a right to a turn while that class runs? */
bool runq_needs_slice(const struct runq *rq, enum thread_class curr);

#endif
