// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID on the exit fast path: each leaf that a guest may ask for, known or
 * not, is answered there and as the policy says.
 *
 * Sources: vmx/cpuid.c vmx/cpuid_names.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "guest-stubs/abi.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vmx.h"

struct vmx_controls vmx_controls;
static const struct config_vm cfg = { .name = "guest", .vcpus = 2 };
static struct vm the_vm = { .cfg = &cfg };
static struct vcpu v;
static bool refused_x2apic, refused_deadline;

bool lapic_is_on(const struct lapic *l)
{
	(void)l;
	return true;
}

void lapic_refuse_x2apic(struct lapic *l)
{
	(void)l;
	refused_x2apic = true;
}

void lapic_refuse_tsc_deadline(struct lapic *l)
{
	(void)l;
	refused_deadline = true;
}

void timer_hold_hardware(bool hold)
{
	(void)hold;
}

void timer_run_due(void)
{
}

/* The host has every feature. */
struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t all = ~0u;

	if (leaf == 0)
		return (struct cpuid_regs){ .eax = 0xd };
	if (leaf == 0x80000000u)
		return (struct cpuid_regs){ .eax = 0x80000008u };
	if (leaf == 1 || leaf == 0x80000001u || (leaf == 7 && !subleaf))
		return (struct cpuid_regs){ all, all, all, all };
	return (struct cpuid_regs){ .eax = 48 };
}

static int setup(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	refused_x2apic = refused_deadline = false;
	v.vm = &the_vm;
	v.index = 1;
	vmx_controls.xcr0_host = 7; /* x87, SSE, AVX */
	cpuid_policy_init(&v);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_EXIT_INSN_LEN, 2);
	return 0;
}

static void asks(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs want = cpuid_policy_get(&v, leaf, subleaf);
	uint64_t count = v.exits[REASON_CPUID];

	/* The upper halves don't count, and are cleared. */
	v.gpr[REG_RAX] = leaf | BIT(40);
	v.gpr[REG_RCX] = subleaf | BIT(41);
	v.gpr[REG_RBX] = v.gpr[REG_RDX] = ~0ull;
	vmcs_write(VMCS_GUEST_RIP, 0x1000);
	assert_true(fast_cpuid(&v));
	if (v.gpr[REG_RAX] != want.eax || v.gpr[REG_RBX] != want.ebx ||
	    v.gpr[REG_RCX] != want.ecx || v.gpr[REG_RDX] != want.edx)
		fail_msg("leaf %#x subleaf %u", leaf, subleaf);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x1002);
	assert_int_equal(v.exits[REASON_CPUID], count + 1);
}

static void every_leaf_is_answered_at_once(void **state)
{
	static const uint32_t first[] = { 0, AEROSTAT_CPUID_BASE,
					  AEROSTAT_CPUID_KVM, 0x80000000u,
					  0xffffffc0u };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		for (uint32_t n = 0; n < 0x40; n++)
			for (uint32_t sub = 0; sub < 4; sub++)
				asks(first[i] + n, sub);
	asks(4, UINT32_MAX);
	asks(0xb, 7);
	asks(0xd, UINT32_MAX);
}

static void leaves_with_subleaves_differ(void **state)
{
	(void)state;
	asks(0xb, 0);
	assert_int_equal(v.gpr[REG_RCX] >> 8, 1); /* threads */
	asks(0xb, 1);
	assert_int_equal(v.gpr[REG_RCX] >> 8, 2); /* cores */
	assert_int_equal(v.gpr[REG_RBX], cfg.vcpus);
	assert_int_equal(v.gpr[REG_RDX], v.index);
	asks(AEROSTAT_CPUID_KVM + 1, 0);
	assert_true(v.gpr[REG_RAX] & KVM_FEATURE_PV_EOI);
	asks(0x40000fff, 0);
	assert_int_equal(v.gpr[REG_RAX], 0);
}

/* SDM, "CPUID": beyond the last leaf the last basic one answers. */
static void beyond_the_last_leaf_the_last_basic_one_answers(void **state)
{
	static const uint32_t beyond[] = { 0xe, 0x80000009u, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		struct cpuid_regs last, got;

		last = cpuid_policy_get(&v, 0xd, 1);
		got = cpuid_policy_get(&v, beyond[i], 1);
		assert_memory_equal(&got, &last, sizeof(got));
		last = cpuid_policy_get(&v, 0xd, 0);
		got = cpuid_policy_get(&v, beyond[i], 0);
		assert_memory_equal(&got, &last, sizeof(got));
		assert_int_not_equal(got.eax | got.ebx, 0);
	}
}

/* What an MSR or a mode of the APIC belongs to goes with its bit. */
static void what_is_hidden_is_refused(void **state)
{
	static const struct config_vm hides = {
		.vcpus = 1,
		.cpu_hide = "x2apic, tsc_deadline_timer, tsc_adjust",
	};

	(void)state;
	assert_false(refused_x2apic || refused_deadline);
	assert_true(v.has_tsc_deadline && v.has_tsc_adjust);
	the_vm.cfg = &hides;
	setup(NULL);
	the_vm.cfg = &cfg;
	assert_true(refused_x2apic && refused_deadline);
	assert_false(v.has_tsc_deadline || v.has_tsc_adjust);
}

static bool offers_rdpid(void)
{
	return cpuid_policy_get(&v, 7, 0).ecx >> 22 & 1;
}

/* Without its control RDPID faults like RDTSCP, whoever still speaks of it. */
static void rdpid_goes_with_rdtscp(void **state)
{
	static const struct config_vm hides = { .vcpus = 1,
						.cpu_hide = "rdtscp" };

	(void)state;
	vmx_controls.cpu2 = CPU2_RDTSCP | CPU2_INVPCID;
	setup(NULL);
	assert_true(offers_rdpid());
	assert_int_equal(v.cpu2_refused, 0);
	the_vm.cfg = &hides;
	setup(NULL);
	the_vm.cfg = &cfg;
	assert_false(offers_rdpid());
	assert_int_equal(v.cpu2_refused, CPU2_RDTSCP);
	vmx_controls.cpu2 = 0;
	setup(NULL);
	assert_false(offers_rdpid());
	assert_int_equal(v.cpu2_refused, CPU2_RDTSCP | CPU2_INVPCID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_leaf_is_answered_at_once, setup),
		cmocka_unit_test_setup(leaves_with_subleaves_differ, setup),
		cmocka_unit_test_setup(
			beyond_the_last_leaf_the_last_basic_one_answers, setup),
		cmocka_unit_test_setup(what_is_hidden_is_refused, setup),
		cmocka_unit_test_setup(rdpid_goes_with_rdtscp, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
