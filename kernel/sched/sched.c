// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scheduler: one run queue for each CPU (kernel/sched/runq.c), and the
 * virtual time of kernel/sched/fair.h.
 *
 * A run queue's lock is held across a switch: the thread that switches away
 * takes it, the thread that it switches to drops it. So nobody can run a
 * thread on another CPU before its registers are saved.
 *
 * Weights hold over the machine, not only on one CPU: when a turn ends, the
 * vCPU with the first claim of those that wait here goes where one that is
 * ahead of it runs (balance()). An idle CPU takes waiting threads from the
 * others, and is told when there is one. No lock is common to all CPUs. What
 * one looks at without the other's lock are hints, never threads: those may be
 * gone.
 *
 * No tick: the slice timer is armed only while somebody waits for a turn.
 */
#include "kernel/sched/sched.h"

#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sched/fair.h"
#include "kernel/sched/runq.h"
#include "kernel/sched/stretch.h"
#include "mm/frame.h"

#define SHARE_US 200u /* long work of a service, between vCPUs' turns */
/* Enough for hundreds of services at work on one CPU, each so long. */
#define OWED_MAX_US 200000u

struct cpu_sched {
	struct spinlock lock;	/* LOCK_RUNQ, irqsave */
	struct runq rq;		/* [lock; nr_waiting read racily by others] */
	struct thread *current; /* [lock] */
	struct fair_hint hint;	/* about current [lock; read by others] */
	struct fair_hint first; /* about the first vCPU that waits [ditto] */
	struct thread *idle;	/* [const] */
	uint64_t since;		/* TSC when current was last charged [lock] */
	uint64_t owed;		/* see settle_debt() [lock] */
	struct timer slice;	/* [own CPU, interrupts off] */
	uint64_t nr_switches;	/* [own CPU] */
	uint64_t start;		/* TSC of sched_init_cpu [const] */
	bool online;		/* [const after sched_init_cpu] */
} ALIGNED(64);

static struct cpu_sched scheds[MAX_CPUS];
static uint64_t idle_mask; /* CPUs whose idle thread runs [atomic] */
static uint64_t clock;	   /* virtual; see fair.h [atomic] */
static bool clean_pool;	   /* [const after boot] */

static struct cpu_sched *this_sched(void)
{
	return &scheds[cpu_id()];
}

/* ---- accounting ---- */

/* What others may know of t, a thread of s; NULL: there is none. [lock] */
static void publish(struct fair_hint *h, const struct cpu_sched *s,
		    const struct thread *t)
{
	enum thread_class class = t ? t->class : THREAD_IDLE;

	if (class == THREAD_VCPU) {
		WRITE_ONCE(h->vruntime, t->vruntime);
		WRITE_ONCE(h->rate, fair_rate(t->group));
	}
	WRITE_ONCE(h->since, s->since);
	WRITE_ONCE(h->class, class);
}

/* [lock] */
static void insert(struct cpu_sched *s, struct thread *t)
{
	runq_insert(&s->rq, t);
	publish(&s->first, s, runq_first_vcpu(&s->rq));
}

/* [lock] */
static void remove(struct cpu_sched *s, struct thread *t)
{
	runq_remove(&s->rq, t);
	publish(&s->first, s, runq_first_vcpu(&s->rq));
}

/*
 * What services used while vCPUs waited here, and these have not had since.
 * One sum for all services: else, while one leaves the vCPUs its time, the
 * others take it. Current has run so long. [lock]
 */
static void settle_debt(struct cpu_sched *s, uint64_t ran)
{
	if (s->current->class == THREAD_VCPU)
		s->owed -= min(s->owed, ran);
	else if (s->first.class == THREAD_VCPU)
		s->owed = min(s->owed + ran, tsc_khz * OWED_MAX_US / 1000);
	else
		s->owed = 0;
}

