/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which vCPU's state is in which processor: the VMCS that is current, and the
 * registers that entry and exit do not switch (vmx/vcpu_state.c).
 *
 * Invariant: while a vCPU's thread runs on a CPU, its state is in that CPU,
 * from the first line of the thread to the last, wherever it blocked and on
 * whichever CPU it woke. The scheduler's switch_in hook sees to it. So nobody
 * who handles an exit has to care, and vmcs_read() and vmcs_write() check it.
 *
 * The state stays behind when the thread leaves the CPU: threads of other
 * kinds don't disturb it, and most often the vCPU comes back to it. It moves
 * to memory when another vCPU needs the place, or when the vCPU has gone to
 * another CPU, which then asks for it.
 *
 *   loaded[cpu] == v  <=>  v->loaded_on == cpu  <=>  v's VMCS is current there
 *
 * Only `cpu` itself changes either, with interrupts off.
 */
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/sync/percpu.h"
#include "vmx/ept.h"
#include "vmx/msr_index.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

static struct vcpu *loaded[MAX_CPUS]; /* [own CPU, interrupts off] */
/* Whose vCPU was loaded last; VMs are never freed. [likewise] */
static const struct vm *last_vm[MAX_CPUS];

void vmcs_not_ours(void)
{
	panic("thread %s uses a VMCS that is not its own",
	      thread_name(thread_self()));
}

static void put_away(struct vcpu *v)
{
	vcpu_lazy_save(v);
	/* Also writes what the processor keeps of it to memory. */
	vmcs_clear(hpa_of(v->vmcs));
	v->launched = 0;
	loaded[cpu_id()] = NULL;
	this_cpu()->vmcs_thread = NULL;
	/* After this another CPU may load it. */
	__atomic_store_n(&v->loaded_on, VCPU_NO_CPU, __ATOMIC_RELEASE);
}

/* Interrupt context; v's thread runs on the CPU that asks. */
static void put_away_for_another(void *arg)
{
	struct vcpu *v = arg;

	/* It may have made place meanwhile. */
	if (loaded[cpu_id()] == v)
		put_away(v);
}

/*
 * Gets v's state out of the CPU that it left. With interrupts on, since two
 * CPUs may want something of each other; the thread does not move meanwhile.
 */
static void fetch(struct vcpu *v)
{
	uint32_t on = __atomic_load_n(&v->loaded_on, __ATOMIC_ACQUIRE);

	if (on == VCPU_NO_CPU)
		return;
	irq_enable();
	smp_call(BIT(on), put_away_for_another, v);
	irq_disable();
	BUG_ON(__atomic_load_n(&v->loaded_on, __ATOMIC_ACQUIRE) != VCPU_NO_CPU);
}

/*
 * What one VM has taught this CPU's branch predictors must not steer the next
 * one (Intel, "Speculative Execution Side Channel Mitigations", on IBPB).
 */
static void part_from_last_vm(uint32_t cpu, const struct vm *vm)
{
	if (likely(last_vm[cpu] == vm))
		return;
	last_vm[cpu] = vm;
	if (vmx_controls.ibpb)
		wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}

void vcpu_switch_in(void *arg)
{
	struct vcpu *v = arg;
	uint32_t cpu = cpu_id();

	if (likely(loaded[cpu] == v))
		return;
	fetch(v);
	if (loaded[cpu])
		put_away(loaded[cpu]);
	part_from_last_vm(cpu, v->vm);
	vmcs_load(hpa_of(v->vmcs));
	loaded[cpu] = v;
	this_cpu()->vmcs_thread = this_cpu()->current;
	__atomic_store_n(&v->loaded_on, cpu, __ATOMIC_RELAXED);
	if (v->host_cpu != cpu) {
		v->host_cpu = cpu;
		vmcs_setup_host_cpu();
		/* This CPU may hold translations from an earlier visit. */
		vmx_invept(INVEPT_SINGLE, v->vm->s2->eptp);
		vmx_invvpid(INVVPID_SINGLE, v->vpid);
	}
	vcpu_lazy_restore(v);
}

void vcpu_leave_cpu(struct vcpu *v)
{
	irq_disable();
	BUG_ON(loaded[cpu_id()] != v);
	put_away(v);
	irq_enable();
}
