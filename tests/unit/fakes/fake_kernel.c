// SPDX-License-Identifier: GPL-2.0-or-later
/* panic, log, CPUs, spinlocks, threads, timers and heap for host tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <sched.h>

#include "fakes.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/stretch.h"
#include "kernel/sync/spinlock.h"
#include "mm/heap.h"

#define WEAK __attribute__((weak))

/* ---- the end of a test ---- */

static NORETURN void give_up(const char *file, int line, const char *what)
{
	mock_assert(0, what, file, line);
	abort(); /* not reached: mock_assert() leaves by longjmp */
}

WEAK void panic(const char *fmt, ...)
{
	static char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	give_up("panic", 0, text);
}

WEAK void bug_at(const char *file, int line, const char *what)
{
	give_up(file, line, what);
}

/* ---- log ---- */

char fake_log_last[512];
unsigned fake_log_count[LOG_DEBUG + 1];

WEAK void log_emit(enum log_level level, const char *room, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_log_last, sizeof(fake_log_last), fmt, ap);
	va_end(ap);
	fake_log_count[level]++;
	if (getenv("FAKE_LOG"))
		fprintf(stderr, "[%d %s] %s\n", (int)level, room,
			fake_log_last);
}

WEAK void log_guest(struct log_source *s, enum log_level level,
		    const char *room, const char *fmt, ...)
{
	char text[sizeof(fake_log_last)];
	va_list ap;

	(void)s;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_emit(level, room, "%s", text);
}

WEAK bool ratelimit_ok(struct ratelimit *rl, uint32_t burst, uint32_t *dropped)
{
	(void)rl;
	(void)burst;
	*dropped = 0;
	return true;
}

/* ---- CPUs ---- */

_Thread_local uint32_t fake_cpu_id;
struct cpu fake_cpus[MAX_CPUS];
WEAK uint32_t nr_cpus = 1;

WEAK struct cpu *cpu_of(uint32_t id)
{
	return &fake_cpus[id];
}

/* ---- spinlocks: real ones, so that pthreads may play CPUs ---- */

#define MAX_HELD 8

static _Thread_local const struct spinlock *held[MAX_HELD];
static _Thread_local unsigned nr_held;

unsigned fake_locks_held(void)
{
	return nr_held;
}

void fake_locks_drop(void)
{
	while (nr_held)
		__atomic_store_n(&((struct spinlock *)held[--nr_held])->locked,
				 0, __ATOMIC_RELEASE);
}

static void note_locked(const struct spinlock *l)
{
	if (nr_held == MAX_HELD)
		panic("too many locks held at %s", l->name);
	held[nr_held++] = l;
}

WEAK void spin_lock(struct spinlock *l)
{
	const struct spinlock *top = nr_held ? held[nr_held - 1] : NULL;

	if (top && top->level >= l->level)
		panic("lock order: %s taken under %s", l->name, top->name);
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	note_locked(l);
}

WEAK bool spin_trylock(struct spinlock *l)
{
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		return false;
	note_locked(l);
	return true;
}

WEAK void spin_unlock(struct spinlock *l)
{
	if (!nr_held || held[nr_held - 1] != l)
		panic("%s unlocked out of order", l->name);
	nr_held--;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

WEAK uint64_t spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}

WEAK void spin_unlock_irqrestore(struct spinlock *l, uint64_t rflags)
{
	(void)rflags;
	spin_unlock(l);
}

WEAK struct spinlock spin_chain_end;

WEAK bool spin_any_held(void)
{
	return nr_held;
}

WEAK const struct spinlock *spin_chain(void)
{
	return nr_held ? held[nr_held - 1] : NULL;
}

/* ---- threads ---- */

void (*fake_park_hook)(void);
unsigned fake_nr_unparks;

WEAK struct thread *thread_self(void)
{
	static _Thread_local char self;

	return (struct thread *)&self;
}

WEAK const char *thread_name(const struct thread *t)
{
	(void)t;
	return "fake";
}

WEAK void thread_park(void)
{
	if (!fake_park_hook)
		panic("thread_park: nobody would wake it");
	if (nr_held)
		panic("thread_park under %s", held[nr_held - 1]->name);
	fake_park_hook();
}

WEAK void thread_park_until(uint64_t tsc_deadline)
{
	if (fake_park_hook)
		fake_park_hook();
	else if (tsc_deadline > fake_tsc)
		fake_clock_advance(tsc_deadline - fake_tsc);
}

WEAK void thread_unpark(struct thread *t)
{
	(void)t;
	fake_nr_unparks++;
}

WEAK void thread_yield(void)
{
}

void (*fake_give_way_hook)(void);
unsigned fake_nr_ways_given;

WEAK bool thread_look_round(void)
{
	return need_resched();
}

