// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The paravirtual clock when its page can't be written.
 * Sources: vmx/pvclock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above */
#include <cmocka.h>

#include "fake_vcpu.h"
#include "kernel/lib/errno.h"
#include "kernel/sched/clock.h"
#include "mm/gspace.h"
#include "vmx/msr_index.h"

static struct vm the_vm;
static struct vcpu v;
static int write_err;
static unsigned nr_writes, nr_waits;
static bool called, memory_comes;
static uint32_t version; /* in the guest's page */
static bool torn;	 /* contents changed under an even version */

uint64_t clock_boot_epoch(void)
{
	return 0;
}

int guest_write(struct gspace *gs, gpa_t a, const void *src, uint64_t nbytes)
{
	(void)gs;
	assert_int_equal(a.raw & ~0x1full, 0x5000);
	if (write_err)
		return write_err;
	nr_writes++;
	if (nbytes > sizeof(version) && !(version & 1))
		torn = true;
	version = *(const uint32_t *)src;
	return 0;
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	assert_true(stop == vcpu_is_called && arg == &v);
	nr_waits++;
	if (memory_comes)
		write_err = 0;
	else
		called = true;
}

bool vcpu_is_called(void *vcpu)
{
	(void)vcpu;
	return called;
}

static void clock_on(void)
{
	v = (struct vcpu){ .vm = &the_vm };
	write_err = 0;
	called = false;
	memory_comes = true;
	nr_waits = 0;
	version = 0;
	torn = false;
	assert_int_equal(pvclock_write_msr(&v, MSR_KVM_SYSTEM_TIME, 0x5001), 0);
	nr_writes = 0;
}

static void a_write_tells_faults_from_shortage(void **state)
{
	(void)state;
	clock_on();
	write_err = -ENOMEM;
	assert_int_equal(pvclock_write_msr(&v, MSR_KVM_SYSTEM_TIME, 0x5001),
			 -ENOMEM);
	assert_int_equal(pvclock_write_msr(&v, MSR_KVM_WALL_CLOCK, 0x5000),
			 -ENOMEM);
	write_err = -EFAULT;
	assert_int_equal(pvclock_write_msr(&v, MSR_KVM_SYSTEM_TIME, 0x5001),
			 -EINVAL);
	assert_int_equal(pvclock_write_msr(&v, MSR_KVM_WALL_CLOCK, 0x5000),
			 -EINVAL);
}

static void an_update_waits_for_memory(void **state)
{
	(void)state;
	clock_on();
	write_err = -ENOMEM;
	pvclock_update(&v, true);
	assert_int_equal(nr_waits, 1);
	assert_int_equal(nr_writes, 3);
	assert_int_equal(version % 2, 0);
	assert_int_equal(version, 4);
	assert_false(torn);
	assert_int_equal(v.pvclock_msr, 0x5001);
	assert_int_equal(v.requests, 0);
}

static void an_update_that_is_called_away_comes_again(void **state)
{
	(void)state;
	clock_on();
	write_err = -ENOMEM;
	memory_comes = false;
	pvclock_update(&v, true);
	assert_int_equal(v.pvclock_msr, 0x5001);
	assert_int_equal(v.requests, VCPU_REQ_CLOCK);
}

static void a_page_that_is_gone_ends_the_clock(void **state)
{
	(void)state;
	clock_on();
	write_err = -EFAULT;
	pvclock_update(&v, true);
	assert_int_equal(v.pvclock_msr, 0);
	assert_int_equal(nr_waits, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_tells_faults_from_shortage),
		cmocka_unit_test(an_update_waits_for_memory),
		cmocka_unit_test(an_update_that_is_called_away_comes_again),
		cmocka_unit_test(a_page_that_is_gone_ends_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
