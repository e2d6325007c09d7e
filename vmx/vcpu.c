/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's thread: requests, the entry loop, sleeping in HLT.
 *
 * Entry protocol: the thread sets mode = IN_GUEST, then looks at `requests`;
 * whoever sets a request looks at mode afterwards and sends an IPI if it is
 * IN_GUEST. Both have a full barrier in between, so a request is either
 * seen before the entry or ends the stay in the guest.
 */
#include "vmx/vcpu.h"

#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/stretch.h"
#include "kernel/sync/log.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmx/devices/devices.h"
#include "vmx/ept.h"
#include "vmx/stay_timer.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"
#include "vmx/vpid.h"

/* Requests that only ask to look again. */
#define REQ_TRANSIENT (VCPU_REQ_EVENT | VCPU_REQ_FLUSH)

struct vm *vcpu_vm(struct vcpu *v)
{
	return v->vm;
}

uint32_t vcpu_index(const struct vcpu *v)
{
	return v->index;
}

struct lapic *vcpu_lapic(struct vcpu *v)
{
	return v->lapic;
}

uint64_t vcpu_guest_tsc(const struct vcpu *v)
{
	return rdtsc() + v->vm->tsc_offset + v->tsc_adjust;
}

uint64_t vcpu_get_reg(struct vcpu *v, enum reg r)
{
	return r == REG_RSP ? vmcs_read(VMCS_GUEST_RSP) : v->gpr[r];
}

void vcpu_set_reg(struct vcpu *v, enum reg r, uint64_t value)
{
	if (r == REG_RSP)
		vmcs_write(VMCS_GUEST_RSP, value);
	else
		v->gpr[r] = value;
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
	/* Full barrier: pairs with the one in guest_stay(). */
	__atomic_fetch_or(&v->requests, bits, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->mode, __ATOMIC_SEQ_CST) == VCPU_IN_GUEST) {
		uint32_t cpu = READ_ONCE(v->cpu);

		/* On its own CPU this interrupt already made it leave. */
		if (cpu != cpu_id())
			smp_kick(cpu);
	} else if (bits != VCPU_REQ_FLUSH) {
		/* (A flush can wait until the vCPU enters again anyway.) */
		uint64_t flags = spin_lock_irqsave(&v->kick_lock);

		if (v->thread)
			thread_unpark(v->thread);
		spin_unlock_irqrestore(&v->kick_lock, flags);
	}
}

void vcpu_request_self(struct vcpu *v, uint32_t bits)
{
	__atomic_fetch_or(&v->requests, bits, __ATOMIC_RELAXED);
}

static void request_clear(struct vcpu *v, uint32_t bits)
{
	__atomic_fetch_and(&v->requests, ~bits, __ATOMIC_SEQ_CST);
}

void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	WRITE_ONCE(v->sipi_vector, vector);
	vcpu_request(v, VCPU_REQ_SIPI);
}

void vcpu_set_controls(struct vcpu *v, uint32_t set, uint32_t clear)
{
	uint32_t now = (v->cpu_controls | set) & ~clear;

	if (now == v->cpu_controls)
		return;
	v->cpu_controls = now;
	vmcs_write(VMCS_CPU_CONTROLS, now);
}

/* ---- the thread ---- */

static void handle_init(struct vcpu *v)
{
	v->wait_sipi = v->index != 0;
	lapic_init_signal(v->lapic);
	pv_eoi_reset(v);
	vcpu_state_init();
	vmcs_setup_guest_reset(v);
}

static void handle_sipi(struct vcpu *v)
{
	if (!v->wait_sipi)
		return; /* SDM: ignored unless waiting for it */
	vmcs_setup_guest_sipi(v, READ_ONCE(v->sipi_vector));
	v->wait_sipi = false;
}

/*
 * The number is read before the request: whoever sees it in paused_at knows
 * that this pause was meant, not one before it.
 */
static void handle_pause(struct vcpu *v)
{
	struct vm *vm = v->vm;

	for (;;) {
		uint32_t seq =
			__atomic_load_n(&vm->pause_seq, __ATOMIC_SEQ_CST);
		uint32_t req = __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST);

		if ((req & (VCPU_REQ_PAUSE | VCPU_REQ_END)) != VCPU_REQ_PAUSE)
			return;
		if (v->paused_at != seq)
			vcpu_snapshot_take(v);
		__atomic_store_n(&v->paused_at, seq, __ATOMIC_SEQ_CST);
		vm_wake_keeper(vm);
		thread_park();
	}
}

