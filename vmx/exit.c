/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens after a VM exit. Two const tables indexed by the basic exit
 * reason: fast handlers run with interrupts off and the guest's registers
 * just saved, and mostly go straight back; the others run on the slow path,
 * as ordinary thread code.
 *
 * RIP is advanced in one place: exit_skip_insn().
 */
#include "kernel/cpu/mce.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/log.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

static const fast_handler fast_handlers[] = {
	[REASON_CPUID] = fast_cpuid,
	[REASON_VMCALL] = fast_hypercall,
	[REASON_IO] = fast_io,
	[REASON_WRMSR] = fast_wrmsr,
	[REASON_EPT_VIOLATION] = fast_ept_violation,
	[REASON_PREEMPTION_TIMER] = fast_preemption_timer,
};

/* The handler is a tail call: no frame, nothing to come back to. */
bool vmx_exit_fast(struct vcpu *v)
{
	uint64_t reason = vmcs_read_exit_reason();

	v->exit_reason = (uint32_t)reason;
	if (reason >= ARRAY_SIZE(fast_handlers) || !fast_handlers[reason])
		return false;
	return fast_handlers[reason](v);
}

static enum exit_action exit_ext_intr(struct vcpu *v)
{
	(void)v;
	/* The interrupt stayed pending; opening the door let it in. */
	return EXIT_RESUME;
}

static enum exit_action exit_triple_fault(struct vcpu *v)
{
	vcpu_dump(v);
	vm_request_end(v->vm, VM_END_CRASH, "triple fault");
	return EXIT_STOP_VM;
}

static enum exit_action exit_intr_window(struct vcpu *v)
{
	vcpu_set_controls(v, 0, CPU_INTR_WINDOW);
	return EXIT_RESUME;
}

/* The end of the stay has run the host's timers: vmx/stay_timer.h. */
static enum exit_action exit_preemption_timer(struct vcpu *v)
{
	(void)v;
	return EXIT_RESUME;
}

static enum exit_action exit_nmi_window(struct vcpu *v)
{
	vcpu_set_controls(v, 0, CPU_NMI_WINDOW);
	return EXIT_RESUME;
}

static enum exit_action exit_hlt(struct vcpu *v)
{
	v->halts++;
	v->halted = true;
	return EXIT_SKIP_INSN;
}

static enum exit_action exit_ud(struct vcpu *v)
{
	inject_ud(v);
	return EXIT_RESUME;
}

static enum exit_action exit_rdpmc(struct vcpu *v)
{
	inject_gp(v); /* no performance counters are offered */
	return EXIT_RESUME;
}

static enum exit_action exit_nothing_to_do(struct vcpu *v)
{
	(void)v;
	/* INVD, WBINVD: the guest's memory is coherent; writing back is free.
	 */
	return EXIT_SKIP_INSN;
}

static enum exit_action exit_task_switch(struct vcpu *v)
{
	vcpu_crash(v, "task switch through a TSS: not supported");
	return EXIT_STOP_VM;
}

static enum exit_action exit_bad_state(struct vcpu *v)
{
	vcpu_crash(v, "VM entry with invalid guest state, qualification %#lx",
		   vmcs_read(VMCS_EXIT_QUAL));
	return EXIT_STOP_VM;
}

/*
 * A machine check came before the entry, and the guest can still go on. What
 * was to go in is still in the VMCS, where the next entry puts its own.
 */
static enum exit_action exit_mce_entry(struct vcpu *v)
{
	v->inject = (struct pending_event){
		.info = vmcs_read32(VMCS_ENTRY_INTR_INFO),
		.error_code = vmcs_read32(VMCS_ENTRY_ERROR_CODE),
		.insn_len = vmcs_read32(VMCS_ENTRY_INSN_LEN),
	};
	return EXIT_RESUME;
}

