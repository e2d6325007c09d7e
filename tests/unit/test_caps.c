// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMX capability checks on a processor made of tables: each thing that may be
 * missing is named, and nothing enters VMX operation without it.
 *
 * Sources: vmx/caps.c kernel/lib/lib.c
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
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/x86.h"
#include "mm/frame.h"
#include "vmx/ept.h"
#include "vmx/msr_index.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"
#include "vmx/vmx_insn.h"
#include "vmx/xsavec.h"

/* vmx/xsavec.c tries the real processor. */
bool xsavec_is_sound(void)
{
	return false;
}

uint64_t fake_cr0, fake_cr4, fake_xcr0;
unsigned fake_nr_vmxon, fake_nr_invept;
int fake_vmxon_result;
struct ept_caps ept_caps;
uint32_t nr_cpus = 1;

struct fake_msr {
	uint32_t index;
	uint64_t value;
};

/* A processor that can do everything: any control may be 0 or 1. */
static const struct fake_msr good[] = {
	{ MSR_FEATURE_CONTROL, 0 },
	{ MSR_VMX_BASIC, 0x00d8100000000004ull | BIT(54) | BIT(55) },
	{ MSR_VMX_PINBASED, 0xffffffff00000016ull },
	{ MSR_VMX_TRUE_PINBASED, 0xffffffff00000016ull },
	{ MSR_VMX_PROCBASED, 0xffffffff0401e172ull },
	{ MSR_VMX_TRUE_PROCBASED, 0xffffffff04006172ull },
	{ MSR_VMX_PROCBASED2, 0xffffffff00000000ull },
	{ MSR_VMX_EXIT, 0xffffffff00036dffull },
	{ MSR_VMX_TRUE_EXIT, 0xffffffff00036dfbull },
	{ MSR_VMX_ENTRY, 0xffffffff000011ffull },
	{ MSR_VMX_TRUE_ENTRY, 0xffffffff000011fbull },
	{ MSR_VMX_MISC, 5 },
	{ MSR_VMX_CR0_FIXED0, 0x80000021 },
	{ MSR_VMX_CR0_FIXED1, 0xffffffff },
	{ MSR_VMX_CR4_FIXED0, 0x2000 },
	{ MSR_VMX_CR4_FIXED1, 0x7727ff },
	{ MSR_VMX_EPT_VPID_CAP, 0xf0106334141ull },
};

static struct fake_msr msrs[ARRAY_SIZE(good)];
static uint32_t leaf1_ecx, leaf7_edx, other_leaf7;
static bool feature_control_faults;

/* What CPU 1 has otherwise than CPU 0. */
static uint32_t other_msr, other_xsave, xsave_nbytes;
static uint64_t other_bit;

static struct fake_msr *msr_find(uint32_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].index == index)
			return &msrs[i];
	return NULL;
}

uint64_t rdmsr(uint32_t index)
{
	assert_non_null(msr_find(index));
	return msr_find(index)->value;
}

bool rdmsr_safe(uint32_t index, uint64_t *value)
{
	if (feature_control_faults || !msr_find(index))
		return false;
	*value = msr_find(index)->value;
	return true;
}

bool wrmsr_safe(uint32_t index, uint64_t value)
{
	/* A locked IA32_FEATURE_CONTROL can't be written. */
	assert_false(rdmsr(index) & 1);
	msr_find(index)->value = value;
	return true;
}

static uint32_t signature;

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	if (leaf == 0)
		return (struct cpuid_regs){ 0xd, 0, 0, 0 };
	if (leaf == 7)
		return (struct cpuid_regs){ 0, 0, 0, leaf7_edx };
	if (leaf == 1)
		return (struct cpuid_regs){ signature, 0, leaf1_ecx, 0 };
	if (leaf == 0xd && subleaf == 0)
		return (struct cpuid_regs){ 7, xsave_nbytes, 832, 0 };
	return (struct cpuid_regs){ 0, 0, 0, 0 };
}

int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
		hfn_t *out)
{
	(void)type;
	(void)flags;
	assert_int_equal(order, 0);
	*out = hfn(16);
	return 0;
}

