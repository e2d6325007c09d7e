// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Do vCPUs keep to their own VMCS and registers, wherever their exit handlers
 * block and on whichever CPU they wake?
 *
 * Sources: vmx/vcpu_owner.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <string.h>

#include "fakes.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/thread_priv.h"
#include "vmx/ept.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define NR_CPUS	    4u
#define NR_VCPUS    7u
#define NOWHERE	    (~0u)
#define FIRST_FRAME 0x100

static struct stage2 s2;
static struct vm vm = { .s2 = &s2 }, other_vm = { .s2 = &s2 };
struct vmx_controls vmx_controls = { .ibpb = true };
static struct vcpu vcpus[NR_VCPUS];
static struct thread threads[NR_VCPUS], service;
static uint64_t registers[NR_CPUS]; /* stands for all that is lazy */
static unsigned nr_calls;
static void (*before_call)(uint32_t cpu); /* what the other CPU does first */

/* ---- VMCSs as processors see them ---- */

/*
 * A CPU has at most one that is current, and one may be active on one CPU
 * only, until that CPU clears it (SDM Vol. 3, "Software Use of
 * Virtual-Machine Control Structures").
 */
static struct fake_vmcs regions[NR_VCPUS]; /* region: its address */
static int active_on[NR_VCPUS];		   /* -1: nowhere */
static int current[NR_CPUS];		   /* -1: none */
static unsigned nr_clears, nr_loads, nr_invepts;

static int index_of(uint64_t region)
{
	return (int)(region >> PAGE_SHIFT) - FIRST_FRAME;
}

/* fake_vmcs shows what is current on this CPU: exchanged with it. */
static void leave_cpu(void)
{
	if (current[fake_cpu_id] >= 0)
		regions[current[fake_cpu_id]] = fake_vmcs;
}

static void be_cpu(uint32_t cpu)
{
	leave_cpu();
	fake_cpu_id = cpu;
	if (current[cpu] >= 0)
		fake_vmcs = regions[current[cpu]];
}

void fake_vmclear(uint64_t region)
{
	int i = index_of(region);

	/* Done here it would not reach the CPU that has it. */
	assert_true(active_on[i] < 0 || active_on[i] == (int)fake_cpu_id);
	leave_cpu();
	active_on[i] = -1;
	if (current[fake_cpu_id] == i)
		current[fake_cpu_id] = -1;
	nr_clears++;
}

void fake_vmptrld(uint64_t region)
{
	int i = index_of(region);

	assert_true(active_on[i] < 0 || active_on[i] == (int)fake_cpu_id);
	leave_cpu();
	active_on[i] = (int)fake_cpu_id;
	current[fake_cpu_id] = i;
	fake_vmcs = regions[i];
	nr_loads++;
}

void fake_invept(uint64_t type, uint64_t eptp)
{
	(void)type;
	(void)eptp;
	nr_invepts++;
}

/* ---- the world around vcpu_owner.c ---- */

static unsigned nr_barriers;

void wrmsr(uint32_t msr, uint64_t value)
{
	assert_int_equal(msr, 0x49); /* IA32_PRED_CMD */
	assert_int_equal(value, 1);
	assert_true(fake_irqs_off);
	nr_barriers++;
}

struct thread *thread_self(void)
{
	return this_cpu()->current;
}

void vcpu_lazy_save(struct vcpu *v)
{
	assert_true(fake_irqs_off);
	v->lazy.cr2 = registers[fake_cpu_id];
}

void vcpu_lazy_restore(struct vcpu *v)
{
	assert_true(fake_irqs_off);
	registers[fake_cpu_id] = v->lazy.cr2;
}

void vmcs_setup_host_cpu(void)
{
	vmcs_write(VMCS_HOST_GS_BASE, fake_cpu_id);
}

