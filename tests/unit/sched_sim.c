// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulated machine of sched_sim.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those above */
#include <cmocka.h>

#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/fair.h"
#include "kernel/sched/sched.h"
#include "mm/frame.h"
#include "sched_sim.h"

#define STACK_NBYTES (64u << 10)
#define IPI_NS	     2000u
/* A CPU that has been told needs so long to come. */
#define IDLE_GRACE_NS (4 * IPI_NS)

struct sim sim;
static void (*handlers[256])(void);

/* ---- what the scheduler needs of a machine ---- */

void irq_register(uint8_t vector, void (*fn)(void))
{
	handlers[vector] = fn;
}

void apic_timer_init_cpu(uint8_t vector)
{
	(void)vector;
}

void apic_timer_set(uint64_t tsc_deadline)
{
	sim.hardware[cpu_id()] = tsc_deadline;
}

void smp_kick(uint32_t cpu)
{
	sim.kicked[cpu] = min(sim.kicked[cpu], fake_tsc + IPI_NS);
}

bool frame_zero_some(void)
{
	return false;
}

struct thread *thread_self(void)
{
	return this_cpu()->current;
}

void thread_exit(void)
{
	container_of(thread_self(), struct sim_thread, t)->gone = true;
	sched_exit();
}

void context_switch(uint64_t *save_rsp, uint64_t load_rsp)
{
	struct sim_thread *prev =
		container_of(container_of(save_rsp, struct thread, rsp),
			     struct sim_thread, t);

	*save_rsp = (uint64_t)&prev->ctx;
	swapcontext(&prev->ctx, (ucontext_t *)load_rsp);
}

/* The calling thread runs on, as far as the machine is concerned. */
static void compute(void)
{
	struct sim_thread *self =
		container_of(thread_self(), struct sim_thread, t);

	assert_int_equal(fake_locks_held(), 0);
	swapcontext(&self->ctx, &sim.loop);
}

void irq_enable_and_halt(void)
{
	compute();
}

/* ---- threads ---- */

uint32_t sim_random(uint32_t below)
{
	sim.seed = sim.seed * 1664525u + 1013904223u;
	return (sim.seed >> 8) % below;
}

static void sleep_over(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, sleep);

	if (!__atomic_exchange_n(&t->permit, 1u, __ATOMIC_SEQ_CST))
		sched_wake(t);
}

void thread_park_until(uint64_t tsc_deadline)
{
	struct thread *t = thread_self();

	timer_arm(&t->sleep, tsc_deadline);
	sched_park();
	timer_cancel(&t->sleep);
}

static uint64_t draw(const struct sim_thread *s, uint64_t most)
{
	return s->random ? 1 + (uint64_t)sim_random(1000) * most / 1000 : most;
}

static void run_burst(struct sim_thread *s)
{
	uint64_t left = s->burst ? draw(s, s->burst) : UINT64_MAX / 2;

	while (left && !s->stop) {
		uint64_t start = fake_tsc;

		s->event_at = start + left;
		compute();
		left -= min(left, fake_tsc - start);
		if (need_resched())
			sched_yield_cpu();
	}
}

static void thread_body(void *arg)
{
	struct sim_thread *s = arg;

	while (!s->stop) {
		run_burst(s);
		if (s->stop || !s->pause)
			continue;
		thread_park_until(fake_tsc + draw(s, s->pause));
	}
}

/* Between two pieces it does as thread_give_way() does. */
static void service_body(void *arg)
{
	struct sim_thread *s = arg;

	while (!s->stop) {
		s->event_at = fake_tsc + s->burst;
		while (fake_tsc < s->event_at && !s->stop)
			compute();
		if (need_resched())
			sched_yield_cpu();
		else
			sched_leave_vcpus_time();
	}
}

static void make_context(struct sim_thread *s, void (*entry)(void))
{
	s->stack = malloc(STACK_NBYTES);
	getcontext(&s->ctx);
	s->ctx.uc_stack.ss_sp = s->stack;
	s->ctx.uc_stack.ss_size = STACK_NBYTES;
	makecontext(&s->ctx, entry, 0);
	s->t.rsp = (uint64_t)&s->ctx;
	s->used = true;
}

static struct sim_thread *new_thread(enum thread_class class,
				     void (*fn)(void *arg))
{
	struct sim_thread *s = sim.threads;

	while (s->used)
		s++;
	assert_true(s < sim.threads + SIM_THREADS);
	memset(s, 0, sizeof(*s));
	s->t.fn = fn;
	s->t.arg = s;
	s->t.class = class;
	list_init(&s->t.link);
	timer_init(&s->t.sleep, sleep_over);
	return s;
}

static void start_thread(struct sim_thread *s)
{
	make_context(s, sched_thread_begin);
	fake_cpu_id = sim_random(nr_cpus);
	sched_start(&s->t);
	sim.kicked[fake_cpu_id] = fake_tsc; /* an interrupt started it */
}

struct sim_thread *sim_thread(struct sched_group *g, uint32_t weight,
			      uint64_t burst, uint64_t pause)
{
	struct sim_thread *s = new_thread(THREAD_VCPU, thread_body);

	s->burst = burst;
	s->pause = pause;
	s->t.group = g ? g : &s->t.own;
	sched_group_init(&s->t.own, weight);
	start_thread(s);
	return s;
}

struct sim_thread *sim_service(uint64_t piece)
{
	struct sim_thread *s = new_thread(THREAD_SERVICE, service_body);

	s->burst = piece;
	s->t.group = &s->t.own;
	sched_group_init(&s->t.own, 100);
	start_thread(s);
	return s;
}

uint64_t sim_runtime(struct sim_thread *s)
{
	return s->gone ? s->t.runtime : thread_runtime(&s->t);
}

