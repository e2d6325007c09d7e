// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does a stay in the guest end exactly when the CPU's next host timer is due?
 *
 * Sources: vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "vmx/stay_timer.h"

struct vmx_controls vmx_controls;

static struct vcpu v;
static bool held;
static unsigned nr_run;

void timer_hold_hardware(bool hold)
{
	held = hold;
}

void timer_run_due(void)
{
	/* Before the hardware is let go: it need not be set for these. */
	assert_true(held || !stay_timer_exists());
	if (this_cpu()->timer_next <= fake_tsc) {
		nr_run++;
		this_cpu()->timer_next = UINT64_MAX;
	}
}

static int setup(void **state)
{
	(void)state;
	vmx_controls.pin = PIN_PREEMPTION_TIMER;
	vmx_controls.preemption_shift = 0;
	fake_tsc = 1000000;
	this_cpu()->timer_next = UINT64_MAX;
	held = false;
	nr_run = 0;
	return 0;
}

/*
 * The TSC at which a processor that enters now leaves again: the timer falls
 * by one each time bit `shift` of the TSC changes from all that is below it.
 */
static uint64_t end_of_stay(void)
{
	uint64_t left = vmcs_read(VMCS_PREEMPTION_TIMER);
	unsigned shift = vmx_controls.preemption_shift;

	assert_in_range(left, 0, UINT32_MAX);
	return ((fake_tsc >> shift) + left) << shift;
}

static const struct {
	const char *what;
	unsigned shift;
	uint64_t now, deadline, end;
} cases[] = {
	{ "to the tick", 0, 1000, 1500, 1500 },
	{ "one tick ahead", 0, 1000, 1001, 1001 },
	{ "a coarse timer: not before", 5, 1000, 1500, 1504 },
	{ "on its boundary", 5, 1000, 1504, 1504 },
	{ "behind its boundary", 5, 1000, 1505, 1536 },
	{ "within one step of it", 5, 1000, 1001, 1024 },
	{ "the coarsest of today", 7, 1000, 2000, 2048 },
	{ "lower half about to wrap", 5, 0x1fffffff0, 0x200000011,
	  0x200000020 },
	{ "nothing armed: 10 ms", 0, 1000, UINT64_MAX, 1000 + 10000000 },
	{ "far away: 10 ms", 0, 1000, 1ull << 60, 1000 + 10000000 },
};

static void ends_at_the_next_timer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s\n", cases[i].what);
		vmx_controls.preemption_shift = cases[i].shift;
		fake_tsc = cases[i].now;
		this_cpu()->timer_next = cases[i].deadline;
		assert_true(stay_timer_begin(&v));
		assert_true(held);
		assert_int_equal(end_of_stay(), cases[i].end);
		stay_timer_end();
		assert_false(held);
		assert_int_equal(nr_run, 0);
	}
}

static void what_is_due_is_run_in_the_place_of_a_stay(void **state)
{
	(void)state;
	this_cpu()->timer_next = fake_tsc - 5;
	assert_false(stay_timer_begin(&v));
	stay_timer_end();
	assert_int_equal(nr_run, 1);
	/* However long ago. */
	fake_tsc = 1ull << 40;
	this_cpu()->timer_next = 1000;
	assert_false(stay_timer_begin(&v));
	stay_timer_end();
	assert_int_equal(nr_run, 2);
	/* Due now: the processor leaves at once. */
	this_cpu()->timer_next = fake_tsc;
	assert_true(stay_timer_begin(&v));
	assert_int_equal(end_of_stay(), fake_tsc);
	stay_timer_end();
	assert_int_equal(nr_run, 3);
	assert_false(held);
}

/* Time in the hypervisor counts: a guest that often exits gains nothing. */
static void short_exits_do_not_stretch_it(void **state)
{
	(void)state;
	this_cpu()->timer_next = fake_tsc + 1000;
	assert_true(stay_timer_begin(&v));
	for (unsigned i = 0; i < 9; i++) {
		fake_tsc += 100;
		assert_true(stay_timer_load(&v));
		assert_int_equal(end_of_stay(), 1001000);
	}
	fake_tsc += 101;
	assert_false(stay_timer_load(&v));
	stay_timer_end();
	assert_int_equal(nr_run, 1);
}

static void timer_armed_during_a_stay_ends_it(void **state)
{
	(void)state;
	assert_true(stay_timer_begin(&v));
	this_cpu()->timer_next = fake_tsc + 77;
	stay_timer_renew(&v);
	assert_true(stay_timer_load(&v));
	assert_int_equal(end_of_stay(), fake_tsc + 77);
	/* And one that was taken back no longer does. */
	this_cpu()->timer_next = fake_tsc + 5000;
	stay_timer_renew(&v);
	assert_true(stay_timer_load(&v));
	assert_int_equal(end_of_stay(), fake_tsc + 5000);
	stay_timer_end();
}

/* A device that was touched on the fast path may have armed or taken back. */
static void stay_follows_the_next_timer(void **state)
{
	(void)state;
	assert_true(stay_timer_begin(&v));
	this_cpu()->timer_next = fake_tsc + 77;
	stay_timer_follow(&v);
	assert_true(stay_timer_load(&v));
	assert_int_equal(end_of_stay(), fake_tsc + 77);
	this_cpu()->timer_next = fake_tsc + 5000;
	stay_timer_follow(&v);
	assert_true(stay_timer_load(&v));
	assert_int_equal(end_of_stay(), fake_tsc + 5000);
	/* 10 ms count from the begin of the stay, not from here. */
	this_cpu()->timer_next = UINT64_MAX;
	stay_timer_follow(&v);
	fake_tsc += 100;
	stay_timer_follow(&v);
	assert_true(stay_timer_load(&v));
	assert_int_equal(end_of_stay(), fake_tsc - 100 + 10000000);
	stay_timer_end();
}

static void without_the_timer_the_apic_serves(void **state)
{
	(void)state;
	vmx_controls.pin = 0;
	this_cpu()->timer_next = fake_tsc + 100;
	fake_vmcs.nr_writes = 0;
	assert_true(stay_timer_begin(&v));
	assert_false(held);
	fake_tsc += 200;
	assert_true(stay_timer_load(&v));
	stay_timer_end();
	assert_int_equal(fake_vmcs.nr_writes, 0);
	assert_int_equal(nr_run, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup(fn, setup)
		T(ends_at_the_next_timer),
		T(what_is_due_is_run_in_the_place_of_a_stay),
		T(short_exits_do_not_stretch_it),
		T(timer_armed_during_a_stay_ends_it),
		T(stay_follows_the_next_timer),
		T(without_the_timer_the_apic_serves),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