void smp_call(uint64_t mask, void (*fn)(void *arg), void *arg)
{
	uint32_t here = fake_cpu_id;

	/* Two CPUs that call each other must both be able to answer. */
	assert_false(fake_irqs_off);
	assert_int_equal(mask & BIT(here), 0);
	assert_int_equal(mask & (mask - 1), 0);
	nr_calls++;
	be_cpu((uint32_t)__builtin_ctzll(mask));
	fake_irqs_off = true;
	if (before_call)
		before_call(fake_cpu_id);
	fn(arg);
	fake_irqs_off = false;
	be_cpu(here);
}

/* ---- a thread's turns ---- */

/* The scheduler runs vCPU i on that CPU now; nobody runs it elsewhere. */
static void run(unsigned i, uint32_t cpu)
{
	be_cpu(cpu);
	fake_irqs_off = true;
	this_cpu()->current = &threads[i];
	vcpu_switch_in(&vcpus[i]);
	assert_true(fake_irqs_off);
	fake_irqs_off = false;
}

static int setup(void **state)
{
	(void)state;
	nr_invepts = nr_calls = nr_loads = nr_clears = 0;
	memset(current, 0xff, sizeof(current));
	memset(active_on, 0xff, sizeof(active_on));
	memset(regions, 0, sizeof(regions));
	before_call = NULL;
	memset(fake_cpus, 0, sizeof(fake_cpus));
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = (struct vcpu){
			.vm = &vm,
			.vmcs = hfn(FIRST_FRAME + i),
			.loaded_on = VCPU_NO_CPU,
			.host_cpu = VCPU_NO_CPU,
		};
	}
	return 0;
}

/* Every vCPU leaves: the next test finds the CPUs empty. */
static int leave_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		run(i, i % NR_CPUS);
		vcpu_leave_cpu(&vcpus[i]);
		assert_int_equal(active_on[i], -1);
	}
	return 0;
}

/* ---- the tests ---- */

static void handler_that_blocked_goes_on_with_its_own(void **state)
{
	(void)state;
	run(0, 0);
	vmcs_write(VMCS_GUEST_RIP, 0x1000);
	registers[0] = 10;
	/* It blocks; its neighbour has the CPU, then blocks as well. */
	run(1, 0);
	vmcs_write(VMCS_GUEST_RIP, 0x2000);
	registers[0] = 20;
	run(0, 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x1000);
	assert_int_equal(registers[0], 10);
	vmcs_write(VMCS_GUEST_RIP, 0x1003);
	run(1, 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x2000);
}

static void handler_that_woke_elsewhere_goes_on_with_its_own(void **state)
{
	(void)state;
	run(0, 0);
	vmcs_write(VMCS_GUEST_RIP, 0x1000);
	registers[0] = 10;
	/* Nobody displaced it there: it must be fetched. */
	run(0, 2);
	assert_int_equal(nr_calls, 1);
	assert_int_equal(active_on[0], 2);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x1000);
	assert_int_equal(registers[2], 10);
	assert_int_equal(vmcs_read(VMCS_HOST_GS_BASE), 2);
	assert_int_equal(vcpus[0].launched, 0);
}

static void coming_back_to_the_same_cpu_costs_nothing(void **state)
{
	(void)state;
	run(0, 1);
	vcpus[0].launched = 1;
	fake_vmcs.nr_writes = nr_loads = nr_clears = nr_invepts = 0;
	/* A service thread was there meanwhile. */
	this_cpu()->current = &service;
	run(0, 1);
	assert_int_equal(fake_vmcs.nr_writes, 0);
	assert_int_equal(nr_loads, 0);
	assert_int_equal(nr_clears, 0);
	assert_int_equal(nr_invepts, 0);
	assert_int_equal(vcpus[0].launched, 1);
}

static void translations_go_where_the_vcpu_is_new(void **state)
{
	(void)state;
	run(0, 0);
	assert_int_equal(nr_invepts, 1);
	/* Displaced and back: what it had there is still true. */
	run(1, 0);
	assert_int_equal(nr_invepts, 2);
	run(0, 0);
	assert_int_equal(nr_invepts, 2);
	run(0, 1);
	run(0, 0);
	assert_int_equal(nr_invepts, 4);
}

