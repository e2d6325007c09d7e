/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's keeper among fake vCPUs, memory and devices. A fake vCPU does what a
 * real one's thread does when it gets a turn; joining one that was never told
 * to end fails the test, because the product would wait for ever. Included by
 * one file of each test.
 */
#ifndef VM_WORLD_H
#define VM_WORLD_H

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
static inline void vcpu_turn(struct vcpu *v)
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

static inline void all_vcpus_turn(void)
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
static inline void run_keeper(void)
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

static inline int order(enum vm_verb verb)
{
	return vm_order(&vm, verb, &last, why);
}

static inline int result(void)
{
	return vm_order_result(&vm, &last, why);
}

static inline void start_running(void)
{
	assert_int_equal(order(VM_DO_START), 0);
	run_keeper();
	assert_int_equal(result(), 0);
	assert_int_equal(vm.state, VM_RUNNING);
}

/* For on_memory_wait. */
static inline void memory_comes_free(void)
{
	assert_int_equal(vm.state, VM_STARTING);
	assert_int_equal(result(), -EAGAIN);
	assert_string_equal(why, "it waits for host memory");
	nr_short_loads = 0;
}

static inline int fresh(void **state)
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

#define VM_TEST(fn) cmocka_unit_test_setup(fn, fresh)

#endif
