// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What threads wait on: wait queues and mutexes. Mutexes are ranked among each
 * other per thread, and come before all spinlocks: taking one under a
 * spinlock is a bug even when it is free.
 */
#include "kernel/sync/wait.h"
#include "kernel/lib/bug.h"

void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock, LOCK_WAITQ, "waitq");
	list_init(&wq->waiters);
}

void waitq_prepare(struct waitq *wq, struct waitq_entry *e)
{
	uint64_t flags;

	e->thread = thread_self();
	flags = spin_lock_irqsave(&wq->lock);
	list_push_back(&wq->waiters, &e->link);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void waitq_finish(struct waitq *wq, struct waitq_entry *e)
{
	uint64_t flags = spin_lock_irqsave(&wq->lock);

	list_remove(&e->link);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void waitq_wake_all(struct waitq *wq)
{
	uint64_t flags = spin_lock_irqsave(&wq->lock);
	struct waitq_entry *e;

	list_for_each (e, &wq->waiters, link)
		thread_unpark(e->thread);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void waitq_wake_some(struct waitq *wq, unsigned max)
{
	uint64_t flags = spin_lock_irqsave(&wq->lock);
	struct waitq_entry *e, *first = NULL;

	while (max-- && !list_empty(&wq->waiters)) {
		e = list_first(&wq->waiters, struct waitq_entry, link);
		if (e == first)
			break;
		if (!first)
			first = e;
		/* To the end: the next call wakes another one. */
		list_remove(&e->link);
		list_push_back(&wq->waiters, &e->link);
		thread_unpark(e->thread);
	}
	spin_unlock_irqrestore(&wq->lock, flags);
}

void waitq_wake_one(struct waitq *wq)
{
	waitq_wake_some(wq, 1);
}

void mutex_init(struct mutex *m, enum lock_level level, const char *name)
{
	m->owner = NULL;
	waitq_init(&m->waiters);
	m->level = level;
	m->name = name;
	m->prev = NULL;
}

static bool mutex_try(struct mutex *m, struct thread *self)
{
	struct thread *nobody = NULL;

	return __atomic_compare_exchange_n(&m->owner, &nobody, self, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

void mutex_lock(struct mutex *m)
{
	struct thread *self = thread_self();
	struct mutex **newest = thread_mutexes();

	if (spin_any_held())
		panic("lock order: taking mutex %s while holding %s", m->name,
		      spin_chain()->name);
	if (*newest && (*newest)->level >= m->level)
		panic("lock order: taking %s (level %u) while holding %s "
		      "(level %u)",
		      m->name, m->level, (*newest)->name, (*newest)->level);
	if (!mutex_try(m, self))
		wait_event(&m->waiters, mutex_try(m, self));
	m->prev = *newest;
	*newest = m;
}

void mutex_unlock(struct mutex *m)
{
	struct thread *self = thread_self();
	struct mutex **link = thread_mutexes();

	if (m->owner != self)
		panic("unlocking mutex %s, which %s does not hold", m->name,
		      thread_name(self));
	while (*link != m)
		link = &(*link)->prev;
	*link = m->prev;
	__atomic_store_n(&m->owner, NULL, __ATOMIC_SEQ_CST);
	waitq_wake_one(&m->waiters);
}
