/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a VM: starts, ends of runs, shortage of memory, and random lives.
 * The administrator's orders are test_vm_order.c.
 *
 * Sources: vmx/vm_life.c vmx/vm_order.c kernel/lib/lib.c
 */
#include "vm_world.h"

/* ---- start and end ---- */

static unsigned nr_early_ends;

static void reboot_at_once(uint32_t index)
{
	if (index == 0 && nr_early_ends) {
		nr_early_ends--;
		vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	}
}

/* The boot vCPU ends the run before the others were started. */
static void end_before_all_vcpus_are_up(void **state)
{
	(void)state;
	on_launch = reboot_at_once;
	nr_early_ends = 3;
	start_running();
	assert_int_equal(vm.nr_starts, 4);
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		assert_true(vcpus[i].has_thread);
		assert_int_equal(vcpus[i].requests, 0);
	}
}

/* Somebody else's wish woke the keeper at that moment. */
static void keeper_has_a_turn(void)
{
	nr_wakes++;
	run_keeper();
}

/* It would wait for a vCPU that nobody can wake any more. */
static void the_keeper_joins_nobody_who_was_not_told(void **state)
{
	(void)state;
	start_running();
	on_end_request = keeper_has_a_turn;
	vm_request_end(&vm, VM_END_POWEROFF, "powered off");
	assert_int_equal(vm.state, VM_RUNNING);
	on_end_request = NULL;
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
}

static void ends_lead_where_the_configuration_says(void **state)
{
	static const struct {
		enum vm_end end;
		enum vm_state then;
	} cases[] = {
		{ VM_END_POWEROFF, VM_OFF },   { VM_END_REBOOT, VM_RUNNING },
		{ VM_END_CRASH, VM_CRASHED },  { VM_END_KILL, VM_OFF },
		{ VM_END_DEBUG_EXIT, VM_OFF },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fresh(NULL);
		start_running();
		fake_tsc += 10000000000ull;
		vm_request_end(&vm, cases[i].end, "first");
		vm_request_end(&vm, VM_END_POWEROFF, "second");
		run_keeper();
		assert_int_equal(vm.state, cases[i].then);
		if (cases[i].then == VM_RUNNING) {
			assert_string_equal(vm.reason, "");
			continue;
		}
		assert_string_equal(vm.reason, "first");
		assert_false(memory_in_use);
	}
}

static void crashed_memory_stays_for_inspection(void **state)
{
	(void)state;
	cfg.on_crash = ACTION_PAUSE;
	start_running();
	vm_request_end(&vm, VM_END_CRASH, "triple fault");
	run_keeper();
	assert_int_equal(vm.state, VM_CRASHED);
	assert_true(memory_in_use);
	assert_int_equal(order(VM_DO_KILL), 0);
	assert_int_equal(result(), -EAGAIN);
	assert_int_equal(order(VM_DO_START), -EBUSY);
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	assert_false(memory_in_use);
	assert_string_equal(vm.reason, "triple fault");
	start_running();
}

static void killed_just_now(void)
{
	on_devices_reset = NULL;
	assert_int_equal(order(VM_DO_KILL), 0);
}

/* The keeper has looked for wishes already. */
static void a_kill_at_the_moment_of_a_crash_counts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		cfg.on_crash = i ? ACTION_PAUSE : ACTION_STOP;
		start_running();
		on_devices_reset = killed_just_now;
		vm_request_end(&vm, VM_END_CRASH, "triple fault");
		run_keeper();
		assert_int_equal(result(), 0);
		assert_int_equal(vm.state, VM_OFF);
		assert_false(memory_in_use);
	}
}

static void short_runs_are_not_repeated_for_ever(void **state)
{
	(void)state;
	cfg.on_crash = ACTION_RESTART;
	start_running();
	fake_tsc += 10000000000ull;
	vm_request_end(&vm, VM_END_CRASH, "late");
	run_keeper();
	assert_int_equal(vm.state, VM_RUNNING);
	vm_request_end(&vm, VM_END_CRASH, "early");
	run_keeper();
	assert_int_equal(vm.state, VM_CRASHED);

	on_launch = reboot_at_once;
	nr_early_ends = 1000;
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	assert_int_equal(nr_early_ends, 900);
}

static void failing_starts_say_why(void **state)
{
	(void)state;
	keeper_err = -ENOMEM;
	assert_int_equal(order(VM_DO_START), -ENOMEM);
	assert_int_equal(vm.state, VM_OFF);
	keeper_err = 0;
	config_err = -EINVAL;
	assert_int_equal(order(VM_DO_START), 0);
	assert_int_equal(result(), -EAGAIN);
	run_keeper();
	assert_int_equal(result(), -EINVAL);
	assert_string_equal(why, "its configuration has errors");
	config_err = 0;
	parts_err = -ENOMEM;
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(result(), -ENOMEM);
	parts_err = 0;
	load_err = -ENOENT;
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(result(), -ENOENT);
	assert_string_equal(why, "vmlinuz: no such file");
	assert_int_equal(vm.state, VM_OFF);
	assert_false(memory_in_use);
	assert_int_equal(vm.nr_starts, 0);
	load_err = 0;
	start_running();
	assert_int_equal(order(VM_DO_START), -EBUSY);
}

/* ---- short of memory ---- */

static void killed_while_it_waits(void)
{
	assert_int_equal(order(VM_DO_KILL), 0);
	assert_int_equal(result(), -EAGAIN);
}

static void a_start_waits_for_memory(void **state)
{
	(void)state;
	nr_short_loads = 3;
	on_memory_wait = memory_comes_free;
	start_running();
	on_memory_wait = NULL;
	nr_short_loads = 5;
	nr_failing_launches = 3;
	vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	run_keeper();
	assert_int_equal(vm.state, VM_RUNNING);
	assert_int_equal(vm.nr_starts, 2);
}