/* Two CPUs: the call is for the one that doesn't call. */
void smp_call(uint64_t mask, void (*fn)(void *arg), void *arg)
{
	uint32_t caller = fake_cpu_id;

	if (!mask)
		return;
	fake_cpu_id = !caller;
	assert_int_equal(mask, BIT(fake_cpu_id));
	if (fake_cpu_id) {
		if (other_msr)
			msr_find(other_msr)->value ^= other_bit;
		xsave_nbytes += other_xsave;
		leaf7_edx ^= other_leaf7;
	}
	fn(arg);
	fake_cpu_id = caller;
}

static int setup(void **state)
{
	(void)state;
	fake_ram_create(1 << 20);
	memcpy(msrs, good, sizeof(good));
	leaf1_ecx = BIT(5) | BIT(26);
	feature_control_faults = false;
	other_msr = other_xsave = leaf7_edx = other_leaf7 = 0;
	xsave_nbytes = 832;
	nr_cpus = 1;
	fake_vmxon_result = 0;
	fake_nr_vmxon = 0;
	fake_cpu_id = 0;
	fake_in_vmx = fake_smm_holds_vmx = false;
	fake_before_vmxon = NULL;
	fake_cr0 = 0x80010001;
	fake_cr4 = 0x20;
	return 0;
}

static void a_good_processor_enters_vmx_operation(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	assert_int_equal(vmx_init(&cfg), 0);
	assert_null(vmx_missing());
	assert_int_equal(fake_nr_vmxon, 1);
	assert_true(fake_cr4 & CR4_VMXE);
	assert_true(fake_cr0 & 0x20);
	/* It found the feature control unlocked and locked it, VT-x on. */
	assert_int_equal(rdmsr(MSR_FEATURE_CONTROL), 5);
	assert_true(ept_caps.leaf_2m && ept_caps.leaf_1g);
	assert_int_equal(fake_xcr0, 7);
	/* The true controls let CR3 accesses stay in the guest. */
	assert_int_equal(vmx_controls.cpu & (CPU_CR3_LOAD | CPU_CR3_STORE), 0);
	assert_int_equal(vmx_controls.cpu & CPU_INTR_WINDOW, 0);
}

static void all_cpus_enter_whichever_asks(void **state)
{
	struct config_host cfg = { 0 };

	for (uint32_t cpu = 0; cpu < 2; cpu++) {
		setup(state);
		nr_cpus = 2;
		fake_cpu_id = cpu;
		assert_int_equal(vmx_init(&cfg), 0);
		assert_int_equal(fake_nr_vmxon, 2);
		assert_int_equal(fake_cpu_id, cpu);
	}
}

struct missing_case {
	const char *what;
	uint32_t msr;
	uint64_t clear, set;
	const char *says;
};

static const struct missing_case cases[] = {
	{ "locked off by firmware", MSR_FEATURE_CONTROL, 0, 1, "locked off" },
	{ "no secondary controls", MSR_VMX_PROCBASED, BIT(63), 0, "secondary" },
	{ "no EPT", MSR_VMX_PROCBASED2, (uint64_t)CPU2_EPT << 32, 0, "EPT" },
	{ "no VPID", MSR_VMX_PROCBASED2, (uint64_t)CPU2_VPID << 32, 0, "VPID" },
	{ "no unrestricted guest", MSR_VMX_PROCBASED2,
	  (uint64_t)CPU2_UNRESTRICTED << 32, 0, "unrestricted guest" },
	{ "no virtual NMIs", MSR_VMX_TRUE_PINBASED,
	  (uint64_t)PIN_VIRTUAL_NMI << 32, 0, "virtual NMIs" },
	{ "no MSR bitmaps", MSR_VMX_TRUE_PROCBASED,
	  (uint64_t)CPU_MSR_BITMAPS << 32, 0, "primary" },
	{ "no true controls", MSR_VMX_BASIC, BIT(55), 0, "true controls" },
	{ "no EFER switching at exit", MSR_VMX_TRUE_EXIT,
	  (uint64_t)EXIT_LOAD_EFER << 32, 0, "VM-exit controls" },
	{ "no EFER switching at entry", MSR_VMX_TRUE_ENTRY,
	  (uint64_t)ENTRY_LOAD_EFER << 32, 0, "VM-entry controls" },
	{ "no 4-level EPT", MSR_VMX_EPT_VPID_CAP, BIT(6), 0, "4-level" },
	{ "no write-back EPT", MSR_VMX_EPT_VPID_CAP, BIT(14), 0, "write-back" },
	{ "no INVEPT", MSR_VMX_EPT_VPID_CAP, BIT(20), 0, "INVEPT" },
	{ "no single INVEPT", MSR_VMX_EPT_VPID_CAP, BIT(25), 0,
	  "single-context INVEPT" },
	{ "no INVVPID", MSR_VMX_EPT_VPID_CAP, BIT(32), 0, "INVVPID" },
	{ "uncached VMCS", MSR_VMX_BASIC, 6ull << 50, 0, "write-back VMCS" },
};