/* Current pays for what it has run. [lock] */
static void charge(struct cpu_sched *s)
{
	struct thread *t = s->current;
	uint64_t now = rdtsc();

	/* TSCs of CPUs may differ a little: never charge a huge number. */
	if ((int64_t)(now - s->since) > 0) {
		t->runtime += now - s->since;
		settle_debt(s, now - s->since);
		if (t->class == THREAD_VCPU)
			fair_charge(t, now, READ_ONCE(clock));
	}
	s->since = now;
}

/* ---- turns ---- */

static void slice_over(struct timer *t)
{
	(void)t;
	WRITE_ONCE(this_cpu()->need_resched, 1);
}

/*
 * The least rate, that is the heaviest thread, of those that wait here and
 * those that run anywhere. [lock]
 */
static uint32_t least_rate(const struct cpu_sched *s)
{
	uint32_t least = runq_least_rate(&s->rq, UINT32_MAX);

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct fair_hint *h = &scheds[cpu].hint;

		if (READ_ONCE(h->class) == THREAD_VCPU)
			least = min(least, READ_ONCE(h->rate));
	}
	return least;
}

/* Arms the slice timer if somebody waits and it isn't armed. Own CPU, locked.
 */
static void update_slice(struct cpu_sched *s)
{
	if (s->current == s->idle || s->slice.armed ||
	    !runq_needs_slice(&s->rq, s->current->class))
		return;
	timer_arm(&s->slice, rdtsc() + fair_turn(s->hint.rate, least_rate(s)));
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

/* An idle CPU that is nobody else's target, `first` by preference, or -1. */
static int claim_any_idle(uint32_t first)
{
	uint64_t idle;

	if (claim_idle(first))
		return (int)first;
	while ((idle = READ_ONCE(idle_mask)) != 0) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(idle);

		if (claim_idle(cpu))
			return (int)cpu;
	}
	return -1;
}

/* The CPU whose vCPU has run furthest ahead of t, or -1. */
static int cpu_ahead_of(const struct thread *t, uint32_t except)
{
	uint64_t now = rdtsc(), at = READ_ONCE(clock);
	int64_t most = 0;
	int best = -1;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct cpu_sched *s = &scheds[cpu];
		int64_t lead;

		if (cpu == except || !s->online ||
		    READ_ONCE(s->hint.class) != THREAD_VCPU)
			continue;
		lead = fair_lead(&s->hint, t, now, at);
		if (lead > most) {
			most = lead;
			best = (int)cpu;
		}
	}
	return best;
}

/* Where t should wait for its turn: where that comes at once, if anywhere. */
static uint32_t choose_cpu(const struct thread *t)
{
	int cpu = claim_any_idle(t->cpu);

	if (cpu >= 0)
		return (uint32_t)cpu;
	if (READ_ONCE(scheds[t->cpu].hint.class) > t->class)
		return t->cpu;
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (scheds[i].online &&
		    READ_ONCE(scheds[i].hint.class) > t->class)
			return i;
	if (t->class == THREAD_VCPU)
		cpu = cpu_ahead_of(t, MAX_CPUS);
	return cpu >= 0 ? (uint32_t)cpu : t->cpu;
}

/* Should t, which was queued there, displace what runs on s? [lock] */
static bool preempts(const struct cpu_sched *s, const struct thread *t)
{
	enum thread_class class = s->current->class;

	if (t->class != class)
		return t->class < class;
	return class == THREAD_VCPU &&
	       fair_lead(&s->hint, t, rdtsc(), READ_ONCE(clock)) > 0;
}

/* Tells CPU `cpu` that t was queued there. Its lock is held. */
static void notify(uint32_t cpu, const struct thread *t)
{
	struct cpu_sched *s = &scheds[cpu];
	bool preempt = preempts(s, t);

	if (preempt)
		WRITE_ONCE(cpu_of(cpu)->need_resched, 1);
	if (cpu != cpu_id() &&
	    (preempt || runq_needs_slice(&s->rq, s->current->class)))
		smp_kick(cpu);
}

/*
 * If somebody waits on s while a CPU idles, that one comes and takes it. It
 * pairs with sched_idle(), which says that it idles before it looks for
 * waiting threads: one of the two sees the other.
 */
