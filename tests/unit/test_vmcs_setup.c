// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU's state after INIT, and its controls. Source of the cases: SDM Vol. 3,
 * "Processor State After Reset", and "Information That May Be Cached" for what
 * a TLB may hold.
 *
 * Sources: vmx/vmcs_setup.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "vmx/ept.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

struct vmx_controls vmx_controls;
static struct stage2 s2 = { .eptp = 0x1234501e };
static struct vm the_vm = { .s2 = &s2 };
static struct vcpu v = { .vm = &the_vm, .vpid = 7 };
static unsigned nr_flushes;

void vmx_exit_entry(void)
{
}

void fake_invvpid(uint64_t type, uint64_t vpid)
{
	assert_int_equal(type, INVVPID_SINGLE);
	assert_int_equal(vpid, 7);
	nr_flushes++;
}

void cpuid_policy_update(struct vcpu *vcpu)
{
	(void)vcpu;
}

struct cpuid_regs cpuid_policy_get(struct vcpu *vcpu, uint32_t leaf,
				   uint32_t subleaf)
{
	(void)vcpu;
	(void)leaf;
	(void)subleaf;
	return (struct cpuid_regs){ .eax = 0x306c3 };
}

/* It ran with paging before: its translations would serve real mode now. */
static void nothing_is_left_in_the_tlb(void **state)
{
	(void)state;
	nr_flushes = 0;
	vmcs_setup_guest_reset(&v);
	assert_int_equal(nr_flushes, 1);
}

static void it_begins_at_the_reset_vector(void **state)
{
	(void)state;
	fake_cr4 = CR4_PAE | CR4_MCE;
	v.nmi_pending = 1;
	vmcs_setup_guest_power_on(&v);
	assert_int_equal(vmcs_read(VMCS_GUEST_CS_BASE) +
				 vmcs_read(VMCS_GUEST_RIP),
			 0xfffffff0);
	assert_int_equal(vmcs_read(VMCS_GUEST_CR0), CR0_NE | CR0_ET);
	assert_int_equal(vmcs_read(VMCS_CR0_SHADOW), CR0_CD | CR0_NW | CR0_ET);
	assert_int_equal(vmcs_read(VMCS_GUEST_CR4), CR4_VMXE | CR4_MCE);
	assert_int_equal(vmcs_read(VMCS_CR4_SHADOW), 0);
	assert_int_equal(v.gpr[REG_RDX], 0x306c3);
	assert_int_equal(v.nmi_pending, 0);
}

/* "The internal caches, MSRs, MTRRs, and x87 FPU state are left unchanged." */
static void init_leaves_msrs_and_caches_alone(void **state)
{
	static const enum vmcs_field kept[] = { VMCS_GUEST_PAT,
						VMCS_GUEST_SYSENTER_CS,
						VMCS_GUEST_SYSENTER_ESP,
						VMCS_GUEST_SYSENTER_EIP };

	(void)state;
	vmcs_setup_guest_power_on(&v);
	assert_int_equal(vmcs_read(VMCS_GUEST_PAT), 0x0007040600070406);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		vmcs_write(kept[i], 0x10 + i);
	vmcs_write(VMCS_CR0_SHADOW, CR0_PE | CR0_PG | CR0_ET);
	vmcs_setup_guest_reset(&v);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_int_equal(vmcs_read(kept[i]), 0x10 + i);
	assert_int_equal(vmcs_read(VMCS_CR0_SHADOW), CR0_ET);
	vmcs_setup_guest_power_on(&v);
	assert_int_equal(vmcs_read(VMCS_GUEST_PAT), 0x0007040600070406);
	assert_int_equal(vmcs_read(VMCS_GUEST_SYSENTER_CS), 0);
}

/* What cpu.hide takes away faults, though the host has it. */
static void controls_that_are_refused_stay_off(void **state)
{
	const uint32_t has = CPU2_EPT | CPU2_RDTSCP | CPU2_INVPCID;

	(void)state;
	vmx_controls.cpu2 = has;
	vmcs_setup_controls(&v);
	assert_int_equal(vmcs_read(VMCS_CPU2_CONTROLS), has);
	assert_int_equal(vmcs_read(VMCS_EPTP), s2.eptp);
	v.cpu2_refused = CPU2_INVPCID;
	vmcs_setup_controls(&v);
	v.cpu2_refused = 0;
	assert_int_equal(vmcs_read(VMCS_CPU2_CONTROLS), CPU2_EPT | CPU2_RDTSCP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_in_the_tlb),
		cmocka_unit_test(it_begins_at_the_reset_vector),
		cmocka_unit_test(init_leaves_msrs_and_caches_alone),
		cmocka_unit_test(controls_that_are_refused_stay_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
