// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One-shot timers: a list for each CPU, earliest first, and the APIC timer set
 * for its head. Lists are short (a few timers for each vCPU that last ran
 * here), so that a walk beats a heap.
 *
 * Invariant: hardware is armed for a time not later than the head's. A
 * cancelled head leaves it armed: one harmless interrupt is cheaper than
 * reprogramming at each cancel.
 */
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/clock_priv.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"

struct timer_queue {
	struct spinlock lock;  /* LOCK_TIMER, irqsave */
	struct list timers;    /* [lock] */
	struct timer *running; /* its fn runs now [lock] */
	uint64_t hardware;     /* what the APIC is set for; ~0: off [lock] */
} ALIGNED(64);

static struct timer_queue queues[MAX_CPUS];

/* Lets the hardware know of the head. Own queue, locked. */
static void program(struct timer_queue *q)
{
	uint64_t next = UINT64_MAX;

	if (!list_empty(&q->timers))
		next = list_first(&q->timers, struct timer, link)->deadline;
	if (next >= q->hardware)
		return;
	q->hardware = next;
	apic_timer_set(next);
}

static void insert(struct timer_queue *q, struct timer *t)
{
	struct list *pos = q->timers.prev;

	/* From the end: a new timer is most often the latest one. */
	while (pos != &q->timers &&
	       list_entry(pos, struct timer, link)->deadline > t->deadline)
		pos = pos->prev;
	list_insert_between(&t->link, pos, pos->next);
	t->armed = true;
}

static void timer_interrupt(void)
{
	struct timer_queue *q = &queues[cpu_id()];
	struct timer *t;

	spin_lock(&q->lock);
	q->hardware = UINT64_MAX;
	while (!list_empty(&q->timers)) {
		t = list_first(&q->timers, struct timer, link);
		if (t->deadline > rdtsc())
			break;
		list_remove(&t->link);
		t->armed = false;
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t); /* may arm t again, or free it */
		spin_lock(&q->lock);
		q->running = NULL;
	}
	program(q);
	spin_unlock(&q->lock);
}

void timer_init_cpu(void)
{
	struct timer_queue *q = &queues[cpu_id()];

	spin_init(&q->lock, LOCK_TIMER, "timer");
	list_init(&q->timers);
	q->hardware = UINT64_MAX;
	irq_register(IRQ_VEC_TIMER, timer_interrupt);
	apic_timer_init_cpu(IRQ_VEC_TIMER);
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	list_init(&t->link);
	t->deadline = 0;
	t->cpu = cpu_id();
	t->armed = false;
	t->fn = fn;
}

/* Locks the queue that t is, or was last, in. Interrupts are off. */
static struct timer_queue *lock_queue_of(const struct timer *t)
{
	for (;;) {
		uint32_t cpu = READ_ONCE(t->cpu);
		struct timer_queue *q = &queues[cpu];

		spin_lock(&q->lock);
		if (READ_ONCE(t->cpu) == cpu)
			return q;
		spin_unlock(&q->lock);
	}
}

void timer_arm(struct timer *t, uint64_t tsc_deadline)
{
	uint64_t flags = irq_save();
	struct timer_queue *own = &queues[cpu_id()];
	struct timer_queue *q = lock_queue_of(t);

	list_remove(&t->link);
	if (q != own) {
		t->armed = false;
		WRITE_ONCE(t->cpu, cpu_id());
		spin_unlock(&q->lock);
		spin_lock(&own->lock);
	}
	t->deadline = tsc_deadline;
	insert(own, t);
	program(own);
	spin_unlock(&own->lock);
	irq_restore(flags);
}

void timer_cancel(struct timer *t)
{
	for (;;) {
		uint64_t flags = irq_save();
		struct timer_queue *q = lock_queue_of(t);
		bool running = q->running == t;

		list_remove(&t->link);
		t->armed = false;
		spin_unlock(&q->lock);
		irq_restore(flags);
		if (!running)
			return;
		/* Its fn runs on another CPU and may arm it again. */
		BUG_ON(q == &queues[cpu_id()] && this_cpu()->irq_depth);
		cpu_pause();
	}
}
