// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scheduler: one run queue for each CPU, in the order of
 * kernel/sched/runq.c.
 *
 * A run queue's lock is held across a switch: the thread that switches away
 * takes it, the thread that it switches to drops it. So nobody can run a
 * thread on another CPU before its registers are saved.
 *
 * Weights hold over the machine, not only on one CPU: when a turn ends, a
 * thread that would wait here longest goes where a thread that is ahead of it
 * runs (balance()). An idle CPU takes waiting threads from the others.
 *
 * No tick: the slice timer is armed only while somebody waits for a turn.
 */
#include "kernel/sched/sched.h"

#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/runq.h"
#include "kernel/sched/stretch.h"
#include "mm/frame.h"

#define SLICE_US       10000u /* a turn, when others wait */
#define GRANULARITY_US 2000u  /* lead that a running vCPU may keep */
#define BONUS_US       5000u  /* credit for having slept */
#define SHARE_US       200u   /* long work of a service, between vCPUs' turns */

struct cpu_sched {
	struct spinlock lock;	/* LOCK_RUNQ, irqsave */
	struct runq rq;		/* [lock] */
	struct thread *current; /* [lock; read racily by others] */
	struct thread *idle;	/* [const] */
	uint64_t since;		/* TSC when current was last charged [lock] */
	struct timer slice;	/* [own CPU, interrupts off] */
	uint64_t nr_switches;	/* [own CPU] */
	uint64_t start;		/* TSC of sched_init_cpu [const] */
	bool online;		/* [const after smp_init] */
} ALIGNED(64);

static struct cpu_sched scheds[MAX_CPUS];
static uint64_t idle_mask; /* CPUs whose idle thread runs [atomic] */
static bool clean_pool;	   /* [const after boot] */

static struct cpu_sched *this_sched(void)
{
	return &scheds[cpu_id()];
}

static uint64_t us_to_virtual(uint32_t us)
{
	return runq_virtual(tsc_khz * us / 1000, WEIGHT_DEFAULT);
}

/* ---- accounting ---- */

static void charge(struct cpu_sched *s)
{
	uint64_t now = rdtsc();

	/* TSCs of CPUs may differ a little: never charge a huge number. */
	if ((int64_t)(now - s->since) > 0)
		runq_charge(&s->rq, s->current, now - s->since);
	s->since = now;
}

/* The virtual runtime of what runs on s, now; racy: only a hint. */
static uint64_t vruntime_now(const struct cpu_sched *s,
			     const struct thread *curr)
{
	uint64_t v = READ_ONCE(curr->vruntime);
	int64_t ran = (int64_t)(rdtsc() - READ_ONCE(s->since));

	return ran > 0 ? v + runq_virtual((uint64_t)ran, curr->weight) : v;
}

/* ---- turns ---- */

static void slice_over(struct timer *t)
{
	(void)t;
	this_cpu()->need_resched = 1;
}

/* Arms the slice timer if somebody waits and it isn't armed. Own CPU, locked.
 */
static void update_slice(struct cpu_sched *s)
{
	if (s->current != s->idle && !s->slice.armed &&
	    runq_needs_slice(&s->rq, s->current))
		timer_arm(&s->slice, rdtsc() + tsc_khz * SLICE_US / 1000);
}

/* Another CPU queued a thread here, or wants this one to reschedule. */
static void kick_interrupt(void)
{
	struct cpu_sched *s = this_sched();

	spin_lock(&s->lock);
	update_slice(s);
	spin_unlock(&s->lock);
}

/* ---- choosing a CPU ---- */

