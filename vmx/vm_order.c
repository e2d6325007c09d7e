/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the administrator wants of a VM: orders, and how far they have come.
 *
 * Nothing here waits: an order is a wish under vm->lock that the VM's keeper
 * (vm_life.c) finds; its result is read off the VM's state. Who wants to wait
 * does so on vm->changed.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu_life.h"
#include "vmx/vm_priv.h"

/* ---- giving orders ---- */

static int wrong_state(const struct vm *vm, char *why)
{
	snprintf(why, VM_WHY_MAX, "it is %s", vm_state_name(vm_get_state(vm)));
	return -EBUSY;
}

static bool has_run(const struct vm *vm)
{
	enum vm_state s = vm_get_state(vm);

	return s == VM_RUNNING || s == VM_PAUSED;
}

/* From here on the VM is the keeper's. Locked. */
static int start_locked(struct vm *vm, char *why)
{
	if (!vm_state_is_down(vm_get_state(vm))) {
		snprintf(why, VM_WHY_MAX, "it is %s already",
			 vm_state_name(vm_get_state(vm)));
		return -EBUSY;
	}
	if (vm->wish == VM_WISH_KILL) /* crashed, being released */
		return wrong_state(vm, why);
	vm->run++;
	vm->fresh = true;
	vm->start_err = 0;
	vm->want_pause = false;
	vm->reason[0] = '\0';
	__atomic_store_n(&vm->state, VM_STARTING, __ATOMIC_SEQ_CST);
	return 0;
}

static int wish_locked(struct vm *vm, enum vm_verb verb, char *why)
{
	enum vm_state s = vm_get_state(vm);

	switch (verb) {
	case VM_DO_START: return start_locked(vm, why);
	case VM_DO_KILL:
		if (s == VM_OFF)
			return wrong_state(vm, why);
		__atomic_store_n(&vm->wish, VM_WISH_KILL, __ATOMIC_SEQ_CST);
		return 0;
	case VM_DO_RESET:
		if (!has_run(vm))
			return wrong_state(vm, why);
		if (vm->wish == VM_WISH_NONE)
			__atomic_store_n(&vm->wish, VM_WISH_RESET,
					 __ATOMIC_SEQ_CST);
		return 0;
	case VM_DO_PAUSE:
	case VM_DO_RESUME:
		if (s != (verb == VM_DO_PAUSE ? VM_RUNNING : VM_PAUSED))
			return wrong_state(vm, why);
		__atomic_store_n(&vm->want_pause, verb == VM_DO_PAUSE,
				 __ATOMIC_SEQ_CST);
		return 0;
	case VM_DO_STOP: return s == VM_RUNNING ? 0 : wrong_state(vm, why);
	}
	return -EINVAL;
}

/* The guest hears of it by whichever device it has a driver for. */
static int press_buttons(struct vm *vm, char *why)
{
	bool heard = memdev_request_shutdown(vm);

	heard |= acpi_pm_press_power_button(vm);
	if (heard)
		return 0;
	snprintf(why, VM_WHY_MAX,
		 "the guest does not listen to its power button; "
		 "use `vm kill %s`",
		 vm->cfg->name);
	return -EOPNOTSUPP;
}

int vm_order(struct vm *vm, enum vm_verb verb, struct vm_order *o, char *why)
{
	int err;

	why[0] = '\0';
	spin_lock(&vm->lock);
	err = wish_locked(vm, verb, why);
	*o = (struct vm_order){ .verb = verb, .run = vm->run };
	spin_unlock(&vm->lock);
	if (err)
		return err;
	/* A run that ends just now: its devices hear nothing any more. */
	if (verb == VM_DO_STOP)
		return press_buttons(vm, why);
	waitq_wake_all(&vm->changed);
	if (verb == VM_DO_START) {
		err = vm_hand_to_keeper(vm);
		if (err)
			snprintf(why, VM_WHY_MAX,
				 "no memory for its keeper thread");
		return err;
	}
	vm_wake_keeper(vm);
	return 0;
}

