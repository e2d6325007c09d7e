/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a VM: start, pause, end of a run, and what follows an end.
 *
 * Each VM has a thread of its own, its keeper, which brings it from state to
 * state and is the only one that does (but for off -> starting, by which
 * vm_order.c hands a VM to it). So whatever a VM waits for (memory, a vCPU that
 * comes to its end), it holds up nobody else. Everybody else only leaves
 * wishes and wakes the keeper: guests by vm_request_end(), the administrator by
 * vm_order().
 *
 * Invariants: between two runs no vCPU thread exists. end_claimed is false
 * only from the start of a run to the first vm_request_end().
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/log.h"
#include "vmx/devices/devices.h"
#include "vmx/loader.h"
#include "vmx/vcpu_life.h"
#include "vmx/vm_priv.h"

/* A guest that crashes this soon after its start is not started again. */
#define CRASH_LOOP_NS 2000000000ull
/* Restarts in a row, each after so short a run, before it stays off. */
#define MAX_SHORT_RUNS 100u

static void set_state(struct vm *vm, enum vm_state s)
{
	spin_lock(&vm->lock);
	__atomic_store_n(&vm->state, s, __ATOMIC_SEQ_CST);
	spin_unlock(&vm->lock);
	waitq_wake_all(&vm->changed);
}

/*
 * The VM is down and stays so; whatever was wanted of the run is over, but for
 * a kill that came while the VM crashed: the keeper finds it in that state.
 * reason NULL: as it was.
 */
static void set_down(struct vm *vm, enum vm_state s, int start_err,
		     const char *reason)
{
	spin_lock(&vm->lock);
	if (reason)
		str_copy(vm->reason, reason, sizeof(vm->reason));
	vm->start_err = start_err;
	if (s == VM_OFF || vm->wish != VM_WISH_KILL)
		vm->wish = VM_WISH_NONE;
	__atomic_store_n(&vm->state, s, __ATOMIC_SEQ_CST);
	spin_unlock(&vm->lock);
	waitq_wake_all(&vm->changed);
}

void vm_wake_keeper(struct vm *vm)
{
	struct thread *keeper = READ_ONCE(vm->keeper);

	/* Not there yet: it looks at everything when it begins. */
	if (keeper)
		thread_unpark(keeper);
}

static void request_all(struct vm *vm, uint32_t bits)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_request(vm->vcpus[i], bits);
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
	/*
	 * Before the keeper may see it: it joins the vCPUs then, after which
	 * none of them can be woken, and resets their requests.
	 */
	request_all(vm, VCPU_REQ_END);
	__atomic_store_n(&vm->end_ready, true, __ATOMIC_SEQ_CST);
	vm_wake_keeper(vm);
}

static bool is_killed(void *arg)
{
	const struct vm *vm = arg;

	return __atomic_load_n(&vm->wish, __ATOMIC_SEQ_CST) == VM_WISH_KILL;
}

/* ---- start ---- */

/*
 * Everything back to power-on state; no vCPU thread runs. The target is the
 * administrator's and holds over reboots; a machine that was off has what its
 * configuration says.
 */
static void run_release(struct vm *vm, bool fresh)
{
	if (fresh)
		BUG_ON(gspace_set_target(vm->gs, vm->cfg->mem_boot));
	devices_reset(vm);
	gspace_reset(vm->gs);
}

/* Parts and power-on state, for a VM that was off. */
static int prepare(struct vm *vm, char *why)
{
	int err = vm_check_config(vm, why);

	if (err)
		return err;
	err = vm_create_parts(vm);
	if (err) {
		snprintf(why, VM_WHY_MAX,
			 err == -ENOSPC
				 ? "no processor identifier is free"
				 : "no memory for its vCPUs and devices");
		return err;
	}
	run_release(vm, true);
	return 0;
}

static void run_init(struct vm *vm)
{
	__atomic_store_n(&vm->end_ready, false, __ATOMIC_SEQ_CST);
	vm->announced_end = 0;
	vm->kvmclock_boot_ns = clock_ns();
	vm->pausing = false;
	spin_lock(&vm->lock);
	vm->nr_starts++;
	vm->debug_exited = false;
	vm->start_tsc = rdtsc();
	vm->tsc_offset = -vm->start_tsc;
	spin_unlock(&vm->lock);
	__atomic_store_n(&vm->end_claimed, false, __ATOMIC_SEQ_CST);
}

/* Of a run that has vCPUs already. */
static bool is_over(void *arg)
{
	const struct vm *vm = arg;

	return is_killed(arg) ||
	       __atomic_load_n(&vm->end_ready, __ATOMIC_SEQ_CST);
}