static bool claim_idle(uint32_t cpu)
{
	uint64_t bit = BIT(cpu);

	return READ_ONCE(idle_mask) & bit &&
	       __atomic_fetch_and(&idle_mask, ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* An idle CPU, t's last one by preference; else where t waits least. */
static uint32_t choose_cpu(const struct thread *t)
{
	uint64_t idle;

	if (claim_idle(t->cpu))
		return t->cpu;
	while ((idle = READ_ONCE(idle_mask)) != 0) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(idle);

		if (claim_idle(cpu))
			return cpu;
	}
	if (READ_ONCE(scheds[t->cpu].current)->class > t->class)
		return t->cpu;
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (scheds[cpu].online &&
		    READ_ONCE(scheds[cpu].current)->class > t->class)
			return cpu;
	return t->cpu;
}

/* Tells CPU `cpu` that t was queued there. Its lock is held. */
static void notify(uint32_t cpu, const struct thread *t)
{
	struct cpu_sched *s = &scheds[cpu];
	struct thread *curr = s->current;
	bool preempt = runq_preempts(t, curr, vruntime_now(s, curr),
				     us_to_virtual(GRANULARITY_US));

	if (preempt)
		WRITE_ONCE(cpu_of(cpu)->need_resched, 1);
	if (cpu != cpu_id() && (preempt || runq_needs_slice(&s->rq, curr)))
		smp_kick(cpu);
}

/*
 * Queues t, which is in no queue, on a CPU. Interrupts off, no run queue
 * locked; t->cpu is `cpu` already and its state READY.
 */
static void enqueue(struct thread *t, uint32_t cpu, bool slept)
{
	struct cpu_sched *s = &scheds[cpu];

	spin_lock(&s->lock);
	if (slept)
		runq_place(&s->rq, t, us_to_virtual(BONUS_US));
	runq_insert(&s->rq, t);
	notify(cpu, t);
	if (cpu == cpu_id())
		update_slice(s);
	spin_unlock(&s->lock);
}

/* Locks the run queue that guards t. Interrupts are off. */
static struct cpu_sched *lock_sched_of(const struct thread *t)
{
	for (;;) {
		uint32_t cpu = READ_ONCE(t->cpu);

		spin_lock(&scheds[cpu].lock);
		if (READ_ONCE(t->cpu) == cpu)
			return &scheds[cpu];
		spin_unlock(&scheds[cpu].lock);
	}
}

void sched_wake(struct thread *t)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = lock_sched_of(t);
	uint32_t cpu;

	if (t->state != THREAD_PARKED) {
		spin_unlock(&s->lock);
		irq_restore(flags);
		return;
	}
	cpu = choose_cpu(t);
	t->state = THREAD_READY;
	WRITE_ONCE(t->cpu, cpu);
	spin_unlock(&s->lock);
	enqueue(t, cpu, true);
	irq_restore(flags);
}

void sched_start(struct thread *t)
{
	t->cpu = cpu_id();
	t->state = THREAD_PARKED;
	sched_wake(t);
}

/* ---- balance ---- */

/* An idle CPU, else the one whose vCPU is furthest ahead of w, or -1. */
static int cpu_ahead_of(const struct thread *w)
{
	uint64_t most = w->vruntime + us_to_virtual(GRANULARITY_US);
	uint64_t idle = READ_ONCE(idle_mask);
	int best = -1;

	if (idle && claim_idle((uint32_t)__builtin_ctzll(idle)))
		return __builtin_ctzll(idle);

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct cpu_sched *s = &scheds[cpu];
		const struct thread *curr = READ_ONCE(s->current);
		uint64_t v;

		if (cpu == cpu_id() || !s->online || curr->class != THREAD_VCPU)
			continue;
		v = vruntime_now(s, curr);
		if (vruntime_before(most, v)) {
			most = v;
			best = (int)cpu;
		}
	}
	return best;
}

/*
 * After a switch: of those who wait here the last one would wait longest. If
 * another CPU runs a vCPU that is ahead of it, it takes that one's place. Who
 * is displaced there is further ahead than who came, so this comes to an end.
 */
static void balance(struct cpu_sched *s)
{
	struct thread *w;
	int to = -1;

	if (nr_cpus == 1 || !READ_ONCE(s->rq.nr_waiting))
		return;
	spin_lock(&s->lock);
	w = runq_last_vcpu(&s->rq);
	if (w && s->current->class == THREAD_VCPU)
		to = cpu_ahead_of(w);
	if (to >= 0) {
		runq_remove(&s->rq, w);
		WRITE_ONCE(w->cpu, (uint32_t)to);
	}
	spin_unlock(&s->lock);
	if (to >= 0)
		enqueue(w, (uint32_t)to, false);
}

/* ---- switching ---- */

/* First thing on the stack of the thread that was switched to. */
static NOINLINE void finish_switch(void)
{
	struct cpu_sched *s = this_sched();
	struct thread *t = s->current;

	update_slice(s);
	spin_unlock(&s->lock);
	balance(s);
	if (t->switch_in)
		t->switch_in(t->arg);
	stretch_begin();
}

