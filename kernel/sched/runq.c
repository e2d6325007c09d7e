// SPDX-License-Identifier: GPL-2.0-or-later
/* Run queue order. Every operation takes O(log n) steps at most. */
#include "kernel/sched/runq.h"

#include "kernel/lib/bug.h"
#include "kernel/sched/fair.h"

void runq_init(struct runq *rq)
{
	list_init(&rq->services);
	prioq_init(&rq->vcpus);
	prioq_init(&rq->rates);
	prioq_init(&rq->overdue);
	rq->load = 0;
	rq->running = 0;
	rq->nr_waiting = 0;
}

static uint64_t load_at(uint64_t rate)
{
	return BIT(30) / max(rate, 1ull);
}

static uint64_t load_of(const struct thread *t)
{
	return load_at(t->by_rate.key);
}

void runq_runs(struct runq *rq, const struct thread *t)
{
	rq->running =
		t->class == THREAD_VCPU ? load_at(fair_rate(t->group)) : 0;
}

static void insert_vcpu(struct runq *rq, struct thread *t)
{
	uint64_t rate = fair_rate(t->group), patience;

	prioq_insert(&rq->vcpus, &t->by_vruntime, t->vruntime);
	prioq_insert(&rq->rates, &t->by_rate, rate);
	rq->load += load_of(t);
	/* The one that runs is counted, too. */
	patience = fair_patience(rq->nr_waiting + 2,
				 rate * (rq->load + rq->running) >> 30);
	prioq_insert(&rq->overdue, &t->by_deadline, t->ready_since + patience);
}

void runq_insert(struct runq *rq, struct thread *t)
{
	BUG_ON(t->class == THREAD_IDLE);
	if (t->class == THREAD_SERVICE)
		list_push_back(&rq->services, &t->link);
	else
		insert_vcpu(rq, t);
	WRITE_ONCE(rq->nr_waiting, rq->nr_waiting + 1);
}

void runq_remove(struct runq *rq, struct thread *t)
{
	if (t->class == THREAD_SERVICE) {
		list_remove(&t->link);
	} else {
		prioq_remove(&rq->vcpus, &t->by_vruntime);
		prioq_remove(&rq->rates, &t->by_rate);
		prioq_remove(&rq->overdue, &t->by_deadline);
		rq->load -= load_of(t);
	}
	WRITE_ONCE(rq->nr_waiting, rq->nr_waiting - 1);
}

struct thread *runq_first_vcpu(const struct runq *rq)
{
	struct prioq_node *n = prioq_first(&rq->vcpus);

	return n ? container_of(n, struct thread, by_vruntime) : NULL;
}

struct thread *runq_first(const struct runq *rq)
{
	if (!list_empty(&rq->services))
		return list_first(&rq->services, struct thread, link);
	return runq_first_vcpu(rq);
}

struct thread *runq_overdue(const struct runq *rq, uint64_t now)
{
	struct prioq_node *n = prioq_first(&rq->overdue);

	return n && prioq_before(n->key, now)
		       ? container_of(n, struct thread, by_deadline)
		       : NULL;
}

uint32_t runq_least_rate(const struct runq *rq, uint32_t curr)
{
	const struct prioq_node *n = prioq_first(&rq->rates);

	return n ? min(curr, (uint32_t)n->key) : curr;
}

bool runq_needs_slice(const struct runq *rq, enum thread_class curr)
{
	const struct thread *first = runq_first(rq);

	return first && first->class <= curr;
}
