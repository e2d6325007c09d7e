/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a VM: its keeper and the administrator's orders over fake vCPUs,
 * memory and devices. A fake vCPU does what a real one's thread does when it
 * gets a turn; joining one that was never told to end fails the test, because
 * the product would wait for ever.
 *
 * Sources: vmx/vm_life.c vmx/vm_order.c kernel/lib/lib.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/devices/devices.h"
#include "vmx/loader.h"
#include "vmx/vcpu_life.h"
#include "vmx/vm_priv.h"

#define NR_VCPUS 4u
#define MIB	 0x100000ull

/* ---- fake vCPUs ---- */

struct vcpu {
	uint32_t index, requests, paused_at;
	bool has_thread, ended;
};

static struct vcpu vcpus[NR_VCPUS];
static struct config_vm cfg;
static struct vm vm;
static void (*on_launch)(uint32_t index);
static unsigned nr_failing_launches;
/* What happens elsewhere just before an END reaches a vCPU. */
static void (*on_end_request)(void);

void vcpu_request(struct vcpu *v, uint32_t bits)
{
	if ((bits & VCPU_REQ_END) && on_end_request)
		on_end_request();
	v->requests |= bits;
}

void vcpu_reset(struct vcpu *v, const struct start_state *s)
{
	assert_int_equal(s != NULL, v->index == 0);
	for (unsigned i = 0; i < NR_VCPUS; i++)
		assert_false(vcpus[i].has_thread);
	*v = (struct vcpu){ .index = v->index };
}

int vcpu_launch(struct vcpu *v)
{
	if (nr_failing_launches) {
		nr_failing_launches--;
		return -ENOMEM;
	}
	v->has_thread = true;
	if (on_launch)
		on_launch(v->index);
	return 0;
}

void vcpu_join(struct vcpu *v)
{
	if (!v->has_thread)
		return;
	assert_true(v->requests & VCPU_REQ_END);
	v->has_thread = false;
	v->ended = true;
}

bool vcpu_has_ended(const struct vcpu *v)
{
	return v->ended;
}

bool vcpu_is_paused(const struct vcpu *v)
{
	return v->ended || v->paused_at == vm.pause_seq;
}

void vcpu_resume(struct vcpu *v)
{
	v->requests &= ~VCPU_REQ_PAUSE;
}

static unsigned nr_wakes; /* of the keeper */

/* A turn of the vCPU's thread. */
static void vcpu_turn(struct vcpu *v)
{
	if (!v->has_thread || v->ended)
		return;
	if (v->requests & VCPU_REQ_END)
		v->ended = true;
	else if (v->requests & VCPU_REQ_PAUSE)
		v->paused_at = vm.pause_seq;
	else
		return;
	vm_wake_keeper(&vm);
}

static void all_vcpus_turn(void)
{
	for (unsigned i = 0; i < NR_VCPUS; i++)
		vcpu_turn(&vcpus[i]);
}

/* ---- fake memory, devices and loader ---- */

static unsigned nr_short_loads; /* loads that find too little memory */
static void (*on_memory_wait)(void);
static int load_err;
static uint64_t target, published_target;
static bool memory_in_use, hears_button;
static void (*on_devices_reset)(void);

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	assert_int_equal(fake_locks_held(), 0);
	if (on_memory_wait)
		on_memory_wait();
	/* It ends when there is memory, or when somebody stops it. */
	assert_true(stop(arg) || !nr_short_loads || !on_memory_wait);
}

int gspace_set_target(struct gspace *gs, uint64_t nbytes)
{
	(void)gs;
	if (nbytes < cfg.mem_min || nbytes > cfg.mem_boot)
		return -ERANGE;
	target = nbytes;
	return 0;
}

void gspace_reset(struct gspace *gs)
{
	(void)gs;
	for (unsigned i = 0; i < NR_VCPUS; i++)
		assert_false(vcpus[i].has_thread);
	memory_in_use = false;
}

void devices_reset(struct vm *v)
{
	(void)v;
	if (on_devices_reset)
		on_devices_reset();
	published_target = target;
}

void memdev_notify_target(struct vm *v)
{
	(void)v;
	published_target = target;
}

bool memdev_request_shutdown(struct vm *v)
{
	(void)v;
	return hears_button;
}

bool acpi_pm_press_power_button(struct vm *v)
{
	(void)v;
	return false;
}

int loader_load(struct vm *v, struct start_state *out, char *why)
{
	(void)v;
	memset(out, 0, sizeof(*out));
	memory_in_use = true;
	if (nr_short_loads) {
		nr_short_loads--;
		strcpy(why, "out of host memory");
		return -ENOMEM;
	}
	if (load_err)
		strcpy(why, "vmlinuz: no such file");
	return load_err;
}

