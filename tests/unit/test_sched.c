// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of run queues, and the arithmetic of shares.
 * Sources: kernel/sched/runq.c kernel/sched/fair.c kernel/lib/prioq.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/sched/fair.h"
#include "kernel/sched/runq.h"

#define MS 1000000ull /* one tick is one nanosecond */

static void vcpu(struct thread *t, uint32_t weight)
{
	*t = (struct thread){ .class = THREAD_VCPU, .group = &t->own };
	sched_group_init(&t->own, weight);
}

static void service(struct thread *t)
{
	*t = (struct thread){ .class = THREAD_SERVICE };
	list_init(&t->link);
}

static struct thread *take_first(struct runq *rq)
{
	struct thread *t = runq_first(rq);

	if (t)
		runq_remove(rq, t);
	return t;
}

static void services_come_first_and_in_turn(void **state)
{
	struct thread v, a, b;
	struct runq rq;

	(void)state;
	vcpu(&v, 10000);
	service(&a);
	service(&b);
	runq_init(&rq);
	assert_null(runq_first(&rq));
	runq_insert(&rq, &v);
	runq_insert(&rq, &a);
	runq_insert(&rq, &b);
	assert_int_equal(rq.nr_waiting, 3);
	assert_ptr_equal(runq_first_vcpu(&rq), &v);
	assert_ptr_equal(take_first(&rq), &a);
	runq_insert(&rq, &a);
	assert_ptr_equal(take_first(&rq), &b);
	assert_ptr_equal(take_first(&rq), &a);
	assert_ptr_equal(take_first(&rq), &v);
	assert_int_equal(rq.nr_waiting, 0);
}

static void vcpus_come_by_virtual_runtime(void **state)
{
	struct thread t[64];
	struct runq rq;
	uint64_t last = 0;

	(void)state;
	srand(3);
	runq_init(&rq);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		vcpu(&t[i], 100);
		/* Around the wrap of the counter. */
		t[i].vruntime = UINT64_MAX - 50 + (unsigned)rand() % 100;
		runq_insert(&rq, &t[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct thread *next = take_first(&rq);

		if (i)
			assert_false(prioq_before(next->vruntime, last));
		last = next->vruntime;
	}
}

static void the_heaviest_is_known(void **state)
{
	struct thread light, heavy;
	uint32_t least;
	struct runq rq;

	(void)state;
	vcpu(&light, 100);
	vcpu(&heavy, 1000);
	runq_init(&rq);
	assert_int_equal(runq_least_rate(&rq, 7), 7);
	runq_insert(&rq, &light);
	runq_insert(&rq, &heavy);
	least = runq_least_rate(&rq, UINT32_MAX);
	assert_int_equal(least, fair_rate(&heavy.own));
	assert_true(least < fair_rate(&light.own));
	runq_remove(&rq, &heavy);
	assert_int_equal(runq_least_rate(&rq, UINT32_MAX),
			 fair_rate(&light.own));
	runq_remove(&rq, &light);
}

static void a_slice_is_needed_only_with_company(void **state)
{
	struct thread v;
	struct runq rq;

	(void)state;
	vcpu(&v, 100);
	runq_init(&rq);
	assert_false(runq_needs_slice(&rq, THREAD_VCPU));
	runq_insert(&rq, &v);
	assert_true(runq_needs_slice(&rq, THREAD_VCPU));
	/* A vCPU that waits behind a service has no claim on its turn. */
	assert_false(runq_needs_slice(&rq, THREAD_SERVICE));
}

/* ---- shares ---- */

/* The clock stands so that no limit is near. */
static uint64_t paid(struct thread *t, uint64_t from, uint64_t until)
{
	uint64_t before = t->vruntime;

	fair_begin(t, from);
	fair_charge(t, until - from, until, before);
	return t->vruntime - before;
}

static void one_pays_by_weight(void **state)
{
	struct thread a, b;

	(void)state;
	vcpu(&a, 100);
	vcpu(&b, 200);
	fair_join(a.group, 0);
	fair_join(b.group, 0);
	assert_int_equal(paid(&a, 0, 1 * MS), 2 * paid(&b, 0, 1 * MS));
	/* An hour costs no more than is remembered. */
	assert_true(paid(&a, 0, 3600000 * MS) < 10 * paid(&a, 0, 1 * MS));
	/* And time that runs backwards nothing. */
	assert_int_equal(paid(&a, 2 * MS, 1 * MS), 0);
}

/* Each pays for as many as were runnable while it ran, moment by moment. */
static void vcpus_of_a_vm_share_its_weight(void **state)
{
	struct sched_group vm;
	struct thread alone, t;
	uint64_t ms;

	(void)state;
	vcpu(&alone, 100);
	fair_join(alone.group, 5 * MS);
	ms = paid(&alone, 5 * MS, 6 * MS);

	vcpu(&t, 1);
	t.group = &vm;
	sched_group_init(&vm, 100);
	/* Host TSCs are large, and the sums wrap. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = i ? BIT(61) + 12345 : 0;

		fair_join(&vm, at);
		fair_begin(&t, at);
		fair_join(&vm, at + MS);      /* one for 1 ms */
		fair_join(&vm, at + 3 * MS);  /* two for 2 ms */
		fair_leave(&vm, at + 4 * MS); /* three for 1 ms */
		fair_leave(&vm, at + 4 * MS);
		/* And one for half a millisecond: 8.5 in all. */
		fair_charge(&t, 4 * MS + MS / 2, at + 4 * MS + MS / 2,
			    t.vruntime + 6 * ms);
		assert_in_range(t.vruntime, 8 * ms + ms / 2 - 8,
				8 * ms + ms / 2 + 8);
		fair_leave(&vm, at + 5 * MS);
		t.vruntime = 0;
	}
}

