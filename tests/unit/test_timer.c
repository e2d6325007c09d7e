// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timer queues over a fake APIC timer: what is armed fires once, in order, not
 * early; the hardware is never set later than the first deadline.
 * Sources: kernel/sched/timer.c kernel/lib/prioq.c
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
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"

#define NR 50u

static void (*interrupt)(void);
static uint64_t hardware[2] = { UINT64_MAX, UINT64_MAX }; /* of each CPU */

void irq_register(uint8_t vector, void (*fn)(void))
{
	assert_int_equal(vector, IRQ_VEC_TIMER);
	interrupt = fn;
}

void apic_timer_init_cpu(uint8_t vector)
{
	assert_int_equal(vector, IRQ_VEC_TIMER);
}

void apic_timer_set(uint64_t tsc_deadline)
{
	hardware[cpu_id()] = tsc_deadline;
}

static struct probe {
	struct timer timer;
	unsigned fired;
	uint64_t at;
} probes[NR];
static uint64_t again_after;	/* > 0: probe 0 arms itself again */
static void (*meanwhile)(void); /* what other CPUs do while an fn runs */

static void fired(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	assert_int_equal(fake_locks_held(), 0);
	p->fired++;
	p->at = fake_tsc;
	if (again_after && p == &probes[0])
		timer_arm(t, fake_tsc + again_after);
	if (meanwhile)
		meanwhile();
}

/* Time passes on both CPUs; interrupts come as the hardware is set. */
static void pass(uint64_t until)
{
	for (;;) {
		unsigned cpu = hardware[1] < hardware[0];

		if (hardware[cpu] > until)
			break;
		fake_tsc = hardware[cpu] > fake_tsc ? hardware[cpu] : fake_tsc;
		hardware[cpu] = UINT64_MAX;
		fake_cpu_id = cpu;
		interrupt();
	}
	fake_tsc = until;
	fake_cpu_id = 0;
}

static int reset(void **state)
{
	(void)state;
	fake_tsc = 1000;
	again_after = 0;
	meanwhile = NULL;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		fake_cpu_id = cpu;
		hardware[cpu] = UINT64_MAX;
		timer_init_cpu();
	}
	fake_cpu_id = 0;
	for (unsigned i = 0; i < NR; i++) {
		probes[i] = (struct probe){ .fired = 0 };
		timer_init(&probes[i].timer, fired);
	}
	return 0;
}

static void each_fires_once_and_on_time(void **state)
{
	(void)state;
	srand(5);
	for (unsigned i = 0; i < NR; i++) {
		fake_cpu_id = i % 2;
		timer_arm(&probes[i].timer,
			  fake_tsc + 1 + (unsigned)rand() % 500);
	}
	pass(5000);
	for (unsigned i = 0; i < NR; i++) {
		assert_int_equal(probes[i].fired, 1);
		assert_int_equal(probes[i].at, probes[i].timer.deadline);
		assert_false(probes[i].timer.armed);
	}
	assert_int_equal(hardware[0], UINT64_MAX);
	assert_int_equal(hardware[1], UINT64_MAX);
}

static void a_cancelled_one_stays_silent(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 2000);
	timer_arm(&probes[1].timer, 3000);
	timer_cancel(&probes[0].timer);
	timer_cancel(&probes[0].timer); /* again is harmless */
	timer_cancel(&probes[2].timer); /* so is what never was armed */
	pass(5000);
	assert_int_equal(probes[0].fired, 0);
	assert_int_equal(probes[1].fired, 1);
}

static void an_earlier_one_reprograms(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 9000);
	assert_int_equal(hardware[0], 9000);
	timer_arm(&probes[1].timer, 4000);
	assert_int_equal(hardware[0], 4000);
	timer_arm(&probes[2].timer, 6000);
	assert_int_equal(hardware[0], 4000);
}

static void arming_again_moves_it(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 2000);
	timer_arm(&probes[0].timer, 7000);
	pass(6000);
	assert_int_equal(probes[0].fired, 0);
	pass(8000);
	assert_int_equal(probes[0].fired, 1);
	assert_int_equal(probes[0].at, 7000);
}

static void arming_on_another_cpu_takes_it_there(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 2000);
	fake_cpu_id = 1;
	timer_arm(&probes[0].timer, 3000);
	assert_int_equal(probes[0].timer.cpu, 1);
	assert_int_equal(hardware[1], 3000);
	pass(5000);
	assert_int_equal(probes[0].fired, 1);
	assert_int_equal(probes[0].at, 3000);
}

