/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting: what a thread can do to itself and to others, wait queues, and
 * mutexes.
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/list.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"

/* ---- what this room needs of kernel/sched, which provides it ---- */

struct thread;
struct mutex;

struct thread *thread_self(void);
const char *thread_name(const struct thread *t);

/*
 * thread_park blocks until the permit is there and consumes it;
 * thread_unpark gives the permit (at most one is stored). A wakeup before
 * the park is thus never lost. Parking may return early: re-check.
 * thread_unpark: any context.
 */
void thread_park(void);
void thread_unpark(struct thread *t);

/* Parks at most until the TSC reaches deadline. */
void thread_park_until(uint64_t tsc_deadline);

void thread_yield(void);

static inline bool need_resched(void)
{
	uint32_t v;

	__asm__ volatile("movl %%gs:16, %0" : "=r"(v));
	return v != 0;
}

/*
 * For an idle CPU's work, between pieces of it: true if somebody wants the CPU,
 * which the caller then soon gives up. It is not kept until now.
 */
bool thread_look_round(void);

/*
 * For long work, between pieces of it: lets whoever wants the CPU have it. A
 * service thread, which vCPUs can't displace, leaves them every other moment.
 * The caller may go on at once, or on another CPU. No spinlock held. No path
 * works longer than STRETCH_MAX_TICKS (kernel/sched/stretch.h) between two
 * calls.
 */
void thread_give_way(void);

/* Where the calling thread keeps the newest of the mutexes that it holds. */
struct mutex **thread_mutexes(void);

/* ---- what it makes of that ---- */

/* Wait queue: threads that wait for a condition. */
struct waitq {
	struct spinlock lock; /* LOCK_WAITQ, irqsave */
	struct list waiters;  /* [lock] */
};

struct waitq_entry {
	struct list link; /* [waitq.lock] */
	struct thread *thread;
};

void waitq_init(struct waitq *wq);
/* Any context. The condition must have been made true before. */
void waitq_wake_all(struct waitq *wq);
/* Wakes at most max waiters; calls in a row wake different ones. */
void waitq_wake_some(struct waitq *wq, unsigned max);
void waitq_wake_one(struct waitq *wq);
/* Between these two the caller is woken with the queue; see wait_event(). */
void waitq_prepare(struct waitq *wq, struct waitq_entry *e);
void waitq_finish(struct waitq *wq, struct waitq_entry *e);

/*
 * Parking takes the permit, which may also have been meant for a wait that the
 * caller is in the middle of (it has looked at its condition and is about to
 * park): it is given back, so that one looks again.
 */
#define wait_event(wq, cond)                                                   \
	do {                                                                   \
		struct waitq_entry we_;                                        \
		bool parked_ = false;                                          \
		waitq_prepare((wq), &we_);                                     \
		while (!(cond)) {                                              \
			thread_park();                                         \
			parked_ = true;                                        \
		}                                                              \
		waitq_finish((wq), &we_);                                      \
		if (parked_)                                                   \
			thread_unpark(thread_self());                          \
	} while (0)

/* Sleeping lock; ranked like a spinlock but below all of them. */
struct mutex {
	struct thread *owner; /* [atomic] */
	struct waitq waiters;
	uint32_t level;	    /* [const] */
	const char *name;   /* [const] */
	struct mutex *prev; /* next older one of the owner [owner] */
};

void mutex_init(struct mutex *m, enum lock_level level, const char *name);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#endif
