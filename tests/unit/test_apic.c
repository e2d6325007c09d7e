// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The local APIC by its page of registers: an interrupt command is sent when
 * the one before has left, and after a bounded time in any case.
 *
 * Sources: kernel/cpu/apic.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes/fakes.h"
#include "kernel/cpu/apic.h"
#include "kernel/lib/apic_format.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "mm/hostpt.h"

static uint32_t page[PAGE_SIZE / 4];
static unsigned busy_for; /* looks at it; UINT32_MAX: for ever */

/* Register n lies at offset 16 * n. */
static uint32_t *reg(unsigned n)
{
	return &page[4 * n];
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	return (struct cpuid_regs){ .edx = leaf == 1 ? BIT(9) : 0 };
}

int hostpt_map_mmio(hpa_t a, uint64_t nbytes, void **out)
{
	(void)a;
	assert_int_equal(nbytes, PAGE_SIZE);
	*out = page;
	return 0;
}

void cpu_pause(void)
{
	fake_tsc += 100;
	assert_true(fake_tsc < 10000000);
	if (busy_for != UINT32_MAX && --busy_for == 0)
		*reg(APIC_ICR) &= ~APIC_ICR_BUSY;
}

static int setup(void **state)
{
	(void)state;
	memset(page, 0, sizeof(page));
	fake_tsc = 0;
	assert_int_equal(apic_init(), 0);
	assert_false(apic_is_x2());
	*reg(APIC_ICR) = APIC_ICR_BUSY;
	return 0;
}

static void assert_sent(void)
{
	apic_send_ipi(5, 0x41);
	assert_int_equal(*reg(APIC_ICR_HIGH), 5u << 24);
	assert_int_equal(*reg(APIC_ICR), APIC_ICR_ASSERT | 0x41);
}

static void the_command_before_is_waited_for(void **state)
{
	(void)state;
	busy_for = 7;
	assert_sent();
	assert_int_equal(fake_tsc, 700);
}

static void a_command_that_hangs_is_given_up(void **state)
{
	(void)state;
	busy_for = UINT32_MAX;
	assert_sent();
	assert_in_range(fake_tsc, 50000, 200000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_command_before_is_waited_for, setup),
		cmocka_unit_test_setup(a_command_that_hangs_is_given_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