static void work_for_a_vm_is_paid_for(void **state)
{
	struct thread t;
	uint64_t plain;

	(void)state;
	vcpu(&t, 100);
	fair_join(t.group, 0);
	plain = paid(&t, 0, MS);
	sched_group_charge(t.group, MS);
	sched_group_charge(t.group, MS / 2);
	assert_int_equal(2 * paid(&t, 0, MS), 5 * plain);
	assert_int_equal(paid(&t, 0, MS), plain);
	/* The VM's account is that of its only vCPU. */
	assert_int_equal(t.own.used, t.vruntime);
}

static void a_vms_account_stays_near_the_clock(void **state)
{
	const uint64_t clock = 1000000 * MS;
	struct thread t, wakes;
	uint64_t debt;
	uint32_t rate;

	(void)state;
	vcpu(&t, 100);
	vcpu(&wakes, 1);
	wakes.group = &t.own;
	fair_join(&t.own, 0);
	rate = fair_rate(&t.own);
	debt = fair_virtual(DEBT_US * 1000, rate);
	fair_begin(&t, 0);
	fair_charge(&t, 0, 0, clock); /* it was off from the beginning */
	assert_int_equal(t.own.used,
			 clock - fair_virtual(CREDIT_US * 1000, rate));
	fair_charge(&t, 60000 * MS, 60000 * MS, clock); /* alone */
	assert_int_equal(t.own.used, clock + debt);
	/* Who wakes comes behind that, but for what having slept is worth. */
	fair_place(&wakes, clock, true);
	assert_int_equal(wakes.vruntime,
			 clock + debt - fair_virtual(SLEEPER_US * 1000, rate));
}

static void lags_are_forgotten_beyond_a_limit(void **state)
{
	const uint64_t clock = 1000000 * MS;
	struct thread t;
	uint32_t rate;

	(void)state;
	vcpu(&t, 100);
	rate = fair_rate(&t.own);
	fair_place(&t, clock, true); /* slept from the beginning of time */
	assert_int_equal(t.vruntime,
			 clock - fair_virtual(SLEEPER_US * 1000, rate));
	t.vruntime = clock - 5;
	fair_place(&t, clock, true);
	assert_int_equal(t.vruntime, clock - 5);
	t.vruntime = 0;
	fair_place(&t, clock, false);
	assert_int_equal(t.vruntime,
			 clock - fair_virtual(CREDIT_US * 1000, rate));
	t.vruntime = 2 * clock;
	fair_place(&t, clock, false);
	assert_int_equal(t.vruntime,
			 clock + fair_virtual(DEBT_US * 1000, rate));
}

static void the_clock_never_goes_back(void **state)
{
	uint64_t clock = UINT64_MAX - 10;

	(void)state;
	fair_clock_raise(&clock, UINT64_MAX - 100);
	assert_int_equal(clock, UINT64_MAX - 10);
	fair_clock_raise(&clock, 5); /* wrapped */
	assert_int_equal(clock, 5);
}

static void light_ones_get_shorter_turns(void **state)
{
	(void)state;
	assert_int_equal(fair_turn(100, 100), TURN_US * 1000);
	assert_int_equal(fair_turn(100, 1000), TURN_US * 1000);
	assert_int_equal(fair_turn(400, 100), TURN_US * 250);
	assert_int_equal(fair_turn(1000000, 100), TURN_MIN_US * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_come_first_and_in_turn),
		cmocka_unit_test(vcpus_come_by_virtual_runtime),
		cmocka_unit_test(the_heaviest_is_known),
		cmocka_unit_test(a_slice_is_needed_only_with_company),
		cmocka_unit_test(one_pays_by_weight),
		cmocka_unit_test(vcpus_of_a_vm_share_its_weight),
		cmocka_unit_test(work_for_a_vm_is_paid_for),
		cmocka_unit_test(a_vms_account_stays_near_the_clock),
		cmocka_unit_test(lags_are_forgotten_beyond_a_limit),
		cmocka_unit_test(the_clock_never_goes_back),
		cmocka_unit_test(light_ones_get_shorter_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