/* One per change of VM on this CPU, none between vCPUs of one VM. */
static void branch_targets_do_not_pass_between_vms(void **state)
{
	(void)state;
	vcpus[2].vm = &other_vm;
	run(0, 0);
	nr_barriers = 0;
	run(1, 0);
	run(0, 0);
	assert_int_equal(nr_barriers, 0);
	run(2, 0);
	assert_int_equal(nr_barriers, 1);
	/* Between the two no other VM was here. */
	run(2, 1);
	run(2, 0);
	nr_barriers = 0;
	vcpu_leave_cpu(&vcpus[2]);
	run(2, 0);
	assert_int_equal(nr_barriers, 0);
	run(0, 0);
	assert_int_equal(nr_barriers, 1);
	/* A processor without the MSR is not asked. */
	vmx_controls.ibpb = false;
	run(2, 0);
	vmx_controls.ibpb = true;
	assert_int_equal(nr_barriers, 1);
}

static void take_place_of_0(uint32_t cpu)
{
	before_call = NULL;
	this_cpu()->current = &threads[1];
	vcpu_switch_in(&vcpus[1]);
	assert_int_equal(active_on[1], cpu);
}

static void state_may_be_put_away_before_the_call_arrives(void **state)
{
	(void)state;
	run(0, 0);
	registers[0] = 10;
	before_call = take_place_of_0;
	run(0, 1);
	assert_int_equal(active_on[0], 1);
	assert_int_equal(registers[1], 10);
	assert_int_equal(active_on[1], 0);
}

static void foreign_vmcs_is_a_panic(void **state)
{
	(void)state;
	run(0, 0);
	this_cpu()->current = &threads[1]; /* without its hook */
	expect_assert_failure(vmcs_read(VMCS_GUEST_RIP));
	expect_assert_failure(vmcs_write(VMCS_GUEST_RIP, 0));
	this_cpu()->current = &threads[0];
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0);
	vcpu_leave_cpu(&vcpus[0]);
	expect_assert_failure(vmcs_read(VMCS_GUEST_RIP));
}

/* Any schedule of vCPUs that block and wake, with changes while they run. */
static void random_schedules(void **state)
{
	uint64_t rip[NR_VCPUS] = { 0 }, regs[NR_VCPUS] = { 0 };
	uint32_t where[NR_VCPUS]; /* runs there, else NOWHERE */
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;

	(void)state;
	printf("SEED=%u\n", seed);
	srand(seed);
	memset(where, 0xff, sizeof(where));
	for (unsigned round = 0; round < 200000; round++) {
		unsigned i = (unsigned)rand() % NR_VCPUS;
		uint32_t cpu = (uint32_t)rand() % NR_CPUS;

		if (where[i] == NOWHERE) {
			for (unsigned k = 0; k < NR_VCPUS; k++)
				if (where[k] == cpu)
					where[k] = NOWHERE;
			where[i] = cpu;
			run(i, cpu);
		}
		be_cpu(where[i]);
		assert_int_equal(current[where[i]], i);
		assert_int_equal(active_on[i], where[i]);
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP), rip[i]);
		assert_int_equal(vmcs_read(VMCS_HOST_GS_BASE), where[i]);
		assert_int_equal(registers[where[i]], regs[i]);
		vmcs_write(VMCS_GUEST_RIP, ++rip[i]);
		registers[where[i]] = regs[i] = (uint64_t)rand();
		if (rand() % 4 == 0)
			where[i] = NOWHERE;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, leave_all)
		T(handler_that_blocked_goes_on_with_its_own),
		T(handler_that_woke_elsewhere_goes_on_with_its_own),
		T(coming_back_to_the_same_cpu_costs_nothing),
		T(translations_go_where_the_vcpu_is_new),
		T(state_may_be_put_away_before_the_call_arrives),
		T(branch_targets_do_not_pass_between_vms),
		T(foreign_vmcs_is_a_panic),
		T(random_schedules),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