static void a_waiting_start_is_killed(void **state)
{
	(void)state;
	start_running();
	nr_short_loads = 1000;
	on_memory_wait = killed_while_it_waits;
	vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	assert_int_equal(result(), 0);
	assert_false(memory_in_use);
	nr_short_loads = 0;
	/* The same with some vCPUs running already. */
	nr_failing_launches = 1;
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	nr_failing_launches = 0;
	start_running();
}

static void crash_and_take_all_memory(uint32_t index)
{
	assert_int_equal(index, 0);
	vm_request_end(&vm, VM_END_CRASH, "triple fault");
	nr_failing_launches = 1000;
}

/* The boot vCPU has ended the run: nobody needs the other ones' stacks. */
static void a_run_that_is_over_waits_for_no_memory(void **state)
{
	(void)state;
	on_launch = crash_and_take_all_memory;
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(vm.state, VM_CRASHED);
	assert_int_equal(nr_failing_launches, 999);
	assert_false(memory_in_use);
	nr_failing_launches = 0;
}

static void the_target_holds_over_reboots(void **state)
{
	(void)state;
	assert_int_equal(vm_set_mem_target(&vm, 32 * MIB, why), -EBUSY);
	start_running();
	assert_int_equal(target, 64 * MIB);
	assert_int_equal(published_target, 64 * MIB);
	assert_int_equal(vm_set_mem_target(&vm, 8 * MIB, why), -ERANGE);
	assert_int_equal(vm_set_mem_target(&vm, 32 * MIB, why), 0);
	vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	run_keeper();
	assert_int_equal(vm.state, VM_RUNNING);
	assert_int_equal(target, 32 * MIB);
	assert_int_equal(published_target, 32 * MIB);
	/* But a machine that was off is as configured. */
	assert_int_equal(order(VM_DO_KILL), 0);
	run_keeper();
	start_running();
	assert_int_equal(target, 64 * MIB);
	assert_int_equal(published_target, 64 * MIB);
}

/* ---- random lives ---- */

static unsigned seed;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static void maybe_end_at_launch(uint32_t index)
{
	(void)index;
	if (pick(20) == 0)
		vm_request_end(&vm, (enum vm_end)pick(3), "early");
}

/* While the keeper waits, the administrator is free. */
static void anything_while_it_waits(void)
{
	if (pick(3) == 0)
		assert_int_equal(order(VM_DO_KILL), 0);
	else
		nr_short_loads = 0;
}

static void check_life(void)
{
	bool up = vm.state == VM_RUNNING || vm.state == VM_PAUSED;

	for (unsigned i = 0; i < NR_VCPUS; i++) {
		const struct vcpu *v = &vcpus[i];

		if (!up)
			assert_false(v->has_thread);
		else if (vm.state == VM_PAUSED)
			assert_true(v->ended || v->requests & VCPU_REQ_PAUSE);
		/* Nobody was forgotten. */
		if (up && vm.end_claimed)
			assert_true(v->requests & VCPU_REQ_END);
	}
	assert_int_equal(published_target, target);
	if (vm.state == VM_OFF)
		assert_false(memory_in_use);
	assert_int_equal(fake_locks_held(), 0);
}

static void one_event(void)
{
	switch (pick(8)) {
	case 0: vm_request_end(&vm, (enum vm_end)pick(5), "random"); break;
	case 1: vcpu_turn(&vcpus[pick(NR_VCPUS)]); break;
	case 2: all_vcpus_turn(); break;
	case 3: nr_short_loads = pick(4); break;
	case 4: nr_failing_launches = pick(3); break;
	case 5: fake_tsc += pick(3) * 1000000000ull; break;
	default: (void)order((enum vm_verb)pick(VM_DO_RESET + 1)); break;
	}
}

static void random_lives_keep_order(void **state)
{
	const char *given = getenv("AEROSTAT_SEED");

	(void)state;
	seed = given ? (unsigned)strtoul(given, NULL, 0) : 20261127;
	print_message("SEED=%u\n", seed);
	on_launch = maybe_end_at_launch;
	on_memory_wait = anything_while_it_waits;
	cfg.on_crash = ACTION_RESTART;
	for (unsigned i = 0; i < 200000; i++) {
		/* Nothing is asked of a VM that never had a keeper. */
		if (vm.keeper)
			one_event();
		else
			assert_int_equal(order(VM_DO_START), 0);
		if (pick(2))
			run_keeper();
		if (!nr_wakes)
			check_life();
	}
	/* Whatever it was doing: this ends it. */
	nr_wakes = 1;
	run_keeper();
	if (order(VM_DO_KILL) == 0) {
		run_keeper();
		assert_int_equal(result(), 0);
	}
	assert_int_equal(vm.state, VM_OFF);
	check_life();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(end_before_all_vcpus_are_up),
		VM_TEST(the_keeper_joins_nobody_who_was_not_told),
		VM_TEST(ends_lead_where_the_configuration_says),
		VM_TEST(crashed_memory_stays_for_inspection),
		VM_TEST(a_kill_at_the_moment_of_a_crash_counts),
		VM_TEST(short_runs_are_not_repeated_for_ever),
		VM_TEST(failing_starts_say_why),
		VM_TEST(a_start_waits_for_memory),
		VM_TEST(a_waiting_start_is_killed),
		VM_TEST(a_run_that_is_over_waits_for_no_memory),
		VM_TEST(the_target_holds_over_reboots),
		VM_TEST(random_lives_keep_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