/* Host memory is short: false if the VM needs none any more. */
static bool wait_memory(struct vm *vm, bool (*is_done)(void *arg))
{
	WRITE_ONCE(vm->short_of_memory, true);
	waitq_wake_all(&vm->changed);
	gspace_wait_memory(vm->gs, is_done, vm);
	WRITE_ONCE(vm->short_of_memory, false);
	return !is_done(vm);
}

/*
 * Being short of memory is a state, not an error: a guest that reboots just
 * then comes back when there is some. What was loaded already is kept
 * and written again, so each turn comes further.
 */
static int load(struct vm *vm, struct start_state *s, char *why)
{
	int err;

	do
		err = loader_load(vm, s, why);
	while (err == -ENOMEM && wait_memory(vm, is_killed));
	return err;
}

/* False: the run ended on the way. Some threads may run then. */
static bool launch_vcpus(struct vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++)
		while (vcpu_launch(vm->vcpus[i]))
			if (!wait_memory(vm, is_over))
				return false;
	return true;
}

static void start_guest(struct vm *vm, const struct start_state *s)
{
	uint32_t i;

	/* All of them first: one that runs may end them all. */
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_reset(vm->vcpus[i], i == 0 ? s : NULL);
	run_init(vm);
	set_state(vm, VM_RUNNING);
	if (launch_vcpus(vm))
		log_guest(&vm->log, LOG_INFO, "vm", "vm=%s started vcpus=%u",
			  vm->cfg->name, vm->nr_vcpus);
}

static void start(struct vm *vm)
{
	bool fresh = vm->fresh;
	char why[VM_WHY_MAX] = "";
	struct start_state s;
	int err = 0;

	if (fresh)
		err = prepare(vm, why);
	if (!err)
		err = load(vm, &s, why);
	if (!err) {
		start_guest(vm, &s);
		return;
	}
	if (vm_is_created(vm))
		run_release(vm, false);
	if (is_killed(vm)) {
		set_down(vm, VM_OFF, -ECANCELED, "killed while it started");
		return;
	}
	log_err("vm", "vm=%s does not start: %s", vm->cfg->name, why);
	set_down(vm, VM_OFF, err, why);
}

/* ---- end of a run ---- */

static enum config_action action_after(const struct vm *vm)
{
	switch (vm->end) {
	case VM_END_POWEROFF: return vm->cfg->on_poweroff;
	case VM_END_REBOOT: return vm->cfg->on_reboot;
	case VM_END_CRASH: return vm->cfg->on_crash;
	default: return ACTION_STOP;
	}
}

/*
 * Restarting would only go on for ever: the run was short and ended in a
 * crash, or it is one of many short ones, whose log lines drown the console.
 */
static bool restart_is_futile(struct vm *vm)
{
	bool futile;

	if (tsc_to_ns(rdtsc() - vm->start_tsc) >= CRASH_LOOP_NS) {
		vm->nr_short = 0;
		return false;
	}
	vm->nr_short++;
	futile = vm->end == VM_END_CRASH || vm->nr_short >= MAX_SHORT_RUNS;
	if (!futile)
		return false;
	vm->nr_short = 0;
	/* Once until the administrator starts it: no limit may swallow it. */
	log_warn("vm", "vm=%s not restarted: its runs are too short",
		 vm->cfg->name);
	return true;
}

static void end_vcpus(struct vm *vm)
{
	uint32_t i;

	spin_lock(&vm->lock);
	str_copy(vm->last_end, vm->end_text, sizeof(vm->last_end));
	spin_unlock(&vm->lock);
	set_state(vm, VM_STOPPING);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_join(vm->vcpus[i]);
}

static void log_end(struct vm *vm)
{
	bool crashed = vm->end == VM_END_CRASH;

	log_guest(&vm->log, crashed ? LOG_WARN : LOG_INFO, "vm", "vm=%s %s: %s",
		  vm->cfg->name, crashed ? "crashed" : "ended", vm->end_text);
}

/* The wish that came last counts, up to the moment when the run is over. */
static enum vm_wish take_wish(struct vm *vm)
{
	enum vm_wish wish;

	spin_lock(&vm->lock);
	wish = vm->wish;
	/* A kill stays until the VM is down. */
	if (wish == VM_WISH_RESET)
		vm->wish = VM_WISH_NONE;
	spin_unlock(&vm->lock);
	return wish;
}