void sched_thread_begin(void)
{
	finish_switch();
	irq_enable();
	thread_self()->fn(thread_self()->arg);
	thread_exit();
}

static struct thread *pick_next(struct cpu_sched *s)
{
	struct thread *next = runq_first(&s->rq);

	if (!next)
		return s->idle;
	runq_remove(&s->rq, next);
	return next;
}

static void set_current(struct cpu_sched *s, struct thread *next)
{
	uint64_t bit = BIT(cpu_id());

	next->state = THREAD_RUNNING;
	WRITE_ONCE(s->current, next);
	this_cpu()->current = next;
	this_cpu()->need_resched = 0;
	if (next == s->idle)
		__atomic_fetch_or(&idle_mask, bit, __ATOMIC_SEQ_CST);
	else if (READ_ONCE(idle_mask) & bit)
		__atomic_fetch_and(&idle_mask, ~bit, __ATOMIC_SEQ_CST);
}

/*
 * Stops running the calling thread, which goes to `state`, and runs the next
 * one; returns when the caller's turn has come again. If it should go on at
 * once it does, its hooks having run. Interrupts off.
 */
static void switch_away(enum thread_state state)
{
	struct cpu_sched *s = this_sched();
	struct thread *prev = s->current;
	struct thread *next;

	stretch_end();
	if (prev->switch_out)
		prev->switch_out(prev->arg);
	if (spin_any_held())
		panic("%s gives up the CPU while holding %s", prev->name,
		      spin_chain()->name);
	if (s->slice.armed)
		timer_cancel(&s->slice);
	spin_lock(&s->lock);
	charge(s);
	if (state == THREAD_PARKED && READ_ONCE(prev->permit))
		state = THREAD_READY;
	prev->state = state;
	if (state == THREAD_READY && prev != s->idle)
		runq_insert(&s->rq, prev);
	next = pick_next(s);
	set_current(s, next);
	if (next != prev) {
		s->nr_switches++;
		context_switch(&prev->rsp, next->rsp);
	}
	finish_switch();
}

void sched_park(void)
{
	struct thread *t = thread_self();
	uint64_t flags;

	if (!READ_ONCE(t->permit)) {
		flags = irq_save();
		switch_away(THREAD_PARKED);
		irq_restore(flags);
	}
	/* Ordered before what the caller re-checks. */
	__atomic_exchange_n(&t->permit, 0u, __ATOMIC_SEQ_CST);
}

void sched_exit(void)
{
	irq_disable();
	switch_away(THREAD_DEAD);
	panic("a dead thread runs");
}

bool sched_is_gone(const struct thread *t)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = lock_sched_of(t);
	bool gone = t->state == THREAD_DEAD;

	spin_unlock(&s->lock);
	irq_restore(flags);
	return gone;
}

/* ---- giving way ---- */

/*
 * Nobody waits: the caller may go on, without its hooks having run. The wish
 * to reschedule is taken back first; who queues a thread later makes it anew.
 */
static bool nothing_to_yield_to(struct cpu_sched *s)
{
	__atomic_exchange_n(&this_cpu()->need_resched, 0u, __ATOMIC_SEQ_CST);
	return !READ_ONCE(s->rq.nr_waiting);
}

void sched_yield_cpu(void)
{
	uint64_t flags = irq_save();

	if (nothing_to_yield_to(this_sched())) {
		stretch_end();
		stretch_begin();
		irq_restore(flags);
		return;
	}
	switch_away(THREAD_READY);
	irq_restore(flags);
}

void sched_leave_vcpus_time(void)
{
	struct cpu_sched *s = this_sched();
	uint64_t now = rdtsc(), ran = now - READ_ONCE(s->since);

	if (thread_self()->class == THREAD_SERVICE &&
	    READ_ONCE(s->rq.nr_waiting) && ran >= tsc_khz * SHARE_US / 1000)
		thread_park_until(now + ran);
}