static void a_past_deadline_fires_soon(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 1);
	pass(1001);
	assert_int_equal(probes[0].fired, 1);
}

static void one_may_arm_itself(void **state)
{
	(void)state;
	again_after = 100;
	timer_arm(&probes[0].timer, 2000);
	pass(2950);
	assert_int_equal(probes[0].fired, 10);
	timer_cancel(&probes[0].timer);
	pass(5000);
	assert_int_equal(probes[0].fired, 10);
}

/* ---- a timer and several CPUs ---- */

static void arm_on_the_other_cpu(void)
{
	uint32_t here = fake_cpu_id;

	meanwhile = NULL;
	fake_cpu_id = 1;
	timer_arm(&probes[0].timer, fake_tsc + 100);
	/* timer_cancel() looks where it says; its fn still runs there. */
	assert_int_equal(probes[0].timer.cpu, here);
	fake_cpu_id = here;
}

static void armed_elsewhere_while_it_runs_it_stays(void **state)
{
	(void)state;
	timer_arm(&probes[0].timer, 2000);
	meanwhile = arm_on_the_other_cpu;
	pass(2050);
	assert_int_equal(probes[0].fired, 1);
	assert_true(probes[0].timer.armed);
	/* And fires on time: that CPU's hardware knows. */
	assert_int_equal(hardware[0], 2100);
	pass(3000);
	assert_int_equal(probes[0].fired, 2);
	assert_int_equal(probes[0].at, 2100);
}

/* ---- a CPU that serves its timers itself ---- */

static void the_next_deadline_is_known(void **state)
{
	(void)state;
	assert_int_equal(timer_next_deadline(), UINT64_MAX);
	timer_arm(&probes[0].timer, 5000);
	timer_arm(&probes[1].timer, 3000);
	assert_int_equal(timer_next_deadline(), 3000);
	fake_cpu_id = 1;
	assert_int_equal(timer_next_deadline(), UINT64_MAX);
	timer_cancel(&probes[1].timer);
	fake_cpu_id = 0;
	assert_int_equal(timer_next_deadline(), 5000);
	timer_arm(&probes[0].timer, UINT64_MAX);
	assert_true(timer_next_deadline() > BIT(61));
	timer_cancel(&probes[0].timer);
	assert_int_equal(timer_next_deadline(), UINT64_MAX);
}

static void held_hardware_is_left_alone(void **state)
{
	(void)state;
	timer_hold_hardware(true);
	timer_arm(&probes[0].timer, 2000);
	timer_arm(&probes[1].timer, 4000);
	assert_int_equal(hardware[0], UINT64_MAX);
	pass(1999);
	timer_run_due();
	assert_int_equal(probes[0].fired, 0);
	pass(2000);
	timer_run_due();
	assert_int_equal(probes[0].fired, 1);
	assert_int_equal(hardware[0], UINT64_MAX);
	timer_hold_hardware(false);
	assert_int_equal(hardware[0], 4000);
	pass(5000);
	assert_int_equal(probes[1].fired, 1);
}

static void many_that_are_due_let_others_in(void **state)
{
	unsigned fired_now = 0;

	(void)state;
	for (unsigned i = 0; i < NR; i++)
		timer_arm(&probes[i].timer, 2000);
	fake_tsc = 2000;
	interrupt();
	for (unsigned i = 0; i < NR; i++)
		fired_now += probes[i].fired;
	assert_in_range(fired_now, 1, NR / 2);
	assert_int_equal(hardware[0], 2000); /* at once again */
	pass(2001);
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(probes[i].fired, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_fires_once_and_on_time, reset),
		cmocka_unit_test_setup(a_cancelled_one_stays_silent, reset),
		cmocka_unit_test_setup(an_earlier_one_reprograms, reset),
		cmocka_unit_test_setup(arming_again_moves_it, reset),
		cmocka_unit_test_setup(arming_on_another_cpu_takes_it_there,
				       reset),
		cmocka_unit_test_setup(a_past_deadline_fires_soon, reset),
		cmocka_unit_test_setup(one_may_arm_itself, reset),
		cmocka_unit_test_setup(armed_elsewhere_while_it_runs_it_stays,
				       reset),
		cmocka_unit_test_setup(the_next_deadline_is_known, reset),
		cmocka_unit_test_setup(held_hardware_is_left_alone, reset),
		cmocka_unit_test_setup(many_that_are_due_let_others_in, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