WEAK void thread_give_way(void)
{
	if (nr_held)
		panic("thread_give_way under %s", held[nr_held - 1]->name);
	fake_nr_ways_given++;
	if (fake_give_way_hook)
		fake_give_way_hook();
}

WEAK void stretch_begin(void)
{
}

WEAK void stretch_end_at(const void *where)
{
	(void)where;
}

WEAK void stretch_irq_late(uint64_t ticks)
{
	(void)ticks;
}

WEAK void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock, LOCK_WAITQ, "waitq");
	list_init(&wq->waiters);
}

WEAK void waitq_prepare(struct waitq *wq, struct waitq_entry *e)
{
	e->thread = thread_self();
	spin_lock(&wq->lock);
	list_push_back(&wq->waiters, &e->link);
	spin_unlock(&wq->lock);
}

WEAK void waitq_finish(struct waitq *wq, struct waitq_entry *e)
{
	spin_lock(&wq->lock);
	list_remove(&e->link);
	spin_unlock(&wq->lock);
}

WEAK void waitq_wake_all(struct waitq *wq)
{
	struct waitq_entry *e;

	spin_lock(&wq->lock);
	list_for_each (e, &wq->waiters, link)
		thread_unpark(e->thread);
	spin_unlock(&wq->lock);
}

WEAK void waitq_wake_some(struct waitq *wq, unsigned max)
{
	struct waitq_entry *e;

	spin_lock(&wq->lock);
	list_for_each (e, &wq->waiters, link) {
		if (!max--)
			break;
		thread_unpark(e->thread);
	}
	spin_unlock(&wq->lock);
}

WEAK void waitq_wake_one(struct waitq *wq)
{
	spin_lock(&wq->lock);
	if (!list_empty(&wq->waiters))
		thread_unpark(list_first(&wq->waiters, struct waitq_entry, link)
				      ->thread);
	spin_unlock(&wq->lock);
}

WEAK void mutex_init(struct mutex *m, enum lock_level level, const char *name)
{
	*m = (struct mutex){ .level = level, .name = name };
	waitq_init(&m->waiters);
}

WEAK void mutex_lock(struct mutex *m)
{
	if (m->owner)
		panic("mutex %s: would block", m->name);
	m->owner = thread_self();
}

WEAK void mutex_unlock(struct mutex *m)
{
	m->owner = NULL;
}

WEAK void sched_group_charge(struct sched_group *g, uint64_t ticks)
{
	g->extra += ticks;
}

/* ---- clock and timers ---- */

uint64_t fake_tsc;
WEAK uint64_t tsc_khz = 1000000;

static struct timer *timers[1024]; /* armed */
static unsigned nr_timers;

WEAK uint64_t tsc_to_ns(uint64_t ticks)
{
	return ticks;
}

WEAK uint64_t ns_to_tsc(uint64_t ns)
{
	return ns;
}

WEAK uint64_t clock_ns(void)
{
	return fake_tsc;
}

WEAK uint64_t clock_boot_epoch(void)
{
	return 0;
}

WEAK void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}

WEAK void timer_cancel(struct timer *t)
{
	for (unsigned i = 0; i < nr_timers; i++) {
		if (timers[i] == t) {
			timers[i] = timers[--nr_timers];
			break;
		}
	}
	t->armed = false;
}

WEAK void timer_hold_hardware(bool hold)
{
	(void)hold;
}

WEAK void timer_run_due(void)
{
}

WEAK void timer_arm(struct timer *t, uint64_t tsc_deadline)
{
	timer_cancel(t);
	t->deadline = tsc_deadline;
	t->cpu = cpu_id();
	t->armed = true;
	if (nr_timers == ARRAY_SIZE(timers))
		panic("too many timers");
	timers[nr_timers++] = t;
}

/* The armed timer with the earliest deadline not after `until`, or NULL. */
static struct timer *earliest_timer(uint64_t until)
{
	struct timer *best = NULL;

	for (unsigned i = 0; i < nr_timers; i++)
		if (timers[i]->deadline <= until &&
		    (!best || timers[i]->deadline < best->deadline))
			best = timers[i];
	return best;
}

void fake_clock_advance(uint64_t ticks)
{
	uint64_t end = fake_tsc + ticks;
	struct timer *t;

	while ((t = earliest_timer(end)) != NULL) {
		timer_cancel(t);
		fake_tsc = max(fake_tsc, t->deadline);
		t->fn(t);
	}
	fake_tsc = end;
}

/* ---- heap: the host's, so that the sanitizer watches it ---- */

WEAK void heap_init(void)
{
}

WEAK void *kmalloc(size_t nbytes)
{
	return malloc(nbytes);
}

WEAK void *kzalloc(size_t nbytes)
{
	return calloc(1, nbytes);
}

WEAK void kfree(void *p)
{
	free(p);
}