/* Interrupts on. False: the run is over. */
static bool handle_requests(struct vcpu *v)
{
	uint32_t req;

	handle_pause(v);
	req = __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST);
	if (req & VCPU_REQ_END)
		return false;
	if (req & VCPU_REQ_INIT) {
		request_clear(v, VCPU_REQ_INIT);
		handle_init(v);
	}
	if (req & VCPU_REQ_SIPI) {
		request_clear(v, VCPU_REQ_SIPI);
		handle_sipi(v);
	}
	if (req & VCPU_REQ_NMI) {
		request_clear(v, VCPU_REQ_NMI);
		v->nmi_pending += lapic_take_nmis(v->lapic);
	}
	if (req & VCPU_REQ_CLOCK) {
		request_clear(v, VCPU_REQ_CLOCK);
		pvclock_update(v, true);
	}
	return true;
}

bool vcpu_is_called(void *arg)
{
	struct vcpu *v = arg;

	return __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & ~REQ_TRANSIENT;
}

static bool may_run(struct vcpu *v)
{
	if (v->wait_sipi)
		return false;
	if (!v->halted)
		return true;
	if (inject_wakes_halt(v)) {
		v->halted = false;
		vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	}
	return !v->halted;
}

/* Interrupts off: requests that are handled at the last moment. */
static void handle_transient(struct vcpu *v)
{
	uint32_t req = READ_ONCE(v->requests) & REQ_TRANSIENT;

	if (!req)
		return;
	request_clear(v, req);
	if (req & VCPU_REQ_FLUSH)
		vmx_invept(INVEPT_SINGLE, v->vm->s2->eptp);
}

/*
 * One stay in guest mode. 0: an exit wants the slow path; -EAGAIN: a request,
 * a timer or another thread came first. Interrupts off at call and return. The
 * stay ends with stay_timer_end(), after an exit in exit_dispatch().
 */
static int guest_stay(struct vcpu *v)
{
	int err;

	WRITE_ONCE(v->cpu, cpu_id());
	/* Full barrier: pairs with the one in vcpu_request(). */
	__atomic_store_n(&v->mode, VCPU_IN_GUEST, __ATOMIC_SEQ_CST);
	if (READ_ONCE(v->requests) || need_resched() || !stay_timer_begin(v)) {
		err = -EAGAIN;
	} else {
		/* Now, because what is put into the VMCS must be entered. */
		inject_prepare_entry(v);
		stay_timer_reload(v);
		err = vmx_enter(v);
	}
	__atomic_store_n(&v->mode, VCPU_OUTSIDE, __ATOMIC_SEQ_CST);
	return err;
}

static void run_once(struct vcpu *v)
{
	int err;

	irq_disable();
	handle_transient(v);
	stretch_end();
	err = guest_stay(v);
	stretch_begin();
	if (err) {
		stay_timer_end();
		irq_enable();
		if (err == -EAGAIN)
			return;
		vcpu_crash(v, "VM entry failed, VM-instruction error %u",
			   vmcs_read32(VMCS_INSN_ERROR));
		return;
	}
	/* Returns with interrupts on. */
	if (exit_dispatch(v) == EXIT_STOP_VM)
		vcpu_request_self(v, VCPU_REQ_END);
}

/* Fills the VMCS: a run begins. */
static void power_on(struct vcpu *v)
{
	vmcs_setup_controls(v);
	vmcs_setup_guest_power_on(v);
	if (!v->wait_sipi)
		vmcs_setup_guest_start(v, &v->start);
}

static void vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	power_on(v);
	while (handle_requests(v)) {
		if (!may_run(v)) {
			request_clear(v, VCPU_REQ_EVENT);
			/*
			 * An event may have come before the clearing, and a
			 * request after it was last looked for: its wake-up
			 * may have ended another wait in between.
			 */
			if (may_run(v) || vcpu_is_called(v))
				continue;
			thread_park();
			continue;
		}
		run_once(v);
		if (need_resched())
			thread_yield();
	}
	vcpu_snapshot_take(v);
	vcpu_leave_cpu(v);
	__atomic_store_n(&v->dead, true, __ATOMIC_SEQ_CST);
	/* It may wait for all vCPUs to stand still. */
	vm_wake_keeper(v->vm);
}

