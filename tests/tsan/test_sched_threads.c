// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scheduler with CPUs that really run at the same time. A thread is a
 * pthread that runs while it holds a CPU, which context_switch() hands on;
 * interrupts are taken where they are open. ThreadSanitizer proves that what
 * two CPUs touch is guarded, and a lost wakeup shows as a thread that never
 * ends.
 * Sources: kernel/sched/sched.c kernel/sched/fair.c kernel/sched/runq.c
 * Sources: kernel/sched/place.c kernel/sched/cpu_stats.c
 * Sources: kernel/sched/stretch.c kernel/sched/timer.c kernel/lib/prioq.c
 * Sources: kernel/lib/lib.c kernel/lib/string.c
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/thread_priv.h"
#include "mm/frame.h"
#include "tsan.h"

#define NR_CPUS	   3u
#define NR_THREADS 8u
#define ROUNDS	   400u

struct host {
	struct thread t;
	sem_t baton; /* comes with the CPU */
	uint32_t cpu;
	pthread_t id;
	uint32_t rounds, seed;
};

static struct host threads[NR_THREADS], idles[NR_CPUS];
static uint32_t kicked[NR_CPUS];   /* [atomic] */
static uint64_t hardware[NR_CPUS]; /* [atomic] the timer is set for */
static void (*handlers[256])(void);
static uint32_t nr_ended;      /* [atomic] */
static bool all_started, over; /* [atomic] */

/* ---- the machine ---- */

void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

bool spin_any_held(void)
{
	return false;
}

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
	__atomic_store_n(&hardware[cpu_id()], tsc_deadline, __ATOMIC_RELAXED);
}

void smp_kick(uint32_t cpu)
{
	__atomic_store_n(&kicked[cpu], 1, __ATOMIC_SEQ_CST);
}

bool frame_zero_some(void)
{
	return false;
}

struct thread *thread_self(void)
{
	return this_cpu()->current;
}

static struct host *host_of(struct thread *t)
{
	return container_of(t, struct host, t);
}

static void take_interrupts(void)
{
	uint32_t cpu = cpu_id();

	irq_disable();
	if (__atomic_exchange_n(&kicked[cpu], 0, __ATOMIC_SEQ_CST))
		handlers[IRQ_VEC_KICK]();
	if (__atomic_load_n(&hardware[cpu], __ATOMIC_RELAXED) <= rdtsc()) {
		apic_timer_set(UINT64_MAX);
		handlers[IRQ_VEC_TIMER]();
	}
	irq_enable();
}

static void take_cpu(struct host *h)
{
	sem_wait(&h->baton);
	if (__atomic_load_n(&over, __ATOMIC_SEQ_CST))
		pthread_exit(NULL);
	fake_cpu_id = h->cpu;
	irq_disable();
}

void context_switch(uint64_t *save_rsp, uint64_t load_rsp)
{
	struct host *prev = host_of(container_of(save_rsp, struct thread, rsp));
	struct host *next = (struct host *)load_rsp;
	bool dead = prev->t.state == THREAD_DEAD;

	*save_rsp = (uint64_t)prev;
	next->cpu = cpu_id();
	sem_post(&next->baton);
	if (dead)
		pthread_exit(NULL);
	take_cpu(prev);
}

void irq_enable_and_halt(void)
{
	irq_enable();
	sched_yield();
	if (__atomic_load_n(&over, __ATOMIC_SEQ_CST))
		pthread_exit(NULL);
	take_interrupts();
}

static void *host_main(void *arg)
{
	take_cpu(arg);
	sched_thread_begin();
	return NULL;
}

void thread_exit(void)
{
	__atomic_fetch_add(&nr_ended, 1, __ATOMIC_SEQ_CST);
	sched_exit();
}

/* ---- threads ---- */

static void wake(struct thread *t)
{
	if (!__atomic_exchange_n(&t->permit, 1u, __ATOMIC_SEQ_CST))
		sched_wake(t);
}

static void sleep_over(struct timer *timer)
{
	wake(container_of(timer, struct thread, sleep));
}

static void sleep_a_while(struct host *h)
{
	timer_arm(&h->t.sleep, rdtsc() + tsan_random(&h->seed) % 200000);
	sched_park();
	timer_cancel(&h->t.sleep);
}

/* Computes, sleeps, wakes others, looks at others, and gives way. */
static void body(void *arg)
{
	struct host *h = arg;

	while (!__atomic_load_n(&all_started, __ATOMIC_ACQUIRE)) {
		take_interrupts();
		sched_yield_cpu();
	}
	while (h->rounds--) {
		uint32_t r = tsan_random(&h->seed);
		struct thread *other = &threads[r / 8 % NR_THREADS].t;

		for (uint32_t n = r / 64 % 20; n; n--)
			take_interrupts();
		switch (r % 8) {
		case 0: sleep_a_while(h); break;
		case 1: thread_runtime(other); break;
		case 2: sched_yield_cpu(); break;
		default: wake(other); break;
		}
		if (need_resched())
			sched_yield_cpu();
	}
}

static void host_create(struct host *h, unsigned i)
{
	*h = (struct host){ .rounds = ROUNDS, .seed = i * 77 };
	sem_init(&h->baton, 0, 0);
	h->t.fn = body;
	h->t.arg = h;
	h->t.class = i % 4 ? THREAD_VCPU : THREAD_SERVICE;
	h->t.group = &h->t.own;
	sched_group_init(&h->t.own, 100 + 50 * i);
	list_init(&h->t.link);
	timer_init(&h->t.sleep, sleep_over);
	h->t.rsp = (uint64_t)h;
	pthread_create(&h->id, NULL, host_main, h);
}

/* ---- CPUs ---- */

static void *cpu_main(void *arg)
{
	struct host *h = arg;

	fake_cpu_id = h->cpu;
	irq_disable();
	if (h->cpu == 0) {
		for (unsigned i = 0; i < NR_THREADS; i++)
			sched_start(&threads[i].t);
		__atomic_store_n(&all_started, true, __ATOMIC_RELEASE);
	}
	sched_idle();
	return NULL;
}

static void *clock_main(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_add(&fake_tsc, 5000, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

static void cpus_start(void)
{
	nr_cpus = NR_CPUS;
	sched_init();
	for (uint32_t i = 0; i < NR_CPUS; i++) {
		hardware[i] = UINT64_MAX;
		fake_cpu_id = i;
		fake_cpus[i].id = i;
		idles[i].cpu = i;
		sem_init(&idles[i].baton, 0, 0);
		timer_init_cpu();
		sched_init_cpu(&idles[i].t);
	}
	for (unsigned i = 0; i < NR_THREADS; i++)
		host_create(&threads[i], i);
	for (uint32_t i = 0; i < NR_CPUS; i++)
		pthread_create(&idles[i].id, NULL, cpu_main, &idles[i]);
}

static void all_threads_come_to_their_end(void **state)
{
	time_t end = time(NULL) + 60;
	pthread_t clock;

	(void)state;
	fake_tsc = 1000000000;
	cpus_start();
	pthread_create(&clock, NULL, clock_main, NULL);
	while (__atomic_load_n(&nr_ended, __ATOMIC_SEQ_CST) < NR_THREADS) {
		if (time(NULL) > end)
			fail_msg("%u of %u threads ended", nr_ended,
				 NR_THREADS);
		usleep(1000);
	}
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	pthread_join(clock, NULL);
	for (unsigned i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i].id, NULL);
	for (unsigned i = 0; i < NR_CPUS; i++) {
		sem_post(&idles[i].baton);
		pthread_join(idles[i].id, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_come_to_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
