/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a VM: start, pause, end of a run, and what follows an end.
 *
 * A run ends by vm_request_end(), from anywhere: the first cause wins, all
 * vCPUs leave, and the service thread `reaper` joins them, puts the
 * devices back to power-on state, turns all memory hollow and applies
 * on_poweroff, on_crash or on_reboot.
 *
 * Invariant: `life` is held by whoever changes `state`.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/log.h"
#include "vmx/devices/devices.h"
#include "vmx/loader.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vm_priv.h"

/* A guest that crashes this soon after its start is not started again. */
#define CRASH_LOOP_NS 2000000000ull
/* Restarts in a row, each after so short a run, before it stays off. */
#define MAX_SHORT_RUNS 100u

static struct thread *reaper;

static void set_state(struct vm *vm, enum vm_state s)
{
	__atomic_store_n(&vm->state, s, __ATOMIC_SEQ_CST);
	waitq_wake_all(&vm->changed);
}

static enum vm_state get_state(struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_SEQ_CST);
}

static void request_all(struct vm *vm, uint32_t bits)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		WRITE_ONCE(vm->vcpus[i]->stop_waiting, true);
		vcpu_request(vm->vcpus[i], bits);
	}
}

void vm_request_end(struct vm *vm, enum vm_end end, const char *fmt, ...)
{
	bool first = false;
	va_list ap;

	if (!__atomic_compare_exchange_n(&vm->end_claimed, &first, true, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	va_start(ap, fmt);
	vsnprintf(vm->end_text, sizeof(vm->end_text), fmt, ap);
	va_end(ap);
	vm->end = end;
	__atomic_store_n(&vm->end_ready, true, __ATOMIC_SEQ_CST);
	request_all(vm, VCPU_REQ_END);
	thread_unpark(reaper);
}

/* A guest that reboots for ever must not push all else out of the log. */
static bool life_may_log(struct vm *vm)
{
	uint32_t dropped;

	if (!ratelimit_ok(&vm->life_rl, 10, &dropped))
		return false;
	if (dropped)
		log_info("vm", "vm=%s %u starts and ends not logged",
			 vm->cfg->name, dropped);
	return true;
}

/* ---- start ---- */

static int start_threads(struct vm *vm, const struct start_state *s)
{
	uint32_t i;
	int err;

	for (i = 0; i < vm->nr_vcpus; i++) {
		err = vcpu_start(vm->vcpus[i], i == 0 ? s : NULL);
		if (err)
			return err;
	}
	return 0;
}

static void join_threads(struct vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_join(vm->vcpus[i]);
}

static void run_init(struct vm *vm)
{
	vm->end_claimed = false;
	vm->end_ready = false;
	vm->announced_end = 0;
	vm->debug_exited = false;
	vm->reason[0] = '\0';
	vm->start_tsc = rdtsc();
	vm->tsc_offset = -vm->start_tsc;
	vm->kvmclock_boot_ns = clock_ns();
	vm->nr_starts++;
}

/* Everything back to power-on state; no vCPU thread runs. */
static void run_release(struct vm *vm)
{
	devices_reset(vm);
	gspace_reset(vm->gs);
}

static int start_locked(struct vm *vm, char *why)
{
	struct start_state s;
	int err;

	set_state(vm, VM_STARTING);
	run_init(vm);
	err = loader_load(vm, &s, why);
	if (err)
		goto release;
	set_state(vm, VM_RUNNING);
	err = start_threads(vm, &s);
	if (!err) {
		if (life_may_log(vm))
			log_info("vm", "vm=%s started vcpus=%u", vm->cfg->name,
				 vm->nr_vcpus);
		return 0;
	}
	snprintf(why, VM_WHY_MAX, "no memory for a vCPU thread");
	vm->end_claimed = true; /* nobody else ends this run */
	request_all(vm, VCPU_REQ_END);
	join_threads(vm);
release:
	run_release(vm);
	str_copy(vm->reason, why, sizeof(vm->reason));
	set_state(vm, VM_OFF);
	return err;
}

int vm_start(struct vm *vm, char *why)
{
	int err;

	mutex_lock(&vm->life);
	why[0] = '\0';
	if (get_state(vm) != VM_OFF && get_state(vm) != VM_CRASHED) {
		snprintf(why, VM_WHY_MAX, "it is %s already",
			 vm_state_name(get_state(vm)));
		err = -EBUSY;
		goto unlock;
	}
	err = vm_check_config(vm, why);
	if (err)
		goto keep_reason;
	err = vm_create_parts(vm);
	if (err) {
		snprintf(why, VM_WHY_MAX,
			 "no memory for its vCPUs and devices");
		goto keep_reason;
	}
	run_release(vm);
	err = start_locked(vm, why);
	goto unlock;

keep_reason:
	str_copy(vm->reason, why, sizeof(vm->reason));
unlock:
	mutex_unlock(&vm->life);
	return err;
}

/* ---- end of a run ---- */

static enum config_action action_after(struct vm *vm)
{
	switch (vm->end) {
	case VM_END_POWEROFF: return vm->cfg->on_poweroff;
	case VM_END_REBOOT: return vm->cfg->on_reboot;
	case VM_END_CRASH: return vm->cfg->on_crash;
	case VM_END_RESET: return ACTION_RESTART;
	default: return ACTION_STOP;
	}
}

/*
 * Restarting would only go on for ever: the run was short and ended in a
 * crash, or it is one of many short ones, whose log lines drown the console.
 */
static bool restart_is_futile(struct vm *vm)
{
	if (tsc_to_ns(rdtsc() - vm->start_tsc) >= CRASH_LOOP_NS ||
	    vm->end == VM_END_RESET) {
		vm->nr_short = 0;
		return false;
	}
	vm->nr_short++;
	return vm->end == VM_END_CRASH || vm->nr_short >= MAX_SHORT_RUNS;
}

static void restart(struct vm *vm)
{
	char why[VM_WHY_MAX] = "";

	if (start_locked(vm, why))
		log_err("vm", "vm=%s restart failed: %s", vm->cfg->name, why);
}

static void finish_run(struct vm *vm)
{
	enum config_action act = action_after(vm);
	bool crashed = vm->end == VM_END_CRASH;

	set_state(vm, VM_STOPPING);
	join_threads(vm);
	str_copy(vm->reason, vm->end_text, sizeof(vm->reason));
	if (crashed)
		log_warn("vm", "vm=%s crashed: %s", vm->cfg->name,
			 vm->end_text);
	else if (life_may_log(vm))
		log_info("vm", "vm=%s ended: %s", vm->cfg->name, vm->end_text);
	if (crashed && act == ACTION_PAUSE) {
		/* Memory and registers stay for inspection. */
		devices_reset(vm);
		set_state(vm, VM_CRASHED);
		return;
	}
	run_release(vm);
	if (act != ACTION_RESTART) {
		set_state(vm, crashed ? VM_CRASHED : VM_OFF);
	} else if (restart_is_futile(vm)) {
		log_warn("vm", "vm=%s not restarted: its runs are too short",
			 vm->cfg->name);
		vm->nr_short = 0;
		set_state(vm, crashed ? VM_CRASHED : VM_OFF);
	} else {
		restart(vm);
	}
}

static void reaper_thread(void *arg)
{
	struct vm *vm;

	(void)arg;
	for (;;) {
		for (vm = vm_first(); vm; vm = vm_next(vm)) {
			if (!__atomic_load_n(&vm->end_ready, __ATOMIC_SEQ_CST))
				continue;
			mutex_lock(&vm->life);
			/* start_locked() may have ended the run itself. */
			if (vm->end_ready) {
				vm->end_ready = false;
				finish_run(vm);
			}
			mutex_unlock(&vm->life);
		}
		thread_park();
	}
}

int vm_life_init(void)
{
	struct thread_params p = {
		.name = "reaper",
		.fn = reaper_thread,
		.class = THREAD_SERVICE,
	};

	return thread_create(&p, &reaper);
}

/* ---- the administrator's wishes ---- */

/* True if the VM has a run that can be asked for something. */
static bool is_up(struct vm *vm)
{
	enum vm_state s = get_state(vm);

	return s == VM_RUNNING || s == VM_PAUSED;
}

static int not_up(struct vm *vm, char *why)
{
	snprintf(why, VM_WHY_MAX, "it is %s", vm_state_name(get_state(vm)));
	return -EBUSY;
}

int vm_stop(struct vm *vm, char *why)
{
	bool heard = false;
	int err = 0;

	mutex_lock(&vm->life);
	if (get_state(vm) != VM_RUNNING) {
		err = not_up(vm, why);
		goto unlock;
	}
	heard |= memdev_request_shutdown(vm);
	heard |= acpi_pm_press_power_button(vm);
	if (!heard) {
		snprintf(why, VM_WHY_MAX,
			 "the guest does not listen to its "
			 "power button; use `vm kill %s`",
			 vm->cfg->name);
		err = -EOPNOTSUPP;
	}
unlock:
	mutex_unlock(&vm->life);
	return err;
}

int vm_kill(struct vm *vm, char *why)
{
	uint64_t run;

	mutex_lock(&vm->life);
	if (get_state(vm) == VM_CRASHED) {
		run_release(vm);
		set_state(vm, VM_OFF);
		mutex_unlock(&vm->life);
		return 0;
	}
	if (!is_up(vm)) {
		mutex_unlock(&vm->life);
		return not_up(vm, why);
	}
	run = vm->nr_starts;
	vm_request_end(vm, VM_END_KILL, "killed by the administrator");
	mutex_unlock(&vm->life);
	wait_event(&vm->changed, vm->nr_starts != run ||
					 get_state(vm) == VM_OFF ||
					 get_state(vm) == VM_CRASHED);
	return 0;
}

static bool all_paused(struct vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!READ_ONCE(vm->vcpus[i]->paused) &&
		    !READ_ONCE(vm->vcpus[i]->dead))
			return false;
	return true;
}

int vm_pause(struct vm *vm, char *why)
{
	uint32_t i;
	int err = 0;

	mutex_lock(&vm->life);
	if (get_state(vm) != VM_RUNNING) {
		err = not_up(vm, why);
		goto unlock;
	}
	request_all(vm, VCPU_REQ_PAUSE);
	for (i = 0; i < vm->nr_vcpus; i++)
		wait_event(&vm->vcpus[i]->pause_wq, all_paused(vm));
	set_state(vm, VM_PAUSED);
unlock:
	mutex_unlock(&vm->life);
	return err;
}

int vm_resume(struct vm *vm, char *why)
{
	uint32_t i;
	int err = 0;

	mutex_lock(&vm->life);
	if (get_state(vm) != VM_PAUSED) {
		err = not_up(vm, why);
		goto unlock;
	}
	set_state(vm, VM_RUNNING);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_resume(vm->vcpus[i]);
unlock:
	mutex_unlock(&vm->life);
	return err;
}

int vm_reset(struct vm *vm, char *why)
{
	int err = 0;

	mutex_lock(&vm->life);
	if (is_up(vm))
		vm_request_end(vm, VM_END_RESET, "reset by the administrator");
	else
		err = not_up(vm, why);
	mutex_unlock(&vm->life);
	return err;
}

int vm_set_mem_target(struct vm *vm, uint64_t nbytes, char *why)
{
	char lo[16], hi[16], is[16];
	int err = -EBUSY;

	mutex_lock(&vm->life);
	if (!is_up(vm)) {
		err = not_up(vm, why);
		goto unlock;
	}
	err = gspace_set_target(vm->gs, nbytes);
	if (err)
		snprintf(why, VM_WHY_MAX,
			 "%s is outside %s (mem.min) to %s "
			 "(mem.boot)",
			 bytes_to_str(nbytes, is, sizeof(is)),
			 bytes_to_str(vm->cfg->mem_min, lo, sizeof(lo)),
			 bytes_to_str(vm->cfg->mem_boot, hi, sizeof(hi)));
	else
		memdev_notify_target(vm);
unlock:
	mutex_unlock(&vm->life);
	return err;
}