/* Takes a waiting thread from another CPU. True: one is queued here now. */
static bool steal_from(uint32_t cpu)
{
	struct cpu_sched *s = &scheds[cpu];
	struct thread *t = NULL;

	if (!READ_ONCE(s->rq.nr_waiting))
		return false;
	spin_lock(&s->lock);
	/* An idle CPU has been told already and is about to run it. */
	if (s->current != s->idle)
		t = runq_first(&s->rq);
	if (t) {
		runq_remove(&s->rq, t);
		WRITE_ONCE(t->cpu, cpu_id());
	}
	spin_unlock(&s->lock);
	if (t)
		enqueue(t, cpu_id(), false);
	return t;
}

static bool steal(void)
{
	uint64_t flags = irq_save();
	bool found = false;

	for (uint32_t i = 1; i < nr_cpus && !found; i++)
		found = steal_from((cpu_id() + i) % nr_cpus);
	irq_restore(flags);
	return found;
}

/* ---- idle ---- */

/* Sleeps until an interrupt, unless there is something to do. */
static void idle_halt(void)
{
	irq_disable();
	if (need_resched()) {
		irq_enable();
		return;
	}
	/* `sti` lets interrupts in only after `hlt` has begun. */
	stretch_end();
	__asm__ volatile("sti; hlt" : : : "memory");
	stretch_begin();
}

void sched_idle(void)
{
	irq_enable();
	for (;;) {
		if (need_resched() || steal())
			sched_yield_cpu();
		else if (!clean_pool || !frame_zero_some())
			idle_halt();
	}
}

void sched_set_clean_pool(bool on)
{
	clean_pool = on;
}

/* ---- set-up and statistics ---- */

void sched_init(void)
{
	for (uint32_t i = 0; i < MAX_CPUS; i++) {
		spin_init(&scheds[i].lock, LOCK_RUNQ, "runq");
		runq_init(&scheds[i].rq);
	}
	irq_register(IRQ_VEC_KICK, kick_interrupt);
}

void sched_init_cpu(struct thread *idle)
{
	struct cpu_sched *s = this_sched();

	snprintf(idle->name, sizeof(idle->name), "idle/%u", cpu_id());
	idle->class = THREAD_IDLE;
	idle->weight = 1;
	idle->cpu = cpu_id();
	idle->state = THREAD_RUNNING;
	timer_init(&s->slice, slice_over);
	s->idle = idle;
	s->start = s->since = rdtsc();
	set_current(s, idle);
	s->online = true;
}

void thread_set_weight(struct thread *t, uint32_t weight)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = lock_sched_of(t);

	if (s->current == t)
		charge(s);
	t->weight = weight_clamp(weight);
	spin_unlock(&s->lock);
	irq_restore(flags);
}

/* Ticks that t ran, its current turn included; s guards t and is locked. */
static uint64_t runtime_locked(const struct cpu_sched *s,
			       const struct thread *t)
{
	int64_t now = (int64_t)(rdtsc() - s->since);

	return t->runtime + (s->current == t && now > 0 ? (uint64_t)now : 0);
}

uint64_t thread_runtime(const struct thread *t)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = lock_sched_of(t);
	uint64_t ticks = runtime_locked(s, t);

	spin_unlock(&s->lock);
	irq_restore(flags);
	return ticks;
}

bool cpu_get_stats(uint32_t cpu, struct cpu_stats *out)
{
	struct cpu_sched *s = &scheds[cpu];
	struct stretch_stats kept;
	uint64_t flags, total;

	if (cpu >= nr_cpus || !s->online)
		return false;
	flags = spin_lock_irqsave(&s->lock);
	out->apic_id = cpu_of(cpu)->apic_id;
	out->idle_ticks = runtime_locked(s, s->idle);
	out->nr_runnable = s->rq.nr_waiting + (s->current != s->idle);
	out->nr_switches = s->nr_switches;
	out->nr_irqs = cpu_of(cpu)->nr_irqs;
	str_copy(out->running, s->current->name, sizeof(out->running));
	total = rdtsc() - s->start;
	spin_unlock_irqrestore(&s->lock, flags);
	out->busy_ticks = total - min(total, out->idle_ticks);
	stretch_get(cpu, &kept);
	out->longest_kept = kept.longest;
	out->irq_late = kept.irq_late;
	out->kept_until = kept.where;
	str_copy(out->kept_by, kept.who, sizeof(out->kept_by));
	return true;
}
