// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One-shot timers: a heap for each CPU and the APIC timer set for its first.
 * Guests choose how many timers there are and when they fire, so nothing here
 * walks them, and one interrupt runs only a few.
 *
 * Invariant: hardware is armed for a time not later than the first deadline,
 * unless it is held back (timer_hold_hardware). A cancelled timer leaves it
 * armed: one harmless interrupt is cheaper than reprogramming at each cancel.
 *
 * While a timer's fn runs it belongs to the CPU that runs it: who arms it
 * elsewhere meanwhile puts it into that CPU's heap. So t->cpu always tells
 * where its fn may be running, which is what timer_cancel() waits for.
 */
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/stretch.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"

/* Between so many, other interrupts get their turn. */
#define RUN_MAX 16u

/* Beyond any TSC to come; keys must not be 2^63 apart. */
#define DEADLINE_MAX BIT(62)

struct timer_queue {
	struct spinlock lock;  /* LOCK_TIMER, irqsave */
	struct prioq timers;   /* [lock] */
	struct timer *running; /* its fn runs now [lock] */
	uint64_t hardware;     /* what the APIC is set for; ~0: off [lock] */
	bool held;	       /* the APIC is left alone [own CPU] */
	bool backlog;	       /* run_due() left some that are due [lock] */
	struct cpu *cpu;       /* its timer_next mirrors the first [const] */
} ALIGNED(64);

static struct timer_queue queues[MAX_CPUS];

static struct timer *first(const struct timer_queue *q)
{
	struct prioq_node *n = prioq_first(&q->timers);

	return n ? container_of(n, struct timer, node) : NULL;
}

/* After each change of the heap. [lock] */
static void publish(struct timer_queue *q)
{
	struct timer *t = first(q);

	WRITE_ONCE(q->cpu->timer_next, t ? t->deadline : UINT64_MAX);
}

/* Lets the hardware know of the first. Own queue, locked. */
static void program(struct timer_queue *q)
{
	uint64_t next = q->cpu->timer_next;

	if (q->held || next >= q->hardware)
		return;
	q->hardware = next;
	apic_timer_set(next);
}

/* [lock] */
static void disarm(struct timer_queue *q, struct timer *t)
{
	if (!t->armed)
		return;
	prioq_remove(&q->timers, &t->node);
	t->armed = false;
	publish(q);
}

/* Runs what is due, but not more than RUN_MAX. Own queue, locked. */
static void run_due(struct timer_queue *q)
{
	bool backlog = q->backlog;

	q->backlog = true;
	for (unsigned i = 0; i < RUN_MAX; i++) {
		struct timer *t = first(q);
		uint64_t now = rdtsc();

		if (!t || t->deadline > now) {
			q->backlog = false;
			break;
		}
		if (i == 0 && !backlog)
			stretch_irq_late(now - t->deadline);
		disarm(q, t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t); /* may arm t again */
		spin_lock(&q->lock);
		q->running = NULL;
	}
}

static void timer_interrupt(void)
{
	struct timer_queue *q = &queues[cpu_id()];

	spin_lock(&q->lock);
	q->hardware = UINT64_MAX;
	run_due(q);
	program(q);
	spin_unlock(&q->lock);
}

void timer_run_due(void)
{
	struct timer_queue *q = &queues[cpu_id()];

	if (timer_next_deadline() > rdtsc())
		return;
	this_cpu()->irq_depth++;
	spin_lock(&q->lock);
	run_due(q);
	program(q);
	spin_unlock(&q->lock);
	this_cpu()->irq_depth--;
}

void timer_hold_hardware(bool hold)
{
	struct timer_queue *q = &queues[cpu_id()];

	q->held = hold;
	/* Nobody else lowers what this CPU has been set for. */
	if (hold || timer_next_deadline() >= READ_ONCE(q->hardware))
		return;
	spin_lock(&q->lock);
	program(q);
	spin_unlock(&q->lock);
}

void timer_init_cpu(void)
{
	struct timer_queue *q = &queues[cpu_id()];

	spin_init(&q->lock, LOCK_TIMER, "timer");
	prioq_init(&q->timers);
	q->hardware = UINT64_MAX;
	q->held = false;
	q->backlog = false;
	q->cpu = this_cpu();
	publish(q);
	irq_register(IRQ_VEC_TIMER, timer_interrupt);
	apic_timer_init_cpu(IRQ_VEC_TIMER);
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
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

/* Locks the queue that t shall go to, t being in none. Interrupts are off. */
static struct timer_queue *take_for_arming(struct timer *t)
{
	struct timer_queue *own = &queues[cpu_id()];

	for (;;) {
		struct timer_queue *q = lock_queue_of(t);

		disarm(q, t);
		if (q == own || q->running == t)
			return q;
		WRITE_ONCE(t->cpu, cpu_id());
		spin_unlock(&q->lock);
	}
}

void timer_arm(struct timer *t, uint64_t tsc_deadline)
{
	uint64_t flags = irq_save();
	struct timer_queue *q = take_for_arming(t);

	/* One in the past is due now, and not late. */
	tsc_deadline = max(tsc_deadline, rdtsc());
	t->deadline = min(tsc_deadline, DEADLINE_MAX);
	prioq_insert(&q->timers, &t->node, t->deadline);
	WRITE_ONCE(t->armed, true);
	publish(q);
	/* Another CPU programs its hardware when t's fn has returned. */
	if (q == &queues[cpu_id()])
		program(q);
	spin_unlock(&q->lock);
	irq_restore(flags);
}

void timer_cancel(struct timer *t)
{
	for (;;) {
		uint64_t flags = irq_save();
		struct timer_queue *q = lock_queue_of(t);
		bool running = q->running == t;

		disarm(q, t);
		spin_unlock(&q->lock);
		irq_restore(flags);
		if (!running)
			return;
		/* Its fn runs on another CPU and may arm it again. */
		BUG_ON(q == &queues[cpu_id()] && this_cpu()->irq_depth);
		cpu_pause();
	}
}
