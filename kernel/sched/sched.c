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
 * others, and is told when there is one. No lock is common to all CPUs; where
 * a thread goes is decided by hints (place.c).
 *
 * No tick: the slice timer is armed only while somebody waits for a turn.
 */
#include "kernel/sched/sched.h"

#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/sched_priv.h"
#include "kernel/sched/stretch.h"
#include "mm/frame.h"

#define SHARE_US 200u /* long work of a service, between vCPUs' turns */
/* Enough for hundreds of services at work on one CPU, each so long. */
#define OWED_MAX_US 200000u

struct cpu_sched scheds[MAX_CPUS];
uint64_t sched_idle_mask;
uint64_t sched_clock;
static bool clean_pool; /* [const after boot] */

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
			fair_charge(t, now - s->since, now,
				    READ_ONCE(sched_clock));
	}
	s->since = now;
}

/* ---- turns ---- */

static void slice_over(struct timer *t)
{
	(void)t;
	WRITE_ONCE(this_cpu()->need_resched, 1);
}

/* Arms the slice timer if somebody waits and it isn't armed. Own CPU, locked.
 */
static void update_slice(struct cpu_sched *s)
{
	if (s->current == s->idle || s->slice.armed ||
	    !runq_needs_slice(&s->rq, s->current->class))
		return;
	timer_arm(&s->slice,
		  rdtsc() + fair_turn(s->hint.rate, place_least_rate(s)));
}

/* Another CPU queued a thread here, or wants this one to reschedule. */
static void kick_interrupt(void)
{
	struct cpu_sched *s = this_sched();

	spin_lock(&s->lock);
	update_slice(s);
	spin_unlock(&s->lock);
}

/* ---- telling others ---- */

/* Should t, which was queued there, displace what runs on s? [lock] */
static bool preempts(const struct cpu_sched *s, const struct thread *t)
{
	enum thread_class class = s->current->class;

	if (t->class != class)
		return t->class < class;
	return class == THREAD_VCPU &&
	       fair_lead(&s->hint, t, rdtsc(), READ_ONCE(sched_clock)) > 0;
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
	if (!READ_ONCE(s->rq.nr_waiting) || !READ_ONCE(sched_idle_mask) ||
	    READ_ONCE(s->hint.class) == THREAD_IDLE)
		return;
	cpu = place_claim_idle(cpu_id());
	if (cpu < 0)
		return;
	WRITE_ONCE(cpu_of((uint32_t)cpu)->need_resched, 1);
	smp_kick((uint32_t)cpu);
}

/*
 * Somebody comes to s, where no vCPU waited, and one waits elsewhere: it wanted
 * the time that the one here had, and the clock goes on to where that one is
 * held. If those that wait set its pace alone, light ones would never be so far
 * behind a heavy one that runs on and on that they may displace it. Not
 * further: a leap would look like time that others who run alone are owed.
 * [lock]
 */
static void reckon(const struct cpu_sched *s)
{
	if (s->current->class == THREAD_VCPU && s->first.class != THREAD_VCPU &&
	    place_some_wait())
		fair_clock_raise(&sched_clock,
				 fair_hint_now(&s->hint, rdtsc(),
					       READ_ONCE(sched_clock)));
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
			reckon(s);
		fair_place(t, READ_ONCE(sched_clock), slept);
	}
	insert(s, t);
	notify(cpu, t);
	if (cpu == cpu_id())
		update_slice(s);
	spin_unlock(&s->lock);
	offer(s);
}

void sched_wake(struct thread *t)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = sched_lock_of(t);
	uint32_t cpu;

	if (t->state != THREAD_PARKED) {
		spin_unlock(&s->lock);
		irq_restore(flags);
		return;
	}
	if (t->class == THREAD_VCPU) {
		fair_join(t->group, rdtsc());
		fair_place(t, READ_ONCE(sched_clock), true);
	}
	cpu = place_choose(t);
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
		to = place_ahead_of(w, cpu_id());
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
		*v = fair_hint_now(&s->hint, rdtsc(), READ_ONCE(sched_clock));
	if (waits && (!stays || prioq_before(first, *v)))
		*v = first;
	return stays || waits;
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
	from = place_behind(v);
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
		fair_let_off(next, READ_ONCE(sched_clock));
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
		fair_clock_raise(&sched_clock, next->vruntime);
		fair_begin(next, s->since);
	}
	publish(&s->hint, s, next);
	runq_runs(&s->rq, next);
	this_cpu()->current = next;
	WRITE_ONCE(this_cpu()->need_resched, 0);
	if (next == s->idle)
		__atomic_fetch_or(&sched_idle_mask, bit, __ATOMIC_SEQ_CST);
	else if (READ_ONCE(sched_idle_mask) & bit)
		__atomic_fetch_and(&sched_idle_mask, ~bit, __ATOMIC_SEQ_CST);
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
		fair_place(pulled, READ_ONCE(sched_clock), false);
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
	struct cpu_sched *s = sched_lock_of(t);
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

	if (!(READ_ONCE(sched_idle_mask) & bit))
		__atomic_fetch_or(&sched_idle_mask, bit, __ATOMIC_SEQ_CST);
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

/* ---- set-up ---- */

void sched_init(void)
{
	sched_idle_mask = 0;
	sched_clock = 0;
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