/* ---- the rest of a VM ---- */

static int config_err, parts_err;

int vm_check_config(struct vm *v, char *why)
{
	(void)v;
	if (config_err)
		strcpy(why, "its configuration has errors");
	return config_err;
}

int vm_create_parts(struct vm *v)
{
	if (parts_err)
		return parts_err;
	for (unsigned i = 0; i < NR_VCPUS; i++)
		v->vcpus[i] = &vcpus[i];
	v->nr_vcpus = NR_VCPUS;
	v->created = true;
	return 0;
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = { "off",    "starting", "running",
					     "paused", "stopping", "crashed" };

	return names[s];
}

/* ---- threads ---- */

static int keeper_err;
static char keeper_stack; /* stands for its thread */

int thread_create(const struct thread_params *p, struct thread **out)
{
	assert_string_equal(p->name, "life web");
	if (keeper_err)
		return keeper_err;
	*out = (struct thread *)&keeper_stack;
	nr_wakes++;
	return 0;
}

void thread_unpark(struct thread *t)
{
	if (t == (struct thread *)&keeper_stack)
		nr_wakes++;
}

/* The keeper's thread, until it parks. Only if somebody woke it. */
static void run_keeper(void)
{
	unsigned n = 0;

	while (nr_wakes) {
		nr_wakes = 0;
		while (vm_keeper_step(&vm))
			assert_in_range(++n, 1, 1000);
	}
}

/* ---- helpers ---- */

static struct vm_order last;
static char why[VM_WHY_MAX];

static int order(enum vm_verb verb)
{
	return vm_order(&vm, verb, &last, why);
}

static int result(void)
{
	return vm_order_result(&vm, &last, why);
}

static void start_running(void)
{
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_RUNNING);
}

static int fresh(void **state)
{
	(void)state;
	cfg = (struct config_vm){ .name = "web",
				  .mem_min = 16 * MIB,
				  .mem_boot = 64 * MIB,
				  .on_reboot = ACTION_RESTART };
	vm = (struct vm){ .id = 1, .cfg = &cfg, .end_claimed = true };
	spin_init(&vm.lock, LOCK_VM_LIFE, "vm life");
	waitq_init(&vm.changed);
	for (unsigned i = 0; i < NR_VCPUS; i++)
		vcpus[i] = (struct vcpu){ .index = i };
	on_launch = NULL;
	on_memory_wait = NULL;
	on_end_request = on_devices_reset = NULL;
	nr_failing_launches = nr_short_loads = nr_wakes = 0;
	load_err = config_err = parts_err = keeper_err = 0;
	target = published_target = 0;
	memory_in_use = hears_button = false;
	return 0;
}

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

static void memory_comes_free(void)
{
	assert_int_equal(vm.state, VM_STARTING);
	assert_int_equal(result(), -EAGAIN);
	assert_string_equal(why, "it waits for host memory");
	nr_short_loads = 0;
}

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

/* ---- orders ---- */

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
		cmocka_unit_test_setup(end_before_all_vcpus_are_up, fresh),
		cmocka_unit_test_setup(the_keeper_joins_nobody_who_was_not_told,
				       fresh),
		cmocka_unit_test_setup(a_kill_at_the_moment_of_a_crash_counts,
				       fresh),
		cmocka_unit_test_setup(ends_lead_where_the_configuration_says,
				       fresh),
		cmocka_unit_test_setup(crashed_memory_stays_for_inspection,
				       fresh),
		cmocka_unit_test_setup(short_runs_are_not_repeated_for_ever,
				       fresh),
		cmocka_unit_test_setup(failing_starts_say_why, fresh),
		cmocka_unit_test_setup(a_start_waits_for_memory, fresh),
		cmocka_unit_test_setup(a_waiting_start_is_killed, fresh),
		cmocka_unit_test_setup(a_run_that_is_over_waits_for_no_memory,
				       fresh),
		cmocka_unit_test_setup(the_target_holds_over_reboots, fresh),
		cmocka_unit_test_setup(a_pause_waits_for_every_vcpu, fresh),
		cmocka_unit_test_setup(a_pause_of_a_run_that_ends_says_so,
				       fresh),
		cmocka_unit_test_setup(a_kill_is_never_overtaken_by_a_restart,
				       fresh),
		cmocka_unit_test_setup(a_reset_wins_over_the_guests_own_end,
				       fresh),
		cmocka_unit_test_setup(a_reset_is_done_when_the_guest_is_back,
				       fresh),
		cmocka_unit_test_setup(the_power_button_needs_a_listener,
				       fresh),
		cmocka_unit_test_setup(random_lives_keep_order, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
