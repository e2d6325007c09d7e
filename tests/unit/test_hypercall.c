// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMCALL on the exit fast path: which calls it answers, and that what it leaves
 * to the slow path is left as it was.
 * Sources: vmx/hypercall.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define RIP   0x1000u
#define ARRAY 0x5008u

struct vmx_controls vmx_controls;
static struct vm the_vm;
static struct vcpu v;
static unsigned nr_quick, nr_patient;
static bool quick_works;

bool memdev_quick_inflate(struct vm *vm, uint64_t at)
{
	assert_ptr_equal(vm, &the_vm);
	assert_int_equal(at, ARRAY);
	nr_quick++;
	return quick_works;
}

int64_t memdev_hypercall(struct vcpu *vcpu, uint64_t nr, uint64_t a0,
			 uint64_t a1, uint64_t a2, uint64_t a3)
{
	(void)vcpu;
	(void)a2;
	(void)a3;
	assert_int_equal(nr, AEROSTAT_HC_MEM_INFLATE);
	assert_int_equal(a0, ARRAY);
	nr_patient++;
	return a1 > AEROSTAT_BATCH_MAX ? -E2BIG : (int64_t)a1;
}

int64_t memdev_setup(struct vm *vm, uint64_t version)
{
	(void)vm;
	(void)version;
	return 0;
}

void vuart_output_write(struct vm *vm, const char *text, uint64_t nbytes)
{
	(void)vm;
	(void)text;
	(void)nbytes;
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	(void)gs;
	(void)a;
	(void)dst;
	(void)nbytes;
	return -EFAULT;
}

static const struct {
	const char *what;
	uint64_t npages;
	unsigned cpl;
	bool eoi_offered, works;
	bool fast; /* it is answered there */
} cases[] = {
	{ "one page", 1, 0, false, true, true },
	{ "one page that is not simple", 1, 0, false, false, false },
	{ "while the end of an interrupt is out", 1, 0, true, true, false },
	{ "by a program", 1, 3, false, true, false },
	{ "no page", 0, 0, false, true, false },
	{ "two pages", 2, 0, false, true, false },
	{ "one page, says the lower half", 1ull << 32 | 1, 0, false, true,
	  false },
};

static void set_up(unsigned i)
{
	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	v.pv_eoi_offered = cases[i].eoi_offered;
	v.gpr[REG_RAX] = AEROSTAT_HC_MEM_INFLATE;
	v.gpr[REG_RBX] = ARRAY;
	v.gpr[REG_RCX] = cases[i].npages;
	vmcs_write(VMCS_GUEST_RIP, RIP);
	vmcs_write(VMCS_EXIT_INSN_LEN, 3);
	vmcs_write(VMCS_GUEST_SS_AR, cases[i].cpl << AR_DPL_SHIFT);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	quick_works = cases[i].works;
	nr_quick = nr_patient = 0;
}

static void inflate_of_one_page(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vcpu before;

		print_message("%s\n", cases[i].what);
		set_up(i);
		before = v;
		assert_int_equal(fast_hypercall(&v), cases[i].fast);
		assert_int_equal(nr_patient, 0);
		if (cases[i].fast) {
			assert_int_equal(v.gpr[REG_RAX], 1);
			assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP + 3);
			assert_int_equal(v.exits[REASON_VMCALL], 1);
			continue;
		}
		assert_memory_equal(&v, &before, sizeof(v));
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
		assert_int_equal(exit_hypercall(&v), EXIT_SKIP_INSN);
		assert_int_equal(nr_patient, cases[i].cpl == 0);
	}
}

/* The page is gone, and a request came: the result is not lost. */
static void a_request_meanwhile_ends_the_stay(void **state)
{
	(void)state;
	set_up(0);
	v.requests = VCPU_REQ_EVENT;
	assert_false(fast_hypercall(&v));
	assert_int_equal(v.exit_reason, REASON_HANDLED);
	assert_int_equal(v.gpr[REG_RAX], 1);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP + 3);
	assert_int_equal(nr_quick, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inflate_of_one_page),
		cmocka_unit_test(a_request_meanwhile_ends_the_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
