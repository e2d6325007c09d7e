/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual local APIC's timer: its modes against a naive model, and what
 * guests' timers may cost the host.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c
 */
#include "lapic_world.h"

/* ---- timer ---- */

/* Interrupts taken so far on vCPU 0 with this vector; takes one if there. */
static bool take(int vector)
{
	if (lapic_pending_vector(apic(0)) != vector)
		return false;
	lapic_accept(apic(0), vector);
	wr(0, EOI, 0);
	return true;
}

static void oneshot_counts_down_once(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 3); /* by 16 */
	wr(0, LVT_TIMER, 0x30);
	wr(0, TMICT, 1000);
	assert_int_equal(rd(0, TMCCT), 1000);
	fake_clock_advance(160 * 16);
	assert_int_equal(rd(0, TMCCT), 840);
	fake_clock_advance(840 * 16 - 1);
	assert_false(take(0x30));
	assert_int_equal(rd(0, TMCCT), 1);
	fake_clock_advance(1);
	assert_true(take(0x30));
	assert_int_equal(rd(0, TMCCT), 0);
	assert_int_equal(rd(0, TMICT), 1000);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(1000000);
	assert_false(take(0x30));
}

/* SDM, "TSC-Deadline Mode": without its CPUID bit LVT's bit 18 is reserved. */
static void deadline_mode_that_cpuid_hides_is_reserved(void **state)
{
	const uint32_t deadline = APIC_TIMER_DEADLINE << APIC_LVT_MODE_SHIFT;

	(void)state;
	lapic_refuse_tsc_deadline(apic(0));
	enable(0, EN_XAPIC);
	mmio_wr(0, LVT_TIMER, deadline | 0x30);
	assert_int_equal(mmio_rd(0, LVT_TIMER), 0x30);
	enable(0, EN_X2APIC);
	assert_int_equal(
		lapic_msr_write(apic(0), X2(LVT_TIMER), deadline | 0x30),
		-EINVAL);
	assert_int_equal(
		lapic_msr_write(apic(0), X2(LVT_TIMER), PERIODIC | 0x30), 0);
}

static void periodic_agrees_with_the_model(void **state)
{
	const uint64_t period = 100000;
	uint64_t start, taken = 0;

	(void)state;
	srand(2);
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb); /* by 1 */
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	start = fake_tsc;
	wr(0, TMICT, period);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t t;

		fake_clock_advance((uint64_t)rand() % 30000);
		t = fake_tsc - start;
		taken += take(0x31);
		if (taken != t / period)
			fail_msg("at %llu: %llu interrupts",
				 (unsigned long long)t,
				 (unsigned long long)taken);
		assert_int_equal(rd(0, TMCCT), period - t % period);
	}
	wr(0, TMICT, 0);
	assert_false(apic(0)->timer.host.armed);
}

/* ---- timers don't occupy the host ---- */

#define GAP 100000u /* ticks between firings of one VM's timers */

static void start_fastest(unsigned cpu)
{
	enable(cpu, EN_X2APIC);
	wr(cpu, TDCR, 0xb);
	wr(cpu, LVT_TIMER, PERIODIC | 0x31);
	wr(cpu, TMICT, 1);
}

static unsigned take_all(void)
{
	unsigned taken = 0;

	for (unsigned cpu = 0; cpu < FAKE_NR_VCPUS; cpu++) {
		if (lapic_pending_vector(apic(cpu)) != 0x31)
			continue;
		lapic_accept(apic(cpu), 0x31);
		wr(cpu, EOI, 0);
		taken++;
	}
	return taken;
}

static void the_fastest_timers_share_one_pace(void **state)
{
	unsigned taken[2] = { 0, 0 };

	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		for (unsigned cpu = 0; cpu < (all ? FAKE_NR_VCPUS : 1); cpu++)
			start_fastest(cpu);
		for (unsigned i = 0; i < 10000; i++) {
			fake_clock_advance(GAP / 100);
			taken[all] += take_all();
		}
	}
	/* A hundred gaps, and a few of the tolerance at the beginning. */
	assert_in_range(taken[0], 95, 125);
	assert_in_range(taken[1], 95, 125);
	/* All of it is on the VM's account. */
	assert_true(fake_vm.share.extra >= 1000 * (taken[0] + taken[1]));
}

static void no_host_timer_while_an_interrupt_waits(void **state)
{
	(void)state;
	start_fastest(0);
	fake_clock_advance(GAP);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x31);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(1000 * GAP);
	/* Those that nobody took were one; the next period goes on. */
	assert_true(take(0x31));
	assert_true(apic(0)->timer.host.armed);
	assert_false(take(0x31));
	fake_clock_advance(2 * GAP);
	assert_true(take(0x31));
	/* Another vector is another matter. */
	fake_clock_advance(2 * GAP);
	assert_false(apic(0)->timer.host.armed);
	wr(0, LVT_TIMER, PERIODIC | 0x32);
	assert_true(apic(0)->timer.host.armed);
}

