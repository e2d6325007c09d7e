// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of run queues, and what follows from it: threads share a CPU by
 * weight, sleepers come back soon but can't save up.
 * Sources: kernel/sched/runq.c
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
#include "kernel/sched/runq.h"

#define SLICE 10000u /* ticks */

static struct thread vcpu(uint32_t weight)
{
	return (struct thread){ .class = THREAD_VCPU, .weight = weight };
}

static struct thread service(void)
{
	return (struct thread){ .class = THREAD_SERVICE, .weight = 100 };
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
	struct thread v = vcpu(10000), a = service(), b = service();
	struct runq rq;

	(void)state;
	runq_init(&rq);
	assert_null(runq_first(&rq));
	runq_insert(&rq, &v);
	runq_insert(&rq, &a);
	runq_insert(&rq, &b);
	assert_int_equal(rq.nr_waiting, 3);
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
		t[i] = vcpu(100);
		/* Around the wrap of the counter. */
		t[i].vruntime = UINT64_MAX - 50 + (unsigned)rand() % 100;
		runq_insert(&rq, &t[i]);
	}
	assert_ptr_equal(runq_last_vcpu(&rq),
			 list_entry(rq.vcpus.prev, struct thread, link));
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct thread *next = take_first(&rq);

		if (i)
			assert_false(vruntime_before(next->vruntime, last));
		last = next->vruntime;
	}
}

static void equals_keep_their_order(void **state)
{
	struct thread a = vcpu(100), b = vcpu(100);
	struct runq rq;

	(void)state;
	runq_init(&rq);
	runq_insert(&rq, &a);
	runq_insert(&rq, &b);
	assert_ptr_equal(take_first(&rq), &a);
	assert_ptr_equal(take_first(&rq), &b);
}

/* Runs turns on one CPU; returns the ticks of each thread in ran[]. */
static void run_turns(struct runq *rq, struct thread *t, unsigned n,
		      unsigned turns)
{
	for (unsigned i = 0; i < n; i++)
		runq_insert(rq, &t[i]);
	for (unsigned i = 0; i < turns; i++) {
		struct thread *curr = take_first(rq);

		runq_charge(rq, curr, SLICE);
		runq_insert(rq, curr);
	}
}

static void weights_are_shares(void **state)
{
	static const uint32_t weights[] = { 1, 100, 250, 1000, 10000 };
	struct thread t[ARRAY_SIZE(weights)];
	struct runq rq;
	uint64_t total = 0, turns = 200000;

	(void)state;
	runq_init(&rq);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = vcpu(weights[i]);
		total += weights[i];
	}
	run_turns(&rq, t, ARRAY_SIZE(t), (unsigned)turns);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		uint64_t fair = turns * SLICE * weights[i] / total;
		uint64_t got = t[i].runtime;
		uint64_t off = got > fair ? got - fair : fair - got;

		/* Two turns, for the smallest of them. */
		assert_true(off <= 2 * SLICE + fair / 100);
	}
}

static void a_sleeper_gets_only_its_bonus(void **state)
{
	struct thread busy = vcpu(100), sleeper = vcpu(100);
	uint64_t bonus = runq_virtual(SLICE, 100);
	struct runq rq;

	(void)state;
	runq_init(&rq);
	run_turns(&rq, &busy, 1, 1000);
	runq_place(&rq, &sleeper, bonus);
	assert_int_equal(sleeper.vruntime, rq.floor - bonus);

	/* One that slept shortly keeps what it has. */
	sleeper.vruntime = rq.floor + 5;
	runq_place(&rq, &sleeper, bonus);
	assert_int_equal(sleeper.vruntime, rq.floor + 5);
}

static void the_floor_never_falls(void **state)
{
	struct thread a = vcpu(100), late = vcpu(100);
	struct runq rq;
	uint64_t floor;

	(void)state;
	runq_init(&rq);
	run_turns(&rq, &a, 1, 10);
	floor = rq.floor;
	assert_true(floor > 0);
	runq_insert(&rq, &late); /* at 0, as one from another CPU may be */
	runq_remove(&rq, &a);
	runq_charge(&rq, &a, SLICE);
	assert_int_equal(rq.floor, floor);
}

struct preempt_case {
	const char *what;
	enum thread_class class, curr_class;
	uint64_t v, curr_v;
	bool preempts;
};

static void who_preempts_whom(void **state)
{
	static const struct preempt_case cases[] = {
		{ "anything ends idling", THREAD_VCPU, THREAD_IDLE, 9, 0,
		  true },
		{ "a service goes before a vCPU", THREAD_SERVICE, THREAD_VCPU,
		  0, 0, true },
		{ "a vCPU never before a service", THREAD_VCPU, THREAD_SERVICE,
		  0, 1000, false },
		{ "services wait for each other", THREAD_SERVICE,
		  THREAD_SERVICE, 0, 1000, false },
		{ "a vCPU far behind goes first", THREAD_VCPU, THREAD_VCPU, 0,
		  101, true },
		{ "one a little behind waits", THREAD_VCPU, THREAD_VCPU, 0, 100,
		  false },
		{ "one that is ahead waits", THREAD_VCPU, THREAD_VCPU, 500, 100,
		  false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct preempt_case *c = &cases[i];
		struct thread t = { .class = c->class, .vruntime = c->v };
		struct thread curr = { .class = c->curr_class };

		if (runq_preempts(&t, &curr, c->curr_v, 100) != c->preempts)
			fail_msg("%s", c->what);
	}
}

static void a_slice_is_needed_only_with_company(void **state)
{
	struct thread v = vcpu(100), curr_v = vcpu(100), s = service();
	struct runq rq;

	(void)state;
	runq_init(&rq);
	assert_false(runq_needs_slice(&rq, &curr_v));
	runq_insert(&rq, &v);
	assert_true(runq_needs_slice(&rq, &curr_v));
	/* A vCPU that waits behind a service has no claim on its turn. */
	assert_false(runq_needs_slice(&rq, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_come_first_and_in_turn),
		cmocka_unit_test(vcpus_come_by_virtual_runtime),
		cmocka_unit_test(equals_keep_their_order),
		cmocka_unit_test(weights_are_shares),
		cmocka_unit_test(a_sleeper_gets_only_its_bonus),
		cmocka_unit_test(the_floor_never_falls),
		cmocka_unit_test(who_preempts_whom),
		cmocka_unit_test(a_slice_is_needed_only_with_company),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
