// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run queue order. Invariant: the vCPU list ascends by vruntime, threads that
 * are equal in the order in which they came.
 */
#include "kernel/sched/runq.h"

#include "kernel/lib/bug.h"

/* A thread of the default weight gains about ten units a tick. */
#define VIRTUAL_SCALE 1024u

void runq_init(struct runq *rq)
{
	list_init(&rq->services);
	list_init(&rq->vcpus);
	rq->nr_waiting = 0;
	rq->floor = 0;
}

uint64_t runq_virtual(uint64_t ticks, uint32_t weight)
{
	return ticks * VIRTUAL_SCALE / weight;
}

static void insert_by_vruntime(struct runq *rq, struct thread *t)
{
	struct list *pos = rq->vcpus.prev;

	while (pos != &rq->vcpus &&
	       vruntime_before(t->vruntime,
			       list_entry(pos, struct thread, link)->vruntime))
		pos = pos->prev;
	list_insert_between(&t->link, pos, pos->next);
}

void runq_insert(struct runq *rq, struct thread *t)
{
	BUG_ON(t->class == THREAD_IDLE);
	if (t->class == THREAD_SERVICE)
		list_push_back(&rq->services, &t->link);
	else
		insert_by_vruntime(rq, t);
	rq->nr_waiting++;
}

void runq_remove(struct runq *rq, struct thread *t)
{
	list_remove(&t->link);
	rq->nr_waiting--;
}

struct thread *runq_first(const struct runq *rq)
{
	if (!list_empty(&rq->services))
		return list_first(&rq->services, struct thread, link);
	if (!list_empty(&rq->vcpus))
		return list_first(&rq->vcpus, struct thread, link);
	return NULL;
}

struct thread *runq_last_vcpu(const struct runq *rq)
{
	if (list_empty(&rq->vcpus))
		return NULL;
	return list_entry(rq->vcpus.prev, struct thread, link);
}

/* The floor follows the least virtual runtime on this CPU. */
static void raise_floor(struct runq *rq, const struct thread *running)
{
	uint64_t least = running->vruntime;

	if (!list_empty(&rq->vcpus)) {
		uint64_t first =
			list_first(&rq->vcpus, struct thread, link)->vruntime;

		if (vruntime_before(first, least))
			least = first;
	}
	if (vruntime_before(rq->floor, least))
		rq->floor = least;
}

void runq_charge(struct runq *rq, struct thread *t, uint64_t ticks)
{
	t->runtime += ticks;
	if (t->class != THREAD_VCPU)
		return;
	t->vruntime += runq_virtual(ticks, t->weight);
	raise_floor(rq, t);
}

void runq_place(const struct runq *rq, struct thread *t, uint64_t bonus)
{
	uint64_t earliest = rq->floor - bonus;

	if (t->class == THREAD_VCPU && vruntime_before(t->vruntime, earliest))
		t->vruntime = earliest;
}

bool runq_preempts(const struct thread *t, const struct thread *curr,
		   uint64_t curr_vruntime, uint64_t granularity)
{
	if (t->class != curr->class)
		return t->class < curr->class;
	if (t->class != THREAD_VCPU)
		return false;
	return vruntime_before(t->vruntime + granularity, curr_vruntime);
}

bool runq_needs_slice(const struct runq *rq, const struct thread *curr)
{
	const struct thread *first = runq_first(rq);

	return first && first->class <= curr->class;
}