static void each_missing_capability_is_named(void **state)
{
	struct config_host cfg = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_msr *m;

		setup(state);
		m = msr_find(cases[i].msr);
		m->value = (m->value & ~cases[i].clear) | cases[i].set;
		print_message("%s\n", cases[i].what);
		assert_int_equal(vmx_init(&cfg), -ENODEV);
		assert_non_null(strstr(vmx_missing(), cases[i].says));
		assert_int_equal(fake_nr_vmxon, 0);
	}
}

static void branch_barrier_is_used_where_all_cpus_have_it(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	assert_int_equal(vmx_init(&cfg), 0);
	assert_false(vmx_controls.ibpb);
	leaf7_edx = BIT(26);
	nr_cpus = 2;
	assert_int_equal(vmx_init(&cfg), 0);
	assert_true(vmx_controls.ibpb);
	other_leaf7 = BIT(26);
	assert_int_equal(vmx_init(&cfg), -ENODEV);
	assert_non_null(strstr(vmx_missing(), "IBPB"));
}

static void no_vtx_at_all_is_named(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	leaf1_ecx = 0;
	assert_int_equal(vmx_init(&cfg), -ENODEV);
	assert_non_null(strstr(vmx_missing(), "VT-x"));
	leaf1_ecx = BIT(5);
	feature_control_faults = true;
	assert_int_equal(vmx_init(&cfg), -ENODEV);
	assert_non_null(strstr(vmx_missing(), "IA32_FEATURE_CONTROL"));
	feature_control_faults = false;
	fake_vmxon_result = -EIO;
	assert_int_equal(vmx_init(&cfg), -ENODEV);
	assert_non_null(strstr(vmx_missing(), "VMXON"));
	/* As they were; what VMX fixes would keep the CPU from a reset. */
	assert_int_equal(fake_cr0, 0x80010001);
	assert_int_equal(fake_cr4 & ~(uint64_t)CR4_OSXSAVE, 0x20);
}

/* ---- the end, which may come at any moment ---- */

static jmp_buf stopped;

/* What the NMI of a panic does to this CPU (kernel/cpu/stop.c). */
static void stop_for_good(void)
{
	vmx_cpu_off();
	longjmp(stopped, 1);
}

static void a_cpu_that_is_stopped_before_vmxon_stops(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	fake_before_vmxon = stop_for_good;
	if (!setjmp(stopped))
		(void)!vmx_init(&cfg);
	assert_int_equal(fake_nr_vmxon, 0);
	assert_false(fake_cr4 & CR4_VMXE);
}

static void vmx_operation_is_left_once_or_twice(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	vmx_cpu_off();
	assert_int_equal(vmx_init(&cfg), 0);
	vmx_cpu_off();
	assert_false(fake_in_vmx || fake_cr4 & CR4_VMXE);
	vmx_cpu_off();
	/* Stopped between VMXOFF and CR4, and stops again. */
	fake_cr4 |= CR4_VMXE;
	vmx_cpu_off();
	assert_false(fake_cr4 & CR4_VMXE);
}

/* Clearing CR4.VMXE in VMX operation is #GP. */
static void who_may_not_leave_keeps_vmxe(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	assert_int_equal(vmx_init(&cfg), 0);
	fake_smm_holds_vmx = true;
	vmx_cpu_off();
	assert_true(fake_in_vmx && fake_cr4 & CR4_VMXE);
}