static void offer(const struct cpu_sched *s)
{
	int cpu;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* What waits on an idle CPU is just about to run there. */
	if (!READ_ONCE(s->rq.nr_waiting) || !READ_ONCE(idle_mask) ||
	    READ_ONCE(s->hint.class) == THREAD_IDLE)
		return;
	cpu = claim_any_idle(cpu_id());
	if (cpu < 0)
		return;
	WRITE_ONCE(cpu_of((uint32_t)cpu)->need_resched, 1);
	smp_kick((uint32_t)cpu);
}

static bool some_vcpu_waits(void)
{
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (READ_ONCE(scheds[cpu].first.class) == THREAD_VCPU)
			return true;
	return false;
}

/*
 * Somebody comes to s. If nobody waited anywhere, what its vCPU ran ahead of
 * the clock was nobody else's time: it is let off. The clock stays: it is
 * everybody's, and for the others that run alone a leap of it would look like
 * time that they are owed. [lock]
 */
static void let_off(struct cpu_sched *s)
{
	struct thread *t = s->current;

	if (t->class != THREAD_VCPU || some_vcpu_waits())
		return;
	charge(s);
	fair_let_off(t, READ_ONCE(clock));
	publish(&s->hint, s, t);
}

/*
 * Queues t, which is in no queue, on a CPU. Interrupts off, no run queue
 * locked; t->cpu is `cpu` already and its state READY.
 */