static const exit_handler handlers[VMX_NR_REASONS] = {
	[REASON_EXCEPTION] = exit_exception,
	[REASON_EXT_INTR] = exit_ext_intr,
	[REASON_TRIPLE_FAULT] = exit_triple_fault,
	[REASON_INTR_WINDOW] = exit_intr_window,
	[REASON_NMI_WINDOW] = exit_nmi_window,
	[REASON_TASK_SWITCH] = exit_task_switch,
	[REASON_GETSEC] = exit_ud,
	[REASON_HLT] = exit_hlt,
	[REASON_INVD] = exit_nothing_to_do,
	[REASON_RDPMC] = exit_rdpmc,
	[REASON_VMCALL] = exit_hypercall,
	[REASON_VMCLEAR] = exit_ud,
	[REASON_VMLAUNCH] = exit_ud,
	[REASON_VMPTRLD] = exit_ud,
	[REASON_VMPTRST] = exit_ud,
	[REASON_VMREAD] = exit_ud,
	[REASON_VMRESUME] = exit_ud,
	[REASON_VMWRITE] = exit_ud,
	[REASON_VMXOFF] = exit_ud,
	[REASON_VMXON] = exit_ud,
	[REASON_CR_ACCESS] = exit_cr_access,
	[REASON_IO] = exit_io,
	[REASON_RDMSR] = exit_rdmsr,
	[REASON_WRMSR] = exit_wrmsr,
	[REASON_BAD_GUEST_STATE] = exit_bad_state,
	[REASON_BAD_MSR_LOAD] = exit_bad_state,
	[REASON_MWAIT] = exit_ud,
	[REASON_MONITOR] = exit_ud,
	[REASON_MCE_ENTRY] = exit_mce_entry,
	[REASON_EPT_VIOLATION] = exit_ept_violation,
	[REASON_EPT_MISCONFIG] = exit_ept_misconfig,
	[REASON_INVEPT] = exit_ud,
	[REASON_PREEMPTION_TIMER] = exit_preemption_timer,
	[REASON_INVVPID] = exit_ud,
	[REASON_WBINVD] = exit_nothing_to_do,
	[REASON_XSETBV] = exit_xsetbv,
	[REASON_VMFUNC] = exit_ud,
};

static enum exit_action exit_unknown(struct vcpu *v, uint32_t reason)
{
	vcpu_crash(v, "unknown exit reason %u (%s)", reason,
		   vmx_reason_name(reason));
	return EXIT_STOP_VM;
}

/*
 * NMI and #MC are the host's: they must be served before interrupts are on.
 * False: the guest has used memory that is faulty and can't go on.
 */
static bool host_events(uint32_t reason)
{
	uint32_t info;

	if (reason == REASON_MCE_ENTRY)
		return mce_from_guest() == MCE_GO_ON;
	if (reason != REASON_EXCEPTION)
		return true;
	info = vmcs_read32(VMCS_EXIT_INTR_INFO);
	if ((info & INTR_TYPE_MASK) == INTR_TYPE_NMI)
		__asm__ volatile("int $2");
	else if ((info & INTR_VECTOR_MASK) == 18)
		return mce_from_guest() == MCE_GO_ON;
	return true;
}

static enum exit_action exit_machine_check(struct vcpu *v)
{
	vcpu_crash(v, "machine check: it used faulty memory, or lost its "
		      "state");
	return EXIT_STOP_VM;
}

uint32_t (*vmx_exit_probe)(struct vcpu *v, uint32_t reason);

enum exit_action exit_dispatch(struct vcpu *v)
{
	enum exit_action act;
	uint32_t reason;
	bool sound;