/* One-shot timers set anew again and again are no way around it. */
static void setting_a_timer_anew_gives_no_earlier_turn(void **state)
{
	unsigned taken = 0;

	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	for (unsigned i = 0; i < 10000; i++) {
		wr(0, TMICT, 1 + i % 7);
		fake_clock_advance(GAP / 100);
		taken += take(0x31);
	}
	assert_in_range(taken, 95, 125);
}

static void a_masked_timer_runs_without_a_host_timer(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, PERIODIC | MASKED | 0x31);
	wr(0, TMICT, 1000000);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(2300000);
	assert_int_equal(rd(0, TMCCT), 700000);
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_true(apic(0)->timer.host.armed);
	assert_false(take(0x31));
	fake_clock_advance(700000);
	assert_true(take(0x31));
	wr(0, LVT_TIMER, PERIODIC | MASKED | 0x31);
	assert_false(apic(0)->timer.host.armed);
}

static void mode_change_keeps_the_count(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	wr(0, TMICT, 1000000);
	fake_clock_advance(600000);
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_int_equal(rd(0, TMCCT), 400000);
	fake_clock_advance(500000);
	assert_true(take(0x31));
	assert_int_equal(rd(0, TMCCT), 900000);
	wr(0, LVT_TIMER, 0x31);
	fake_clock_advance(900000);
	assert_true(take(0x31));
	assert_int_equal(rd(0, TMCCT), 0);
	/* One-shot has run out: periodic does not start it again. */
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_int_equal(rd(0, TMCCT), 0);
	/* To deadline mode: all is forgotten. */
	wr(0, TMICT, 1000);
	wr(0, LVT_TIMER, DEADLINE | 0x31);
	assert_int_equal(rd(0, TMICT), 0);
	assert_false(apic(0)->timer.host.armed);
}

static void divide_change_keeps_the_count(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	wr(0, TMICT, 1000000);
	fake_clock_advance(200000);
	wr(0, TDCR, 0); /* by 2 */
	assert_int_equal(rd(0, TMCCT), 800000);
	fake_clock_advance(800000);
	assert_int_equal(rd(0, TMCCT), 400000);
}

static void deadline_fires_at_the_guest_tsc(void **state)
{
	uint64_t now;

	(void)state;
	enable(0, EN_X2APIC);
	/* Not in deadline mode: writes are ignored. */
	lapic_tsc_deadline_write(apic(0), 1);
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), 0);
	wr(0, LVT_TIMER, DEADLINE | 0x31);
	now = vm_guest_tsc(&fake_vm);
	lapic_tsc_deadline_write(apic(0), now + 5000);
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), now + 5000);
	fake_clock_advance(4999);
	assert_false(take(0x31));
	fake_clock_advance(1);
	assert_true(take(0x31));
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), 0);
	/* In the past: at once. */
	lapic_tsc_deadline_write(apic(0), 1);
	assert_true(take(0x31));
	/* By this vCPU's own TSC, if it has moved it. */
	fake_vcpus[0].tsc_adjust = 1000000;
	lapic_tsc_deadline_write(apic(0), now + 1005100);
	fake_clock_advance(99);
	assert_false(take(0x31));
	fake_clock_advance(1);
	assert_true(take(0x31));
	fake_vcpus[0].tsc_adjust = 0;
	/* Disarmed. */
	lapic_tsc_deadline_write(apic(0), vm_guest_tsc(&fake_vm) + 5000);
	lapic_tsc_deadline_write(apic(0), 0);
	assert_false(apic(0)->timer.host.armed);
	/* For ever. */
	lapic_tsc_deadline_write(apic(0), ~0ull);
	fake_clock_advance(1000000000);
	assert_false(take(0x31));
	/* The count registers are dead in this mode. */
	wr(0, TMICT, 77);
	assert_int_equal(rd(0, TMICT), 0);
	assert_int_equal(rd(0, TMCCT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAPIC_TEST(oneshot_counts_down_once),
		LAPIC_TEST(deadline_mode_that_cpuid_hides_is_reserved),
		LAPIC_TEST(periodic_agrees_with_the_model),
		LAPIC_TEST(the_fastest_timers_share_one_pace),
		LAPIC_TEST(no_host_timer_while_an_interrupt_waits),
		LAPIC_TEST(setting_a_timer_anew_gives_no_earlier_turn),
		LAPIC_TEST(a_masked_timer_runs_without_a_host_timer),
		LAPIC_TEST(mode_change_keeps_the_count),
		LAPIC_TEST(divide_change_keeps_the_count),
		LAPIC_TEST(deadline_fires_at_the_guest_tsc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
