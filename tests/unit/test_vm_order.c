/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator's orders to a VM, and what becomes of them when its run
 * ends at the same moment.
 *
 * Sources: vmx/vm_life.c vmx/vm_order.c kernel/lib/lib.c
 */
#include "vm_world.h"

static void a_pause_waits_for_every_vcpu(void **state)
{
	(void)state;
	start_running();
	assert_int_equal(order(VM_DO_PAUSE), 0);
	run_keeper();
	for (unsigned i = NR_VCPUS; i-- > 0;) {
		assert_int_equal(result(), -EAGAIN);
		assert_non_null(strstr(why, "has not stopped"));
		vcpu_turn(&vcpus[i]);
		run_keeper();
	}
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_PAUSED);
	assert_int_equal(order(VM_DO_PAUSE), -EBUSY);
	assert_int_equal(order(VM_DO_RESUME), 0);
	run_keeper();
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_RUNNING);
	/* That they stood still before does not count for the next pause. */
	assert_int_equal(order(VM_DO_PAUSE), 0);
	run_keeper();
	assert_int_equal(result(), -EAGAIN);
	all_vcpus_turn();
	run_keeper();
	assert_int_equal(result(), 0);
}

static void a_pause_of_a_run_that_ends_says_so(void **state)
{
	(void)state;
	start_running();
	assert_int_equal(order(VM_DO_PAUSE), 0);
	run_keeper();
	vcpu_turn(&vcpus[0]);
	vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	all_vcpus_turn();
	run_keeper();
	assert_int_equal(result(), -ECANCELED);
	assert_string_equal(why, "its run ended meanwhile: reset by the guest");
	/* The next run is not paused by the order to the last one. */
	assert_int_equal(vm.state, VM_RUNNING);
	assert_int_equal(vcpus[1].requests, 0);

	assert_int_equal(order(VM_DO_PAUSE), 0);
	vm_request_end(&vm, VM_END_POWEROFF, "powered off");
	run_keeper();
	assert_int_equal(result(), -ECANCELED);
	assert_int_equal(vm.state, VM_OFF);
}

static void a_kill_is_never_overtaken_by_a_restart(void **state)
{
	(void)state;
	start_running();
	vm_request_end(&vm, VM_END_REBOOT, "reset by the guest");
	assert_int_equal(order(VM_DO_KILL), 0);
	run_keeper();
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_OFF);
	/* Reset and kill, in either order. */
	start_running();
	assert_int_equal(order(VM_DO_RESET), 0);
	assert_int_equal(order(VM_DO_KILL), 0);
	assert_int_equal(order(VM_DO_RESET), 0);
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	/* A paused one. */
	start_running();
	assert_int_equal(order(VM_DO_PAUSE), 0);
	run_keeper();
	all_vcpus_turn();
	run_keeper();
	assert_int_equal(order(VM_DO_KILL), 0);
	run_keeper();
	assert_int_equal(vm.state, VM_OFF);
	assert_int_equal(order(VM_DO_KILL), -EBUSY);
}

static void a_reset_wins_over_the_guests_own_end(void **state)
{
	(void)state;
	start_running();
	vm_request_end(&vm, VM_END_CRASH, "triple fault");
	assert_int_equal(order(VM_DO_RESET), 0);
	run_keeper();
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_RUNNING);
	assert_int_equal(vm.nr_starts, 2);
}

static void a_reset_is_done_when_the_guest_is_back(void **state)
{
	(void)state;
	start_running();
	assert_int_equal(order(VM_DO_RESET), 0);
	nr_short_loads = 1;
	on_memory_wait = memory_comes_free; /* asks for the result */
	run_keeper();
	assert_int_equal(nr_short_loads, 0);
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_RUNNING);
	assert_int_equal(order(VM_DO_RESET), 0);
	load_err = -ENOENT;
	run_keeper();
	assert_int_equal(result(), -ENOENT);
}

static void the_power_button_needs_a_listener(void **state)
{
	(void)state;
	assert_int_equal(order(VM_DO_STOP), -EBUSY);
	start_running();
	assert_int_equal(order(VM_DO_STOP), -EOPNOTSUPP);
	assert_non_null(strstr(why, "vm kill web"));
	hears_button = true;
	assert_int_equal(order(VM_DO_STOP), 0);
	assert_int_equal(result(), -EAGAIN);
	vm_request_end(&vm, VM_END_POWEROFF, "powered off");
	run_keeper();
	assert_int_equal(result(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(a_pause_waits_for_every_vcpu),
		VM_TEST(a_pause_of_a_run_that_ends_says_so),
		VM_TEST(a_kill_is_never_overtaken_by_a_restart),
		VM_TEST(a_reset_wins_over_the_guests_own_end),
		VM_TEST(a_reset_is_done_when_the_guest_is_back),
		VM_TEST(the_power_button_needs_a_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