/* ---- life ---- */

static int alloc_pages(struct vcpu *v)
{
	int err;

	err = frame_alloc(0, FRAME_VMX, FA_ZERO, &v->vmcs);
	if (err)
		return err;
	err = frame_alloc(0, FRAME_VMX, FA_ZERO, &v->msr_bitmap);
	if (err)
		goto free_vmcs;
	err = vcpu_state_create(v);
	if (err)
		goto free_bitmap;
	*(uint32_t *)hfn_to_ptr(v->vmcs) = vmx_controls.revision;
	vmcs_clear(hpa_of(v->vmcs));
	return 0;

free_bitmap:
	frame_free(v->msr_bitmap, 0);
free_vmcs:
	frame_free(v->vmcs, 0);
	return err;
}

static void free_pages(struct vcpu *v)
{
	vcpu_state_destroy(v);
	frame_free(v->msr_bitmap, 0);
	frame_free(v->vmcs, 0);
}

int vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out)
{
	struct vcpu *v = kzalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->gs = vm->gs;
	v->index = index;
	v->loaded_on = VCPU_NO_CPU;
	spin_init(&v->kick_lock, LOCK_VCPU_KICK, "vcpu kick");
	err = alloc_pages(v);
	if (err)
		goto free_v;
	err = lapic_create(v, &v->lapic);
	if (err)
		goto free_pages;
	err = vpid_take(&v->vpid);
	if (err)
		goto free_lapic;
	cpuid_policy_init(v);
	msr_bitmap_init(hfn_to_ptr(v->msr_bitmap),
			!(v->cpu2_refused & CPU2_RDTSCP));
	*out = v;
	return 0;

free_lapic:
	lapic_destroy(v->lapic);
free_pages:
	free_pages(v);
free_v:
	kfree(v);
	return err;
}

void vcpu_destroy(struct vcpu *v)
{
	lapic_destroy(v->lapic);
	vpid_give(v->vpid);
	free_pages(v);
	kfree(v);
}

void vcpu_reset(struct vcpu *v, const struct start_state *s)
{
	/* A flush asked for since its last run has found nobody to do it. */
	v->host_cpu = VCPU_NO_CPU;
	v->requests = 0;
	v->mode = VCPU_OUTSIDE;
	v->paused_at = 0;
	v->dead = false;
	v->snapshot.taken = false;
	vcpu_state_reset(v);
	msr_reset(v);
	lapic_reset(v->lapic);
	v->wait_sipi = s == NULL;
	if (s)
		v->start = *s;
}

int vcpu_launch(struct vcpu *v)
{
	struct thread_params p = {
		.name = v->vm->cfg->name,
		.fn = vcpu_thread,
		.arg = v,
		.class = THREAD_VCPU,
		.group = &v->vm->share,
		.switch_in = vcpu_switch_in,
	};
	struct thread *t;
	uint64_t flags;
	int err;

	err = thread_create(&p, &t);
	if (err)
		return err;
	flags = spin_lock_irqsave(&v->kick_lock);
	v->thread = t;
	spin_unlock_irqrestore(&v->kick_lock, flags);
	/* A request that came before the line above found no thread. */
	thread_unpark(t);
	return 0;
}

void vcpu_join(struct vcpu *v)
{
	struct thread *t;
	uint64_t flags;

	/* From here on nobody unparks a thread that may be gone. */
	flags = spin_lock_irqsave(&v->kick_lock);
	t = v->thread;
	v->thread = NULL;
	spin_unlock_irqrestore(&v->kick_lock, flags);
	if (!t)
		return;
	v->runtime_before += thread_runtime(t);
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
		       __atomic_load_n(&v->vm->pause_seq, __ATOMIC_SEQ_CST);
}

void vcpu_resume(struct vcpu *v)
{
	request_clear(v, VCPU_REQ_PAUSE);
	vcpu_request(v, VCPU_REQ_CLOCK);
}

uint64_t vcpu_runtime(struct vcpu *v)
{
	uint64_t ticks = v->runtime_before;
	uint64_t flags = spin_lock_irqsave(&v->kick_lock);

	if (v->thread)
		ticks += thread_runtime(v->thread);
	spin_unlock_irqrestore(&v->kick_lock, flags);
	return ticks;
}
