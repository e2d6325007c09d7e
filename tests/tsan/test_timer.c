// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timers on several CPUs at once: each CPU takes interrupts, arms timers that
 * another one's function may be running for, and cancels them. What a function
 * touches may be touched after timer_cancel(): ThreadSanitizer watches.
 * Sources: kernel/sched/timer.c kernel/lib/prioq.c
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs those above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/sched/clock.h"
#include "tsan.h"

#define NR_CPUS	  3u
#define NR_TIMERS 4u
#define ROUNDS	  20000u

static void (*interrupt)(void);

static struct probe {
	struct timer timer;
	pthread_mutex_t users; /* who arms and cancels; not its function */
	uint64_t data;	       /* [users with the timer cancelled, or fn] */
	uint64_t runs;	       /* ditto */
} probes[NR_TIMERS];

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	__atomic_store_n(&interrupt, fn, __ATOMIC_RELAXED);
}

void apic_timer_init_cpu(uint8_t vector)
{
	(void)vector;
}

void apic_timer_set(uint64_t tsc_deadline)
{
	(void)tsc_deadline;
}

static void fired(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	p->data++;
	tsan_perturb();
	/* Now and then it arms itself. */
	if (++p->runs % 4 == 0)
		timer_arm(t, 1);
	tsan_perturb();
	p->data++;
}

static void use_timer(struct probe *p, bool cancel)
{
	pthread_mutex_lock(&p->users);
	if (cancel) {
		timer_cancel(&p->timer);
		/* Its function has ended, and will not begin again. */
		assert_true(p->data % 2 == 0);
		p->data += 2;
		assert_false(p->timer.armed);
	} else {
		timer_arm(&p->timer, 1);
	}
	pthread_mutex_unlock(&p->users);
}

static void *cpu_main(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	fake_cpu_id = seed;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct probe *p = &probes[tsan_random(&seed) % NR_TIMERS];

		switch (tsan_random(&seed) % 4) {
		case 0: use_timer(p, true); break;
		case 1: use_timer(p, false); break;
		case 2: timer_run_due(); break;
		default:
			this_cpu()->irq_depth++;
			interrupt();
			this_cpu()->irq_depth--;
			break;
		}
	}
	return NULL;
}

static void cancelled_means_it_does_not_run(void **state)
{
	pthread_t cpus[NR_CPUS];
	uint64_t runs = 0;

	(void)state;
	fake_tsc = 1000; /* everything is due at once */
	for (fake_cpu_id = 0; fake_cpu_id < NR_CPUS; fake_cpu_id++)
		timer_init_cpu();
	fake_cpu_id = 0;
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		timer_init(&probes[i].timer, fired);
		pthread_mutex_init(&probes[i].users, NULL);
	}
	for (uintptr_t i = 0; i < NR_CPUS; i++)
		pthread_create(&cpus[i], NULL, cpu_main, (void *)i);
	for (unsigned i = 0; i < NR_CPUS; i++)
		pthread_join(cpus[i], NULL);
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		timer_cancel(&probes[i].timer);
		runs += probes[i].runs;
	}
	assert_true(runs > ROUNDS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancelled_means_it_does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