/* The next run; false: it was killed at the last moment. */
static bool begin_restart(struct vm *vm)
{
	bool ok;

	spin_lock(&vm->lock);
	ok = vm->wish != VM_WISH_KILL;
	if (ok) {
		vm->run++;
		vm->fresh = false;
		vm->want_pause = false;
		vm->wish = VM_WISH_NONE;
		vm->reason[0] = '\0';
		__atomic_store_n(&vm->state, VM_STARTING, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&vm->lock);
	waitq_wake_all(&vm->changed);
	return ok;
}

static bool will_restart(struct vm *vm, enum vm_wish wish)
{
	if (wish == VM_WISH_RESET) {
		vm->nr_short = 0;
		return true;
	}
	return wish == VM_WISH_NONE && action_after(vm) == ACTION_RESTART &&
	       !restart_is_futile(vm);
}

static void finish_run(struct vm *vm)
{
	bool crashed = vm->end == VM_END_CRASH;
	enum vm_wish wish;

	end_vcpus(vm);
	log_end(vm);
	wish = take_wish(vm);
	if (crashed && wish == VM_WISH_NONE &&
	    action_after(vm) == ACTION_PAUSE) {
		/* Memory and registers stay for inspection. */
		devices_reset(vm);
		set_down(vm, VM_CRASHED, 0, vm->end_text);
		return;
	}
	run_release(vm, false);
	if (will_restart(vm, wish) && begin_restart(vm))
		return;
	crashed = crashed && !is_killed(vm);
	set_down(vm, crashed ? VM_CRASHED : VM_OFF, 0, vm->end_text);
}

/* ---- pause ---- */

static bool all_paused(struct vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!vcpu_is_paused(vm->vcpus[i]))
			return false;
	return true;
}

static void resume(struct vm *vm)
{
	uint32_t i;

	vm->pausing = false;
	set_state(vm, VM_RUNNING);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_resume(vm->vcpus[i]);
}

/* Each vCPU wakes the keeper when it stands still, and when it ends. */
static bool follow_pause(struct vm *vm)
{
	bool want = __atomic_load_n(&vm->want_pause, __ATOMIC_SEQ_CST);

	if (!want && vm->pausing) {
		resume(vm);
		return true;
	}
	if (want && !vm->pausing) {
		vm->pausing = true;
		__atomic_fetch_add(&vm->pause_seq, 1, __ATOMIC_SEQ_CST);
		request_all(vm, VCPU_REQ_PAUSE);
		return true;
	}
	if (want && vm_get_state(vm) == VM_RUNNING && all_paused(vm)) {
		set_state(vm, VM_PAUSED);
		return true;
	}
	return false;
}

/* ---- the keeper ---- */

static bool step_up(struct vm *vm)
{
	switch (__atomic_load_n(&vm->wish, __ATOMIC_SEQ_CST)) {
	case VM_WISH_KILL:
		vm_request_end(vm, VM_END_KILL, "killed by the administrator");
		break;
	case VM_WISH_RESET:
		vm_request_end(vm, VM_END_RESET, "reset by the administrator");
		break;
	case VM_WISH_NONE: break;
	}
	if (__atomic_load_n(&vm->end_ready, __ATOMIC_SEQ_CST)) {
		finish_run(vm);
		return true;
	}
	return follow_pause(vm);
}

bool vm_keeper_step(struct vm *vm)
{
	switch (vm_get_state(vm)) {
	case VM_STARTING: start(vm); return true;
	case VM_RUNNING:
	case VM_PAUSED: return step_up(vm);
	case VM_CRASHED:
		if (!is_killed(vm))
			return false;
		if (vm_is_created(vm))
			run_release(vm, false);
		set_down(vm, VM_OFF, 0, NULL);
		return true;
	case VM_OFF: return false;
	case VM_STOPPING: break; /* never left so by a step */
	}
	BUG();
}

static void keeper_thread(void *arg)
{
	for (;;)
		if (!vm_keeper_step(arg))
			thread_park();
}

int vm_hand_to_keeper(struct vm *vm)
{
	char name[CONFIG_NAME_MAX + sizeof("life ")];
	struct thread_params p = {
		.name = name,
		.fn = keeper_thread,
		.arg = vm,
		.class = THREAD_SERVICE,
	};

	int err;

	if (vm->keeper) {
		vm_wake_keeper(vm);
		return 0;
	}
	snprintf(name, sizeof(name), "life %s", vm->cfg->name);
	err = thread_create(&p, &vm->keeper);
	if (err)
		set_down(vm, VM_OFF, err, "no memory for its keeper thread");
	return err;
}