int vm_set_mem_target(struct vm *vm, uint64_t nbytes, char *why)
{
	char lo[16], hi[16], is[16];
	int err;

	if (!has_run(vm))
		return wrong_state(vm, why);
	err = gspace_set_target(vm->gs, nbytes);
	if (err)
		snprintf(why, VM_WHY_MAX,
			 "%s is outside %s (mem.min) to %s (mem.boot)",
			 bytes_to_str(nbytes, is, sizeof(is)),
			 bytes_to_str(vm->cfg->mem_min, lo, sizeof(lo)),
			 bytes_to_str(vm->cfg->mem_boot, hi, sizeof(hi)));
	else
		memdev_notify_target(vm);
	return err;
}

/* ---- how far they have come ---- */

static int not_yet(const struct vm *vm, char *why)
{
	uint32_t i;

	switch (vm_get_state(vm)) {
	case VM_STARTING:
		snprintf(why, VM_WHY_MAX,
			 READ_ONCE(vm->short_of_memory)
				 ? "it waits for host memory"
				 : "it is being loaded");
		return -EAGAIN;
	case VM_STOPPING:
		for (i = 0; i < vm->nr_vcpus; i++)
			if (!vcpu_has_ended(vm->vcpus[i]))
				break;
		if (i < vm->nr_vcpus)
			snprintf(why, VM_WHY_MAX, "vCPU %u has not ended", i);
		else
			snprintf(why, VM_WHY_MAX, "its memory is being freed");
		return -EAGAIN;
	default:
		snprintf(why, VM_WHY_MAX, "it is %s",
			 vm_state_name(vm_get_state(vm)));
		return -EAGAIN;
	}
}

static int ended_meanwhile(const struct vm *vm, char *why)
{
	snprintf(why, VM_WHY_MAX, "its run ended meanwhile: %.90s",
		 vm->last_end);
	return -ECANCELED;
}

static int pause_result(const struct vm *vm, char *why)
{
	uint32_t i;

	switch (vm_get_state(vm)) {
	case VM_PAUSED: return 0;
	case VM_RUNNING:
		if (!vm->want_pause)
			break;
		for (i = 0; i + 1 < vm->nr_vcpus; i++)
			if (!vcpu_is_paused(vm->vcpus[i]))
				break;
		snprintf(why, VM_WHY_MAX, "vCPU %u has not stopped", i);
		return -EAGAIN;
	default: return ended_meanwhile(vm, why);
	}
	snprintf(why, VM_WHY_MAX, "it was resumed meanwhile");
	return -ECANCELED;
}

static int start_result(const struct vm *vm, char *why)
{
	if (vm_get_state(vm) == VM_STARTING)
		return not_yet(vm, why);
	if (vm->start_err)
		str_copy(why, vm->reason, VM_WHY_MAX);
	return vm->start_err;
}

static int reset_result(const struct vm *vm, char *why)
{
	if (!vm_state_is_down(vm_get_state(vm)))
		return not_yet(vm, why);
	return ended_meanwhile(vm, why);
}

/* Locked; the run that the order was given to is still the last one. */
static int result_of_run(const struct vm *vm, enum vm_verb verb, char *why)
{
	enum vm_state s = vm_get_state(vm);

	switch (verb) {
	case VM_DO_START: return start_result(vm, why);
	case VM_DO_STOP: return vm_state_is_down(s) ? 0 : not_yet(vm, why);
	case VM_DO_KILL: return s == VM_OFF ? 0 : not_yet(vm, why);
	case VM_DO_PAUSE: return pause_result(vm, why);
	case VM_DO_RESUME: return s == VM_PAUSED ? not_yet(vm, why) : 0;
	case VM_DO_RESET: return reset_result(vm, why);
	}
	return -EINVAL;
}

/* Another run has begun since. */
static int result_of_past(const struct vm *vm, const struct vm_order *o,
			  char *why)
{
	switch (o->verb) {
	case VM_DO_PAUSE:
	case VM_DO_RESUME: return ended_meanwhile(vm, why);
	case VM_DO_RESET: /* that one is what was asked for */
		return vm->run == o->run + 1 ? start_result(vm, why) : 0;
	default: return 0;
	}
}

int vm_order_result(struct vm *vm, const struct vm_order *o, char *why)
{
	int err;

	why[0] = '\0';
	spin_lock(&vm->lock);
	if (vm->run == o->run)
		err = result_of_run(vm, o->verb, why);
	else
		err = result_of_past(vm, o, why);
	spin_unlock(&vm->lock);
	return err;
}