	if (unlikely(READ_ONCE(vmx_exit_probe)))
		v->exit_reason = vmx_exit_probe(v, v->exit_reason);
	reason = v->exit_reason;
	if (reason == REASON_HANDLED) {
		v->launched = 1;
		stay_timer_end();
		irq_enable();
		pv_eoi_settle(v);
		return EXIT_RESUME;
	}
	if (unlikely(reason & REASON_ENTRY_FAILURE)) {
		reason &= 0xffff; /* exits 33, 34, 41 */
	} else {
		v->launched = 1;
		inject_save_vectoring(v);
	}
	sound = host_events(reason);
	/*
	 * Only now: a timer's function may wait for a lock, and the NMI may say
	 * that this CPU has to stop because its holder has.
	 */
	stay_timer_end();
	irq_enable();
	pv_eoi_settle(v);
	if (unlikely(!sound))
		return exit_machine_check(v);
	if (reason >= VMX_NR_REASONS || !handlers[reason])
		return exit_unknown(v, reason);
	v->exits[reason]++;
	act = handlers[reason](v);
	vmcs_check_owner();
	/* An EPT violation has no length; its emulator counted (SDM). */
	if (act == EXIT_SKIP_INSN)
		exit_skip_insn(reason == REASON_EPT_VIOLATION
				       ? v->insn_len
				       : vmcs_read(VMCS_EXIT_INSN_LEN));
	return act;
}

static const char *const reason_names[VMX_NR_REASONS] = {
	[REASON_EXCEPTION] = "exception",
	[REASON_EXT_INTR] = "interrupt",
	[REASON_TRIPLE_FAULT] = "triple_fault",
	[REASON_INIT] = "init",
	[REASON_SIPI] = "sipi",
	[REASON_INTR_WINDOW] = "interrupt_window",
	[REASON_NMI_WINDOW] = "nmi_window",
	[REASON_TASK_SWITCH] = "task_switch",
	[REASON_CPUID] = "cpuid",
	[REASON_GETSEC] = "getsec",
	[REASON_HLT] = "hlt",
	[REASON_INVD] = "invd",
	[REASON_INVLPG] = "invlpg",
	[REASON_RDPMC] = "rdpmc",
	[REASON_RDTSC] = "rdtsc",
	[REASON_RSM] = "rsm",
	[REASON_VMCALL] = "vmcall",
	[REASON_VMCLEAR] = "vmclear",
	[REASON_VMLAUNCH] = "vmlaunch",
	[REASON_VMPTRLD] = "vmptrld",
	[REASON_VMPTRST] = "vmptrst",
	[REASON_VMREAD] = "vmread",
	[REASON_VMRESUME] = "vmresume",
	[REASON_VMWRITE] = "vmwrite",
	[REASON_VMXOFF] = "vmxoff",
	[REASON_VMXON] = "vmxon",
	[REASON_CR_ACCESS] = "cr_access",
	[REASON_DR_ACCESS] = "dr_access",
	[REASON_IO] = "io",
	[REASON_RDMSR] = "rdmsr",
	[REASON_WRMSR] = "wrmsr",
	[REASON_BAD_GUEST_STATE] = "bad_guest_state",
	[REASON_BAD_MSR_LOAD] = "bad_msr_load",
	[REASON_MWAIT] = "mwait",
	[REASON_MONITOR] = "monitor",
	[REASON_PAUSE] = "pause",
	[REASON_MCE_ENTRY] = "machine_check_entry",
	[REASON_GDTR_IDTR] = "gdtr_idtr",
	[REASON_LDTR_TR] = "ldtr_tr",
	[REASON_EPT_VIOLATION] = "ept_violation",
	[REASON_EPT_MISCONFIG] = "ept_misconfig",
	[REASON_INVEPT] = "invept",
	[REASON_RDTSCP] = "rdtscp",
	[REASON_PREEMPTION_TIMER] = "preemption_timer",
	[REASON_INVVPID] = "invvpid",
	[REASON_WBINVD] = "wbinvd",
	[REASON_XSETBV] = "xsetbv",
	[REASON_RDRAND] = "rdrand",
	[REASON_INVPCID] = "invpcid",
	[REASON_VMFUNC] = "vmfunc",
	[REASON_RDSEED] = "rdseed",
	[REASON_XSAVES] = "xsaves",
	[REASON_XRSTORS] = "xrstors",
	[REASON_UMWAIT] = "umwait",
	[REASON_TPAUSE] = "tpause",
};

const char *vmx_reason_name(uint32_t basic_reason)
{
	if (basic_reason >= VMX_NR_REASONS || !reason_names[basic_reason])
		return "unknown";
	return reason_names[basic_reason];
}