static void each_difference_between_cpus_is_named(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t bit;
		const char *says;
	} differences[] = {
		{ MSR_VMX_MISC, 1, "timer rate" },
		{ MSR_VMX_CR0_FIXED0, BIT(30), "fixed CR0" },
		{ MSR_VMX_CR4_FIXED1, BIT(22), "fixed CR4" },
		{ MSR_VMX_EPT_VPID_CAP, BIT(17), "EPT and VPID" },
		{ MSR_VMX_PROCBASED2, BIT(32 + 20), "secondary" },
		{ MSR_VMX_TRUE_PROCBASED, BIT(15), "CR3" },
		{ MSR_VMX_TRUE_ENTRY, BIT(13), "true controls" },
		{ MSR_VMX_BASIC, 1, "IA32_VMX_BASIC" },
		{ 0, 0, "XSAVE" },
	};
	struct config_host cfg = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(differences); i++) {
		setup(state);
		nr_cpus = 2;
		other_msr = differences[i].msr;
		other_bit = differences[i].bit;
		other_xsave = differences[i].msr ? 0 : 64;
		assert_int_equal(vmx_init(&cfg), -ENODEV);
		if (!strstr(vmx_missing(), differences[i].says) ||
		    !strstr(vmx_missing(), "CPU 1"))
			fail_msg("case %zu: %s", i, vmx_missing());
		assert_int_equal(fake_nr_vmxon, 1);
	}
}

static void a_timer_too_coarse_is_not_used(void **state)
{
	struct config_host cfg = { 0 };

	for (unsigned shift = 0; shift < 32; shift++) {
		setup(state);
		msr_find(MSR_VMX_MISC)->value = shift;
		assert_int_equal(vmx_init(&cfg), 0);
		assert_int_equal(!(vmx_controls.pin & PIN_PREEMPTION_TIMER),
				 shift > 16);
	}
}

static void a_timer_with_an_erratum_is_not_used(void **state)
{
	static const struct {
		uint32_t signature;
		bool used;
	} cpus[] = {
		{ 0x20652, false }, { 0x20655, false }, { 0x306a8, false },
		{ 0x306a9, true },  { 0x506e3, true },
	};
	struct config_host cfg = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		setup(state);
		/* Reserved bits say nothing. */
		signature = cpus[i].signature | BIT(15) | BIT(28);
		assert_int_equal(vmx_init(&cfg), 0);
		assert_int_equal(!!(vmx_controls.pin & PIN_PREEMPTION_TIMER),
				 cpus[i].used);
	}
	signature = 0;
}

static void missing_2m_leaves_are_lived_with(void **state)
{
	struct config_host cfg = { 0 };

	(void)state;
	msr_find(MSR_VMX_EPT_VPID_CAP)->value &= ~(BIT(16) | BIT(17) | BIT(21));
	assert_int_equal(vmx_init(&cfg), 0);
	assert_false(ept_caps.leaf_2m || ept_caps.leaf_1g ||
		     ept_caps.accessed_dirty);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		/* First: vmx_missing() keeps what an earlier case found. */
		cmocka_unit_test_setup(a_good_processor_enters_vmx_operation,
				       setup),
		cmocka_unit_test_setup(all_cpus_enter_whichever_asks, setup),
		cmocka_unit_test_setup(a_timer_too_coarse_is_not_used, setup),
		cmocka_unit_test_setup(a_timer_with_an_erratum_is_not_used,
				       setup),
		cmocka_unit_test_setup(missing_2m_leaves_are_lived_with, setup),
		cmocka_unit_test_setup(each_missing_capability_is_named, setup),
		cmocka_unit_test_setup(
			branch_barrier_is_used_where_all_cpus_have_it, setup),
		cmocka_unit_test_setup(no_vtx_at_all_is_named, setup),
		cmocka_unit_test_setup(a_cpu_that_is_stopped_before_vmxon_stops,
				       setup),
		cmocka_unit_test_setup(vmx_operation_is_left_once_or_twice,
				       setup),
		cmocka_unit_test_setup(who_may_not_leave_keeps_vmxe, setup),
		cmocka_unit_test_setup(each_difference_between_cpus_is_named,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
