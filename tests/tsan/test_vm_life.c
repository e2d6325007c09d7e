// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of a VM with real threads: its keeper, vCPUs that end the run when
 * they like, an administrator who gives orders at random, and somebody who
 * looks all the time. Every order comes to a result, nobody waits for ever,
 * and ThreadSanitizer proves that no vCPU touches the guest's memory while
 * the keeper gives it back, or while the VM is paused.
 * Sources: vmx/vm_life.c vmx/vm_order.c kernel/lib/lib.c
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "tsan.h"
#include "vmx/devices/devices.h"
#include "vmx/loader.h"
#include "vmx/vcpu_life.h"
#include "vmx/vm_priv.h"

#define NR_VCPUS   3u
#define ORDERS	   3000u
#define PATIENCE_S 20

/* ---- vCPUs ---- */

struct vcpu {
	uint32_t index, seed;
	uint32_t requests, paused_at, dead; /* [atomic] */
	pthread_mutex_t kick;
	struct thread *thread; /* [kick] */
};

static struct vcpu vcpus[NR_VCPUS];
static struct vm the_vm;
static uint64_t guest_memory[NR_VCPUS]; /* a word for each */

static uint32_t requests_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST);
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
	__atomic_fetch_or(&v->requests, bits, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&v->kick);
	if (v->thread)
		thread_unpark(v->thread);
	pthread_mutex_unlock(&v->kick);
}

static void stand_still(struct vcpu *v)
{
	for (;;) {
		uint32_t seq =
			__atomic_load_n(&the_vm.pause_seq, __ATOMIC_SEQ_CST);

		if ((requests_of(v) & (VCPU_REQ_PAUSE | VCPU_REQ_END)) !=
		    VCPU_REQ_PAUSE)
			return;
		__atomic_store_n(&v->paused_at, seq, __ATOMIC_SEQ_CST);
		vm_wake_keeper(&the_vm);
		thread_park();
	}
}

static void vcpu_main(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		uint32_t r = tsan_random(&v->seed) % 256;

		stand_still(v);
		if (requests_of(v) & VCPU_REQ_END)
			break;
		guest_memory[v->index]++;
		if (r == 0)
			vm_request_end(&the_vm, (enum vm_end)(v->seed / 7 % 3),
				       "by vCPU %u", v->index);
		else if (r < 32)
			sched_yield();
	}
	__atomic_store_n(&v->dead, 1, __ATOMIC_SEQ_CST);
	vm_wake_keeper(&the_vm);
}

void vcpu_reset(struct vcpu *v, const struct start_state *s)
{
	(void)s;
	__atomic_store_n(&v->requests, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->paused_at, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->dead, 0, __ATOMIC_SEQ_CST);
}

int vcpu_launch(struct vcpu *v)
{
	const struct thread_params p = { .fn = vcpu_main, .arg = v };
	struct thread *t;
	int err = thread_create(&p, &t);

	pthread_mutex_lock(&v->kick);
	v->thread = t;
	pthread_mutex_unlock(&v->kick);
	return err;
}

void vcpu_join(struct vcpu *v)
{
	struct thread *t;

	pthread_mutex_lock(&v->kick);
	t = v->thread;
	v->thread = NULL;
	pthread_mutex_unlock(&v->kick);
	if (t)
		thread_join(t);
}

bool vcpu_has_ended(const struct vcpu *v)
{
	return __atomic_load_n(&v->dead, __ATOMIC_SEQ_CST);
}

bool vcpu_is_paused(const struct vcpu *v)
{
	return vcpu_has_ended(v) ||
	       __atomic_load_n(&v->paused_at, __ATOMIC_SEQ_CST) ==
		       __atomic_load_n(&the_vm.pause_seq, __ATOMIC_SEQ_CST);
}

void vcpu_resume(struct vcpu *v)
{
	__atomic_fetch_and(&v->requests, ~VCPU_REQ_PAUSE, __ATOMIC_SEQ_CST);
	vcpu_request(v, VCPU_REQ_CLOCK);
}

/* ---- memory, devices, loader ---- */

static uint32_t mm_seed = 5; /* [keeper] */
static uint64_t target;	     /* [atomic] */

int gspace_set_target(struct gspace *gs, uint64_t nbytes)
{
	(void)gs;
	__atomic_store_n(&target, nbytes, __ATOMIC_SEQ_CST);
	return 0;
}

void gspace_reset(struct gspace *gs)
{
	(void)gs;
	memset(guest_memory, 0, sizeof(guest_memory));
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	/* Nobody brings memory: only what stops the wait, or luck. */
	while (!stop(arg) && tsan_random(&mm_seed) % 64)
		sched_yield();
}