/* ---- what must hold at all times ---- */

static uint64_t runnable_mask(void)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < SIM_THREADS; i++)
		if (sim.threads[i].used &&
		    (sim.threads[i].t.state == THREAD_READY ||
		     sim.threads[i].t.state == THREAD_RUNNING))
			mask |= BIT(i);
	return mask;
}

static bool some_cpu_idles(void)
{
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (fake_cpus[cpu].current == &sim.idle[cpu].t &&
		    !fake_cpus[cpu].need_resched)
			return true;
	return false;
}

/*
 * How many turns s may have to wait: one for each thread that ran or waited
 * meanwhile. Turns don't get shorter than TURN_MIN_US, so one that is lighter
 * than a tenth of the average waits longer, as its share is so small.
 */
static uint64_t slices_of_wait(const struct sim_thread *s)
{
	uint64_t n = (uint64_t)__builtin_popcountll(s->company);
	uint64_t rate = fair_rate(s->t.group), all = 0;

	for (uint32_t i = 0; i < SIM_THREADS; i++)
		if (s->company & BIT(i))
			all += (rate << 10) / fair_rate(sim.threads[i].t.group);
	return max(n, (all >> 10) / 10);
}

static void check_wait(struct sim_thread *s, bool idle)
{
	uint64_t waits = fake_tsc - s->ready_since;
	uint64_t n = slices_of_wait(s);
	uint64_t bound = n * SLICE_US * SIM_US;

	sim.worst_wait_permille =
		max(sim.worst_wait_permille, waits * 1000 / bound);
	if (waits > bound)
		fail_msg("thread %u waits %llu us among %llu",
			 (unsigned)(s - sim.threads),
			 (unsigned long long)(waits / SIM_US),
			 (unsigned long long)n);
	if (idle && waits > IDLE_GRACE_NS)
		fail_msg("a thread waits while a CPU idles");
}

static void check(void)
{
	uint64_t mask = runnable_mask();
	bool idle = some_cpu_idles();

	for (uint32_t i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *s = &sim.threads[i];

		if (!s->used || s->t.state != THREAD_READY) {
			s->ready_since = 0;
			continue;
		}
		if (!s->ready_since) {
			s->ready_since = fake_tsc;
			s->company = 0;
		}
		s->company |= mask;
		check_wait(s, idle);
	}
}

/* ---- the loop ---- */

static void resume(uint32_t cpu)
{
	struct sim_thread *s =
		container_of(fake_cpus[cpu].current, struct sim_thread, t);

	fake_cpu_id = cpu;
	swapcontext(&sim.loop, &s->ctx);
}

/* When something happens next on that CPU. */
static uint64_t next_event(uint32_t cpu)
{
	const struct sim_thread *s =
		container_of(fake_cpus[cpu].current, struct sim_thread, t);
	uint64_t irq = min(sim.hardware[cpu], sim.kicked[cpu]);

	return min(irq, s->event_at);
}

static void happen(uint32_t cpu)
{
	struct sim_thread *s =
		container_of(fake_cpus[cpu].current, struct sim_thread, t);
	bool interrupted = false;

	fake_cpu_id = cpu;
	if (sim.kicked[cpu] <= fake_tsc) {
		sim.kicked[cpu] = UINT64_MAX;
		handlers[IRQ_VEC_KICK]();
		interrupted = true;
	}
	if (sim.hardware[cpu] <= fake_tsc) {
		sim.hardware[cpu] = UINT64_MAX;
		handlers[IRQ_VEC_TIMER]();
		interrupted = true;
	}
	if (s->event_at <= fake_tsc || fake_cpus[cpu].need_resched ||
	    (interrupted && s == &sim.idle[cpu]))
		resume(cpu);
}

void sim_run(uint64_t ticks)
{
	uint64_t end = fake_tsc + ticks;

	for (;;) {
		uint32_t cpu = 0;

		for (uint32_t i = 1; i < nr_cpus; i++)
			if (next_event(i) < next_event(cpu))
				cpu = i;
		if (next_event(cpu) > end)
			break;
		fake_tsc = max(fake_tsc, next_event(cpu));
		happen(cpu);
		check();
	}
	fake_tsc = end;
}

/* ---- life ---- */

static void idle_body(void)
{
	sched_idle();
}

void sim_start(uint32_t cpus, uint32_t seed)
{
	memset(&sim, 0, sizeof(sim));
	memset(fake_cpus, 0, sizeof(fake_cpus));
	sim.seed = seed;
	fake_tsc = 1000 * SIM_MS;
	nr_cpus = cpus;
	sched_init();
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		struct sim_thread *s = &sim.idle[cpu];

		fake_cpu_id = cpu;
		sim.hardware[cpu] = sim.kicked[cpu] = UINT64_MAX;
		s->event_at = UINT64_MAX;
		make_context(s, idle_body);
		timer_init_cpu();
		sched_init_cpu(&s->t);
		resume(cpu);
	}
}

/* All threads end, as on a real machine. */
void sim_end(void)
{
	for (uint32_t i = 0; i < SIM_THREADS; i++)
		sim.threads[i].stop = true;
	for (uint32_t i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *s = &sim.threads[i];

		if (!s->used)
			continue;
		fake_cpu_id = 0;
		s->event_at = 0;
		sleep_over(&s->t.sleep);
		sim.kicked[0] = fake_tsc;
	}
	sim_run(2000 * SIM_MS);
	for (uint32_t i = 0; i < SIM_THREADS; i++) {
		assert_true(!sim.threads[i].used || sim.threads[i].gone);
		free(sim.threads[i].stack);
	}
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		free(sim.idle[cpu].stack);
}
