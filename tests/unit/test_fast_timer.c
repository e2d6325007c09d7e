// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host timer ends a stay in the guest: what is dealt with on the exit fast
 * path, and what only the slow path may do.
 *
 * Sources: vmx/fast_timer.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

#define NOW	1000000u
#define RFLAGS1 0x2u /* bit 1 is always set */

struct vmx_controls vmx_controls;
static struct vcpu v;

/* What the timer that is due does. */
static uint32_t asks; /* VCPU_REQ_* */
static bool switches; /* wakes a thread that must run first */
static uint64_t next; /* deadline of the timer behind it */
/* The guest's next period, which begins when its interrupt is taken; 0: none */
static uint64_t period;

static unsigned nr_run, nr_prepared, nr_settled;
static bool can_settle;

void timer_hold_hardware(bool hold)
{
	(void)hold;
}

void timer_run_due(void)
{
	nr_run++;
	v.requests |= asks;
	this_cpu()->need_resched |= switches;
	this_cpu()->timer_next = next;
}

bool pv_eoi_settle_quick(struct vcpu *vcpu)
{
	(void)vcpu;
	nr_settled++;
	return can_settle;
}

void inject_prepare_entry(struct vcpu *vcpu)
{
	/* The APIC is up to date, and the request that is met is gone. */
	assert_int_equal(nr_settled, 1);
	assert_int_equal(vcpu->requests, 0);
	/* What goes into the VMCS is entered: the stay has been set up. */
	assert_int_equal(vmcs_read(VMCS_PREEMPTION_TIMER), 500);
	nr_prepared++;
	if (period)
		this_cpu()->timer_next = period;
}

static int setup(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	vmx_controls.pin = PIN_PREEMPTION_TIMER;
	fake_tsc = NOW;
	this_cpu()->timer_next = NOW;
	this_cpu()->need_resched = false;
	asks = VCPU_REQ_EVENT;
	switches = false;
	next = NOW + 500;
	period = 0;
	nr_run = nr_prepared = nr_settled = 0;
	can_settle = true;
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_IF | RFLAGS1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	this_cpu()->need_resched = false;
	this_cpu()->timer_next = UINT64_MAX;
	return 0;
}

static void the_guests_own_timer_goes_in_at_once(void **state)
{
	(void)state;
	assert_true(fast_preemption_timer(&v));
	assert_int_equal(nr_run, 1);
	assert_int_equal(nr_prepared, 1);
	assert_int_equal(v.exits[REASON_PREEMPTION_TIMER], 1);
	assert_int_equal(v.stay_next, NOW + 500);
}

/* Nothing but that timer may end the stay that follows. */
static void a_period_that_begins_now_ends_this_stay(void **state)
{
	(void)state;
	period = NOW + 77;
	assert_true(fast_preemption_timer(&v));
	assert_int_equal(vmcs_read(VMCS_PREEMPTION_TIMER), 77);
	/* Late already: at once, but the interrupt goes in before. */
	setup(NULL);
	period = NOW - 1;
	assert_true(fast_preemption_timer(&v));
	assert_int_equal(nr_prepared, 1);
	assert_int_equal(vmcs_read(VMCS_PREEMPTION_TIMER), 0);
}

static void anothers_timer_changes_nothing(void **state)
{
	(void)state;
	asks = 0;
	assert_true(fast_preemption_timer(&v));
	assert_int_equal(nr_run, 1);
	assert_int_equal(nr_prepared, 0);
}

/* The slow path starts such an exit over: nothing may have happened. */
static void untouched(const char *what)
{
	if (fast_preemption_timer(&v) || nr_run || nr_prepared ||
	    v.exits[REASON_PREEMPTION_TIMER] || v.exit_reason)
		fail_msg("%s", what);
	setup(NULL);
}

static void the_rest_is_left_untouched(void **state)
{
	(void)state;
	vmcs_write(VMCS_IDT_VECTORING_INFO, INTR_VALID | 0x40);
	untouched("an event was being delivered");
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS1);
	untouched("interrupts are shut: the host's must get in");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI);
	untouched("STI");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_MOV_SS);
	untouched("MOV SS");
	this_cpu()->timer_next = NOW + 1;
	untouched("no timer: the longest stay is over");
	can_settle = false;
	untouched("the end of the last interrupt can't be looked at");
}

/* The timers have run; the thread has to see to the rest. */
static void handed_over(const char *what)
{
	if (fast_preemption_timer(&v) || nr_run != 1 || nr_prepared ||
	    v.exits[REASON_PREEMPTION_TIMER] != 1 ||
	    v.exit_reason != REASON_HANDLED || v.requests != asks)
		fail_msg("%s", what);
	setup(NULL);
}

static void what_the_thread_must_do_is_handed_over(void **state)
{
	(void)state;
	asks = VCPU_REQ_EVENT | VCPU_REQ_FLUSH;
	handed_over("a flush");
	asks = VCPU_REQ_END;
	handed_over("the end of the run");
	switches = true;
	handed_over("another thread's turn");
	next = NOW - 1;
	handed_over("more timers are due than are run at a time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(the_guests_own_timer_goes_in_at_once),
		T(a_period_that_begins_now_ends_this_stay),
		T(anothers_timer_changes_nothing),
		T(the_rest_is_left_untouched),
		T(what_the_thread_must_do_is_handed_over),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