static void enqueue(struct thread *t, uint32_t cpu, bool slept)
{
	struct cpu_sched *s = &scheds[cpu];

	spin_lock(&s->lock);
	if (t->class == THREAD_VCPU) {
		if (slept)
			let_off(s);
		fair_place(t, READ_ONCE(clock), slept);
	}
	insert(s, t);
	notify(cpu, t);
	if (cpu == cpu_id())
		update_slice(s);
	spin_unlock(&s->lock);
	offer(s);
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
	if (t->class == THREAD_VCPU) {
		fair_join(t->group, rdtsc());
		fair_place(t, READ_ONCE(clock), true);
	}
	cpu = choose_cpu(t);
	t->state = THREAD_READY;
	t->ready_since = rdtsc();
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

/*
 * After a switch: if another CPU runs a vCPU that is ahead of the first one
 * that waits here, this one takes its place. Who is displaced there is further
 * ahead than who came, so this comes to an end. s is this CPU's.
 */
static void balance(struct cpu_sched *s)
{
	struct thread *w;
	int to = -1;

	if (nr_cpus == 1 || !READ_ONCE(s->rq.nr_waiting))
		return;
	spin_lock(&s->lock);
	w = runq_first_vcpu(&s->rq);
	if (w && s->current->class == THREAD_VCPU)
		to = cpu_ahead_of(w, cpu_id());
	if (to >= 0) {
		remove(s, w);
		WRITE_ONCE(w->cpu, (uint32_t)to);
	}
	spin_unlock(&s->lock);
	if (to >= 0)
		enqueue(w, (uint32_t)to, false);
	offer(s);
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

/* The least virtual runtime that could run here next; false: there is none. */
static bool own_claim(const struct cpu_sched *s, bool stays, uint64_t *v)
{
	bool waits = READ_ONCE(s->first.class) == THREAD_VCPU;
	uint64_t first = READ_ONCE(s->first.vruntime);

	if (stays)
		*v = fair_hint_now(&s->hint, rdtsc(), READ_ONCE(clock));
	if (waits && (!stays || prioq_before(first, *v)))
		*v = first;
	return stays || waits;
}

/* The CPU where the vCPU waits that has most of a claim before v, or -1. */
static int cpu_behind(uint64_t v)
{
	uint64_t at = READ_ONCE(clock);
	int64_t most = 0;
	int best = -1;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct fair_hint *h = &scheds[cpu].first;
		int64_t lag;

		if (cpu == cpu_id() || READ_ONCE(h->class) != THREAD_VCPU)
			continue;
		lag = fair_lag(h, v, at);
		if (lag > most) {
			most = lag;
			best = (int)cpu;
		}
	}
	return best;
}

/*
 * Before a switch away from a vCPU: if one waits on another CPU that has more
 * of a claim than all that could run here next, takes it away from there. So
 * turns are given in nearly the order in which one queue would give them.
 * stays: current goes on waiting for the CPU.
 */
static struct thread *pull(const struct cpu_sched *s, bool stays)
{
	struct thread *t;
	uint64_t v;
	int from;

	if (nr_cpus == 1 || !own_claim(s, stays, &v))
		return NULL;
	from = cpu_behind(v);
	if (from < 0)
		return NULL;
	spin_lock(&scheds[from].lock);
	t = runq_first_vcpu(&scheds[from].rq);
	if (t) {
		remove(&scheds[from], t);
		WRITE_ONCE(t->cpu, cpu_id());
	}
	spin_unlock(&scheds[from].lock);
	return t;
}

static struct thread *pick_next(struct cpu_sched *s)
{
	struct thread *next = runq_first(&s->rq), *late;

	if (!next)
		return s->idle;
	late = next->class == THREAD_VCPU ? runq_overdue(&s->rq, s->since)
					  : NULL;
	if (late) {
		next = late;
		fair_let_off(next, READ_ONCE(clock));
	}
	remove(s, next);
	return next;
}

static void set_current(struct cpu_sched *s, struct thread *next)
{
	uint64_t bit = BIT(cpu_id());

	next->state = THREAD_RUNNING;
	s->current = next;
	if (next->class == THREAD_VCPU) {
		fair_clock_raise(&clock, next->vruntime);
		fair_begin(next, s->since);
	}
	publish(&s->hint, s, next);
	runq_runs(&s->rq, next);
	this_cpu()->current = next;
	WRITE_ONCE(this_cpu()->need_resched, 0);
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
	struct thread *next, *pulled = NULL;

	stretch_end();
	if (prev->switch_out)
		prev->switch_out(prev->arg);
	if (spin_any_held())
		panic("%s gives up the CPU while holding %s", prev->name,
		      spin_chain()->name);
	if (s->slice.armed)
		timer_cancel(&s->slice);
	if (prev->class == THREAD_VCPU)
		pulled = pull(s, state == THREAD_READY);
	spin_lock(&s->lock);
	charge(s);
	if (state == THREAD_PARKED && READ_ONCE(prev->permit))
		state = THREAD_READY;
	prev->state = state;
	prev->ready_since = s->since;
	if (state == THREAD_READY && prev != s->idle)
		insert(s, prev);
	else if (prev->class == THREAD_VCPU)
		fair_leave(prev->group, s->since);
	if (pulled) {
		fair_place(pulled, READ_ONCE(clock), false);
		insert(s, pulled);
	}
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

	if (thread_self()->class != THREAD_SERVICE ||
	    !READ_ONCE(s->rq.nr_waiting) || ran < tsc_khz * SHARE_US / 1000)
		return;
	if (READ_ONCE(s->first.class) == THREAD_VCPU)
		thread_park_until(now + READ_ONCE(s->owed) + ran);
	else
		sched_yield_cpu();
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
		remove(s, t);
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
	stretch_end();
	irq_enable_and_halt();
	stretch_begin();
}

/* Says that this CPU idles; who claims it for a thread takes that back. */
static void mark_idle(void)
{
	uint64_t bit = BIT(cpu_id());

	if (!(READ_ONCE(idle_mask) & bit))
		__atomic_fetch_or(&idle_mask, bit, __ATOMIC_SEQ_CST);
}

void sched_idle(void)
{
	irq_enable();
	for (;;) {
		mark_idle();
		if (thread_look_round() || steal())
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
	idle_mask = 0;
	clock = 0;
	for (uint32_t i = 0; i < MAX_CPUS; i++) {
		scheds[i] = (struct cpu_sched){ .online = false };
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
	idle->cpu = cpu_id();
	idle->state = THREAD_RUNNING;
	timer_init(&s->slice, slice_over);
	s->idle = idle;
	s->start = s->since = rdtsc();
	set_current(s, idle);
	s->online = true;
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
