// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPT violations: who gets memory, who waits, whose access is emulated, and
 * which can't be (SDM Vol. 3, "Exit Qualification for EPT Violations").
 * Sources: vmx/exit_ept.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "mm/gspace.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define AT 0xfeb00123ull

struct vmx_controls vmx_controls;
static struct vm the_vm;
static struct vcpu v;
static int fault_result;
static enum gspace_access asked;
static unsigned flags_seen;
static bool sets_rf;
static bool emulated, emulated_write, waited, crashed;

int gspace_fault(struct gspace *gs, gfn_t g, enum gspace_access a,
		 unsigned flags)
{
	(void)gs;
	assert_int_equal(g.raw, vmcs_read(VMCS_GUEST_PHYSICAL) >> 12);
	asked = a;
	flags_seen = flags;
	return fault_result;
}

void timer_hold_hardware(bool hold)
{
	(void)hold;
}

void timer_run_due(void)
{
}

static unsigned nr_eois;

bool fast_eoi(struct vcpu *vcpu, gpa_t at)
{
	(void)vcpu;
	assert_int_equal(at.raw, LAPIC_EOI_DEFAULT);
	nr_eois++;
	return true;
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	(void)stop;
	(void)arg;
	waited = true;
}

bool vcpu_is_called(void *vcpu)
{
	(void)vcpu;
	return false;
}

int mmio_emulate(struct vcpu *vcpu, struct mmio_access *a)
{
	(void)vcpu;
	emulated = true;
	emulated_write = a->is_write;
	assert_int_equal(a->insn_nbytes, 15);
	for (unsigned i = 0; i < a->insn_nbytes; i++)
		assert_int_equal(a->insn[i], 0x90);
	/* The other operand of a MOVS faulted: inject.c sets RF. */
	if (sets_rf)
		vmcs_write(VMCS_GUEST_RFLAGS, a->rflags | RFLAGS_RF);
	a->rflags |= 1;
	a->done = !sets_rf;
	a->length = 5;
	return 0;
}

static bool can_peek;
static unsigned nr_fetches;
static uint64_t fetched_from;

bool insn_peek(struct vcpu *vcpu, uint64_t insn[2])
{
	(void)vcpu;
	insn[0] = insn[1] = 0x9090909090909090ull;
	return can_peek;
}

unsigned guest_fetch_linear(struct vcpu *vcpu, gva_t a, uint8_t *dst,
			    unsigned nbytes)
{
	(void)vcpu;
	fetched_from = a.raw;
	memset(dst, 0x90, nbytes);
	nr_fetches++;
	return nbytes;
}

void vcpu_crash(struct vcpu *vcpu, const char *fmt, ...)
{
	(void)vcpu;
	(void)fmt;
	crashed = true;
}

static void reset(uint64_t qual)
{
	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	emulated = waited = crashed = false;
	vmcs_write(VMCS_EXIT_QUAL, qual);
	vmcs_write(VMCS_GUEST_PHYSICAL, AT);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
}

#define LINEAR (EPTQ_LINEAR_VALID | EPTQ_LINEAR)

enum outcome { GOES_ON, WAITS, EMULATED, CRASHES };

static const struct {
	const char *name;
	uint64_t qual;
	uint32_t vectoring;
	int fault;
	enum outcome outcome;
} cases[] = {
	{ "memory came", EPTQ_WRITE | LINEAR, 0, 0, GOES_ON },
	{ "memory came for an event's stack", EPTQ_WRITE | LINEAR,
	  INTR_VALID | 0x40, 0, GOES_ON },
	{ "the host is short of memory", EPTQ_WRITE | LINEAR, 0, -ENOMEM,
	  WAITS },
	{ "a device is read", EPTQ_READ | LINEAR, 0, -ENOENT, EMULATED },
	{ "a device is written", EPTQ_WRITE | LINEAR, 0, -ENOENT, EMULATED },
	{ "a page of ours is written", EPTQ_WRITE | LINEAR, 0, -EACCES,
	  EMULATED },
	{ "an instruction from a device", EPTQ_FETCH | LINEAR, 0, -ENOENT,
	  CRASHES },
	{ "a stack in a device", EPTQ_WRITE | LINEAR, INTR_VALID | 0x40,
	  -ENOENT, CRASHES },
	{ "page tables in a device", EPTQ_READ | EPTQ_LINEAR_VALID, 0, -ENOENT,
	  CRASHES },
	{ "more memory than the VM may have", EPTQ_WRITE | LINEAR, 0, -ENOSPC,
	  CRASHES },
};

static void outcomes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const enum exit_action actions[] = {
			[GOES_ON] = EXIT_RESUME,
			[WAITS] = EXIT_RESUME,
			[EMULATED] = EXIT_SKIP_INSN,
			[CRASHES] = EXIT_STOP_VM,
		};
		enum outcome o = cases[i].outcome;
		enum exit_action act;

		reset(cases[i].qual);
		v.inject.info = cases[i].vectoring;
		fault_result = cases[i].fault;
		act = exit_ept_violation(&v);
		if (act != actions[o] || waited != (o == WAITS) ||
		    emulated != (o == EMULATED) || crashed != (o == CRASHES))
			fail_msg("%s: action %d", cases[i].name, (int)act);
		if (!emulated)
			continue;
		assert_int_equal(v.insn_len, 5);
		assert_int_equal(emulated_write,
				 (cases[i].qual & EPTQ_WRITE) != 0);
	}
}