int loader_load(struct vm *vm, struct start_state *out, char *why)
{
	(void)vm;
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		guest_memory[i] = 1;
	snprintf(why, VM_WHY_MAX, "bad luck");
	return tsan_random(&mm_seed) % 4   ? 0
	       : tsan_random(&mm_seed) % 4 ? -ENOMEM
					   : -EINVAL;
}

void devices_reset(struct vm *vm)
{
	(void)vm;
}

void memdev_notify_target(struct vm *vm)
{
	(void)vm;
}

bool memdev_request_shutdown(struct vm *vm)
{
	(void)vm;
	return true;
}

bool acpi_pm_press_power_button(struct vm *vm)
{
	(void)vm;
	return false;
}

int vm_check_config(struct vm *vm, char *why)
{
	(void)vm;
	(void)why;
	return 0;
}

int vm_create_parts(struct vm *vm)
{
	if (vm_is_created(vm))
		return 0;
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		vm->vcpus[i] = &vcpus[i];
	vm->nr_vcpus = NR_VCPUS;
	__atomic_store_n(&vm->created, true, __ATOMIC_RELEASE);
	return 0;
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = { "off",    "starting", "running",
					     "paused", "stopping", "crashed" };

	return names[s];
}

/* ---- who looks, and who orders ---- */

static uint32_t over; /* [atomic] */

/* What vm_view.c does. */
static void *onlooker(void *arg)
{
	char reason[128];
	uint64_t starts = 0;

	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
		spin_lock(&the_vm.lock);
		memcpy(reason, the_vm.reason, sizeof(reason));
		if (the_vm.nr_starts < starts)
			return "starts go backwards";
		starts = the_vm.nr_starts;
		spin_unlock(&the_vm.lock);
		sched_yield();
	}
	return NULL;
}

/* The result of an order that must come; -EAGAIN: it never does. */
static int wait_result(const struct vm_order *o, char *why)
{
	time_t end = time(NULL) + PATIENCE_S;
	int err;

	do {
		err = vm_order_result(&the_vm, o, why);
		sched_yield();
	} while (err == -EAGAIN && time(NULL) < end);
	return err;
}

/* Paused: all memory is ours to write, or the sanitizer objects. */
static void use_paused_memory(void)
{
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		guest_memory[i] += 2;
}

static void one_order(uint32_t *seed)
{
	enum vm_verb verb =
		(enum vm_verb)(tsan_random(seed) % (VM_DO_RESET + 1));
	char why[VM_WHY_MAX];
	struct vm_order o;
	int err;

	if (vm_order(&the_vm, verb, &o, why))
		return;
	/* Some are not waited for: the next order meets them under way. */
	if (verb == VM_DO_STOP || tsan_random(seed) % 3 == 0)
		return;
	err = wait_result(&o, why);
	if (err == -EAGAIN)
		fail_msg("order %d: %s", (int)verb, why);
	if (verb == VM_DO_KILL)
		assert_int_equal(err, 0);
}

static void pause_and_look(void)
{
	char why[VM_WHY_MAX];
	struct vm_order o;

	if (vm_order(&the_vm, VM_DO_PAUSE, &o, why) || wait_result(&o, why))
		return;
	/* A VM that is paused stays so until somebody orders otherwise. */
	if (!__atomic_load_n(&the_vm.end_claimed, __ATOMIC_SEQ_CST) &&
	    vm_get_state(&the_vm) == VM_PAUSED)
		use_paused_memory();
}

static void every_order_comes_to_a_result(void **state)
{
	static const struct config_vm cfg = { .name = "web",
					      .mem_boot = 1 << 20,
					      .on_crash = ACTION_RESTART,
					      .on_reboot = ACTION_RESTART };
	char why[VM_WHY_MAX];
	pthread_t looks;
	struct vm_order o;
	uint32_t seed = 11;
	void *wrong;

	(void)state;
	alarm(10 * PATIENCE_S); /* whatever hangs */
	the_vm = (struct vm){ .id = 1, .cfg = &cfg, .end_claimed = true };
	spin_init(&the_vm.lock, LOCK_VM_LIFE, "vm life");
	waitq_init(&the_vm.changed);
	for (uint32_t i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = (struct vcpu){ .index = i, .seed = i };
		pthread_mutex_init(&vcpus[i].kick, NULL);
	}
	pthread_create(&looks, NULL, onlooker, NULL);
	for (uint32_t i = 0; i < ORDERS; i++) {
		one_order(&seed);
		if (i % 8 == 0)
			pause_and_look();
	}
	while (vm_get_state(&the_vm) != VM_OFF)
		if (vm_order(&the_vm, VM_DO_KILL, &o, why) == 0)
			assert_int_equal(wait_result(&o, why), 0);
	__atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
	pthread_join(looks, &wrong);
	assert_null(wrong);
	print_message("%u starts\n", (unsigned)the_vm.nr_starts);
	assert_true(the_vm.nr_starts > ORDERS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_comes_to_a_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
