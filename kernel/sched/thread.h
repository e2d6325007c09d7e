/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel threads. Every vCPU and every service is one. Not preemptible in
 * the kernel: a thread runs until it blocks, yields, or (vCPU) goes back to
 * the scheduler because need_resched() became true. Service threads run
 * ahead of vCPU threads; vCPU threads share by weight.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/list.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"

enum thread_class {
	THREAD_SERVICE,
	THREAD_VCPU,
	THREAD_IDLE, /* one for each CPU, made by the scheduler */
};

struct thread;

struct thread_params {
	const char *name; /* copied, up to 31 characters */
	void (*fn)(void *arg);
	void *arg;
	enum thread_class class;
	uint32_t weight; /* THREAD_VCPU: 1..10000, default 100 */
	/*
	 * Called with interrupts off and the run queue unlocked, on the CPU
	 * in question, when the thread starts or stops to occupy it. NULL:
	 * none. switch_out runs before another thread runs there; switch_in
	 * after the thread's own stack is active again.
	 */
	void (*switch_in)(void *arg);
	void (*switch_out)(void *arg);
};

/* 0, -ENOMEM. The thread is runnable at once. Stack 16 KiB with guard page. */
MUST_CHECK int thread_create(const struct thread_params *p,
			     struct thread **out);

/* Ends the calling thread (also by returning from fn). */
NORETURN void thread_exit(void);

/* Waits until t has ended and frees it. Not for oneself. */
void thread_join(struct thread *t);

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
void thread_sleep_ns(uint64_t ns);

void thread_yield(void);
void thread_set_weight(struct thread *t, uint32_t weight);

/* Ticks of TSC that t has run so far. */
uint64_t thread_runtime(const struct thread *t);

static inline bool need_resched(void)
{
	uint32_t v;

	__asm__ volatile("movl %%gs:16, %0" : "=r"(v));
	return v != 0;
}

/* For long loops in service threads. No spinlock held. */
static inline void cond_resched(void)
{
	if (unlikely(need_resched()))
		thread_yield();
}

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
/* Wakes one waiter; calls in a row wake different ones. */
void waitq_wake_one(struct waitq *wq);
/* Between these two the caller is woken with the queue; see wait_event(). */
void waitq_prepare(struct waitq *wq, struct waitq_entry *e);
void waitq_finish(struct waitq *wq, struct waitq_entry *e);

#define wait_event(wq, cond)                                                   \
	do {                                                                   \
		struct waitq_entry we_;                                        \
		waitq_prepare((wq), &we_);                                     \
		while (!(cond))                                                \
			thread_park();                                         \
		waitq_finish((wq), &we_);                                      \
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