/* A read-modify-write may report both; what counts is that it writes. */
static void what_the_access_is(void **state)
{
	(void)state;
	fault_result = 0;
	reset(EPTQ_READ | EPTQ_WRITE | LINEAR);
	exit_ept_violation(&v);
	assert_int_equal(asked, GA_WRITE);
	reset(EPTQ_READ | LINEAR);
	exit_ept_violation(&v);
	assert_int_equal(asked, GA_READ);
	reset(EPTQ_FETCH | LINEAR);
	exit_ept_violation(&v);
	assert_int_equal(asked, GA_EXEC);
}

static void iret_that_met_a_hole_blocks_nmis_again(void **state)
{
	(void)state;
	fault_result = 0;
	reset(EPTQ_READ | LINEAR | EPTQ_NMI_UNBLOCK);
	exit_ept_violation(&v);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY),
			 BLOCKED_BY_NMI);
	/* Undefined during event delivery. */
	reset(EPTQ_READ | LINEAR | EPTQ_NMI_UNBLOCK);
	v.inject.info = INTR_VALID | 0x40;
	exit_ept_violation(&v);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), 0);
}

static void the_fast_path_takes_only_the_plain_case(void **state)
{
	(void)state;
	fault_result = 0;
	reset(EPTQ_WRITE | LINEAR);
	assert_true(fast_ept_violation(&v));
	assert_int_equal(flags_seen, GF_ATOMIC);
	assert_int_equal(v.exits[REASON_EPT_VIOLATION], 1);
	reset(EPTQ_WRITE | LINEAR);
	vmcs_write(VMCS_IDT_VECTORING_INFO, INTR_VALID | 0x40);
	assert_false(fast_ept_violation(&v));
	reset(EPTQ_WRITE | LINEAR | EPTQ_NMI_UNBLOCK);
	assert_false(fast_ept_violation(&v));
	fault_result = -EAGAIN;
	reset(EPTQ_WRITE | LINEAR);
	assert_false(fast_ept_violation(&v));
	/* A request: back to the loop, but the exit has been dealt with. */
	fault_result = 0;
	reset(EPTQ_WRITE | LINEAR);
	v.requests = VCPU_REQ_FLUSH;
	assert_false(fast_ept_violation(&v));
	assert_int_equal(v.exit_reason, REASON_HANDLED);
}

/* The processor that sets a page table's bits there ends no interrupt. */
static void only_an_instruction_ends_an_interrupt(void **state)
{
	(void)state;
	fault_result = -ENOENT;
	nr_eois = 0;
	reset(EPTQ_WRITE | LINEAR);
	vmcs_write(VMCS_GUEST_PHYSICAL, LAPIC_EOI_DEFAULT);
	assert_true(fast_ept_violation(&v));
	assert_int_equal(nr_eois, 1);
	vmcs_write(VMCS_EXIT_QUAL, EPTQ_WRITE | EPTQ_LINEAR_VALID);
	assert_false(fast_ept_violation(&v));
	vmcs_write(VMCS_EXIT_QUAL, EPTQ_READ | LINEAR);
	assert_false(fast_ept_violation(&v));
	assert_int_equal(nr_eois, 1);
}

static void fault_of_the_other_operand_keeps_rf(void **state)
{
	(void)state;
	fault_result = -ENOENT;
	reset(EPTQ_READ | LINEAR);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	sets_rf = true;
	assert_int_equal(exit_ept_violation(&v), EXIT_RESUME);
	sets_rf = false;
	assert_int_equal(vmcs_read(VMCS_GUEST_RFLAGS), RFLAGS_RF | 3);
}

/* By a look where it lies, or by all that a fetch does. */
static void the_instruction_is_had_one_way_or_the_other(void **state)
{
	(void)state;
	fault_result = -ENOENT;
	for (unsigned quick = 0; quick < 2; quick++) {
		can_peek = quick;
		nr_fetches = 0;
		reset(EPTQ_READ | LINEAR);
		assert_int_equal(exit_ept_violation(&v), EXIT_SKIP_INSN);
		assert_int_equal(nr_fetches, !quick);
	}
	can_peek = false;
}

/* SDM, "Segmentation in IA-32e Mode", and addresses of 32 bits elsewhere. */
static void the_base_of_64bit_code_is_ignored(void **state)
{
	static const struct {
		uint64_t efer, ar, rip, from;
	} at[] = {
		{ EFER_LMA, AR_LONG, 0x112345678, 0x112345678 },
		{ EFER_LMA, AR_DB, 0x5678, 0xfff05678 },
		{ EFER_LMA, AR_DB, 0x105678, 0x5678 },
		{ 0, AR_LONG | AR_DB, 0x5678, 0xfff05678 },
	};

	(void)state;
	fault_result = -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		reset(EPTQ_READ | LINEAR);
		vmcs_write(VMCS_GUEST_EFER, at[i].efer);
		vmcs_write(VMCS_GUEST_CS_AR, at[i].ar);
		vmcs_write(VMCS_GUEST_CS_BASE, 0xfff00000);
		vmcs_write(VMCS_GUEST_RIP, at[i].rip);
		assert_int_equal(exit_ept_violation(&v), EXIT_SKIP_INSN);
		assert_int_equal(fetched_from, at[i].from);
	}
	vmcs_write(VMCS_GUEST_CS_BASE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(what_the_access_is),
		cmocka_unit_test(the_instruction_is_had_one_way_or_the_other),
		cmocka_unit_test(the_base_of_64bit_code_is_ignored),
		cmocka_unit_test(iret_that_met_a_hole_blocks_nmis_again),
		cmocka_unit_test(only_an_instruction_ends_an_interrupt),
		cmocka_unit_test(fault_of_the_other_operand_keeps_rf),
		cmocka_unit_test(the_fast_path_takes_only_the_plain_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
