// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What follows a VM exit: who handles it, what becomes of RIP and the state
 * around it. Sources of the cases: SDM Vol. 3, "Basic VM-Exit Information",
 * "Instructions That Cause VM Exits", "Guest Non-Register State" and
 * "Information for VM Exits Due to Vectored Events".
 * Sources: vmx/exit.c vmx/exit_exception.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fake_vcpu.h"
#include "kernel/cpu/mce.h"
#include "vmx/exit_fast.h"

#define RIP	 0x1000u
#define INSN_LEN 3u
#define MMIO_LEN 7u
#define NONE	 FAKE_NOT_ENDED /* nor an exception */

struct vmx_controls vmx_controls;
static const struct config_vm cfg = { .name = "guest" };
static struct vm the_vm = { .cfg = &cfg };
static struct vcpu v;
static const char *handled_by;
static enum exit_action answer; /* of the handler */
static bool fast_answer;
static int injected;
static uint32_t injected_code;
static bool vectoring_saved;
static unsigned machine_checks;
static enum mce_verdict mce_verdict;

static bool settled;

/* ---- the handlers ---- */

#define HANDLER(name)                                                          \
	enum exit_action name(struct vcpu *vcpu)                               \
	{                                                                      \
		handled_by = #name;                                            \
		assert_true(irqs_enabled());                                   \
		assert_false(vcpu->pv_eoi_offered);                            \
		return answer;                                                 \
	}
HANDLER(exit_cr_access)
HANDLER(exit_xsetbv)
HANDLER(exit_rdmsr)
HANDLER(exit_wrmsr)
HANDLER(exit_io)
HANDLER(exit_ept_violation)
HANDLER(exit_ept_misconfig)
HANDLER(exit_hypercall)

#define FAST(name)                                                             \
	bool name(struct vcpu *vcpu)                                           \
	{                                                                      \
		(void)vcpu;                                                    \
		handled_by = #name;                                            \
		return fast_answer;                                            \
	}
FAST(fast_cpuid)
FAST(fast_hypercall)
FAST(fast_wrmsr)
FAST(fast_ept_violation)
FAST(fast_io)
FAST(fast_preemption_timer)

void pv_eoi_take_back(struct vcpu *vcpu)
{
	assert_true(irqs_enabled());
	vcpu->pv_eoi_offered = false;
	settled = true;
}

static bool stay_ended;

void stay_timer_end(void)
{
	assert_false(irqs_enabled());
	stay_ended = true;
}

enum mce_verdict mce_from_guest(void)
{
	/* No timer of the host comes before it. */
	assert_false(stay_ended);
	machine_checks++;
	return mce_verdict;
}

void inject_exception_code(struct vcpu *vcpu, unsigned vector, uint32_t code)
{
	(void)vcpu;
	injected = (int)vector;
	injected_code = code;
}

void inject_exception(struct vcpu *vcpu, unsigned vector)
{
	inject_exception_code(vcpu, vector, 0);
}

void inject_save_vectoring(struct vcpu *vcpu)
{
	vcpu->inject.info = vmcs_read32(VMCS_IDT_VECTORING_INFO);
	vectoring_saved = true;
}

/* ---- an exit ---- */

static void reset(void)
{
	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	v.insn_len = MMIO_LEN;
	handled_by = NULL;
	answer = EXIT_RESUME;
	fast_answer = vectoring_saved = settled = false;
	fake_end = FAKE_NOT_ENDED;
	injected = NONE;
	machine_checks = 0;
	mce_verdict = MCE_GO_ON;
	irq_disable();
	vmcs_write(VMCS_GUEST_RIP, RIP);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_EXIT_INSN_LEN, INSN_LEN);
	vmcs_write(VMCS_EXIT_INTR_INFO, 0);
	vmcs_write(VMCS_EXIT_QUAL, 0);
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
}

static enum exit_action dispatch(uint32_t reason)
{
	enum exit_action act;

	v.exit_reason = reason;
	irq_disable();
	stay_ended = false;
	act = exit_dispatch(&v);
	assert_true(stay_ended);
	assert_true(irqs_enabled());
	return act;
}

/* ---- each reason ---- */

static const struct {
	const char *name;
	uint32_t reason;
	int vector;	/* that is injected, or NONE */
	unsigned moves; /* RIP goes on by so much */
	int end;	/* of the VM, or NONE */
} reasons[] = {
	{ "an interrupt is the host's", REASON_EXT_INTR, NONE, 0, NONE },
	{ "triple fault", REASON_TRIPLE_FAULT, NONE, 0, VM_END_CRASH },
	{ "interrupt window", REASON_INTR_WINDOW, NONE, 0, NONE },
	{ "NMI window", REASON_NMI_WINDOW, NONE, 0, NONE },
	{ "the end of a stay", REASON_PREEMPTION_TIMER, NONE, 0, NONE },
	{ "a task switch is not emulated", REASON_TASK_SWITCH, NONE, 0,
	  VM_END_CRASH },
	{ "HLT", REASON_HLT, NONE, INSN_LEN, NONE },
	{ "INVD does nothing", REASON_INVD, NONE, INSN_LEN, NONE },
	{ "WBINVD does nothing", REASON_WBINVD, NONE, INSN_LEN, NONE },
	{ "no counters: RDPMC is #GP", REASON_RDPMC, 13, 0, NONE },
	{ "no SMX: GETSEC is #UD", REASON_GETSEC, 6, 0, NONE },
	{ "no VMX: VMXON is #UD", REASON_VMXON, 6, 0, NONE },
	{ "VMXOFF", REASON_VMXOFF, 6, 0, NONE },
	{ "VMCLEAR", REASON_VMCLEAR, 6, 0, NONE },
	{ "VMLAUNCH", REASON_VMLAUNCH, 6, 0, NONE },
	{ "VMRESUME", REASON_VMRESUME, 6, 0, NONE },
	{ "VMPTRLD", REASON_VMPTRLD, 6, 0, NONE },
	{ "VMPTRST", REASON_VMPTRST, 6, 0, NONE },
	{ "VMREAD", REASON_VMREAD, 6, 0, NONE },
	{ "VMWRITE", REASON_VMWRITE, 6, 0, NONE },
	{ "INVEPT", REASON_INVEPT, 6, 0, NONE },
	{ "INVVPID", REASON_INVVPID, 6, 0, NONE },
	{ "VMFUNC", REASON_VMFUNC, 6, 0, NONE },
	{ "MONITOR is not offered", REASON_MONITOR, 6, 0, NONE },
	{ "MWAIT is not offered", REASON_MWAIT, 6, 0, NONE },
	{ "entry with bad guest state",
	  REASON_BAD_GUEST_STATE | REASON_ENTRY_FAILURE, NONE, 0,
	  VM_END_CRASH },
	{ "entry with a bad MSR", REASON_BAD_MSR_LOAD | REASON_ENTRY_FAILURE,
	  NONE, 0, VM_END_CRASH },
	{ "a reason that nothing asked for", REASON_DR_ACCESS, NONE, 0,
	  VM_END_CRASH },
	{ "a reason in a gap", 35, NONE, 0, VM_END_CRASH },
	{ "a reason from the future", 200, NONE, 0, VM_END_CRASH },
	{ "the last value", 0xfffe, NONE, 0, VM_END_CRASH },
};

static void every_reason_has_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		enum exit_action act;

		reset();
		act = dispatch(reasons[i].reason);
		if (fake_end != reasons[i].end ||
		    injected != reasons[i].vector ||
		    vmcs_read(VMCS_GUEST_RIP) != RIP + reasons[i].moves ||
		    (act == EXIT_STOP_VM) != (reasons[i].end != NONE))
			fail_msg("%s: action %d, vector %d, end %d",
				 reasons[i].name, (int)act, injected, fake_end);
	}
}

static const struct {
	uint32_t reason;
	const char *handler;
} handled[] = {
	{ REASON_CR_ACCESS, "exit_cr_access" },
	{ REASON_XSETBV, "exit_xsetbv" },
	{ REASON_RDMSR, "exit_rdmsr" },
	{ REASON_WRMSR, "exit_wrmsr" },
	{ REASON_IO, "exit_io" },
	{ REASON_EPT_VIOLATION, "exit_ept_violation" },
	{ REASON_EPT_MISCONFIG, "exit_ept_misconfig" },
	{ REASON_VMCALL, "exit_hypercall" },
};

static void rip_moves_when_the_handler_says_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
		bool ept = handled[i].reason == REASON_EPT_VIOLATION;

		reset();
		assert_int_equal(dispatch(handled[i].reason), EXIT_RESUME);
		assert_string_equal(handled_by, handled[i].handler);
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
		assert_int_equal(v.exits[handled[i].reason], 1);
		assert_true(vectoring_saved);
		reset();
		answer = EXIT_SKIP_INSN;
		dispatch(handled[i].reason);
		/* The length is undefined after EPT violations. */
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP),
				 RIP + (ept ? MMIO_LEN : INSN_LEN));
		reset();
		answer = EXIT_STOP_VM;
		assert_int_equal(dispatch(handled[i].reason), EXIT_STOP_VM);
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
	}
}

/* The handlers above look: they find the APIC as the guest has left it. */
static void the_apic_is_settled_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
		reset();
		v.pv_eoi_offered = true;
		dispatch(handled[i].reason);
		assert_true(settled);
	}
	reset();
	v.pv_eoi_offered = true;
	dispatch(REASON_HANDLED);
	assert_true(settled);
}

/* A failed entry has delivered nothing, and its vectoring is undefined. */
static void a_failed_entry_has_no_vectoring(void **state)
{
	(void)state;
	reset();
	dispatch(REASON_BAD_GUEST_STATE | REASON_ENTRY_FAILURE);
	assert_false(vectoring_saved);
}

/*
 * SDM Vol. 3, "VM-Entry Failures During or After Loading Guest State": neither
 * does it make VMRESUME possible, nor is the event gone that was to go in.
 */
static void a_failed_entry_is_repeated_as_it_was(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_ENTRY_INTR_INFO,
		   INTR_VALID | INTR_TYPE_HW_EXC | INTR_ERROR_CODE | 14);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, 2);
	assert_int_equal(dispatch(REASON_MCE_ENTRY | REASON_ENTRY_FAILURE),
			 EXIT_RESUME);
	assert_int_equal(v.launched, 0);
	assert_int_equal(v.inject.info,
			 INTR_VALID | INTR_TYPE_HW_EXC | INTR_ERROR_CODE | 14);
	assert_int_equal(v.inject.error_code, 2);
	/* As long as nothing was to go in, nothing does. */
	reset();
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	dispatch(REASON_MCE_ENTRY | REASON_ENTRY_FAILURE);
	assert_int_equal(v.inject.info, 0);
	reset();
	dispatch(REASON_HLT);
	assert_int_equal(v.launched, 1);
	reset();
	dispatch(REASON_HANDLED);
	assert_int_equal(v.launched, 1);
}

static void the_fast_path_has_done_it_all(void **state)
{
	(void)state;
	reset();
	assert_int_equal(dispatch(REASON_HANDLED), EXIT_RESUME);
	assert_null(handled_by);
	assert_false(vectoring_saved);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
}

/* ---- what carrying out an instruction changes besides RIP ---- */

static void an_instruction_ends_sti_and_mov_ss(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		   BLOCKED_BY_STI | BLOCKED_BY_NMI);
	dispatch(REASON_HLT);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY),
			 BLOCKED_BY_NMI);
	assert_true(v.halted);
}

static void a_single_step_traps_after_it(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_TF | 2);
	dispatch(REASON_WBINVD);
	assert_int_equal(vmcs_read(VMCS_GUEST_PENDING_DEBUG), PENDING_DEBUG_BS);
	reset();
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_TF | 2);
	dispatch(REASON_RDPMC); /* faulted: not carried out */
	assert_int_equal(vmcs_read(VMCS_GUEST_PENDING_DEBUG), 0);
}

/* It is set where an EPT violation is emulated, for who runs it again. */
static void no_breakpoint_behind_it_is_missed(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_RF | 2);
	dispatch(REASON_WBINVD);
	assert_int_equal(vmcs_read(VMCS_GUEST_RFLAGS), 2);
	reset();
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_RF | RFLAGS_TF | 2);
	dispatch(REASON_WBINVD);
	assert_int_equal(vmcs_read(VMCS_GUEST_RFLAGS), RFLAGS_TF | 2);
	assert_int_equal(vmcs_read(VMCS_GUEST_PENDING_DEBUG), PENDING_DEBUG_BS);
	reset();
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_RF | 2);
	dispatch(REASON_EXT_INTR); /* not carried out: it is yet to run */
	assert_int_equal(vmcs_read(VMCS_GUEST_RFLAGS), RFLAGS_RF | 2);
}

static void windows_shut_when_they_have_opened(void **state)
{
	(void)state;
	reset();
	v.cpu_controls = CPU_INTR_WINDOW | CPU_NMI_WINDOW;
	dispatch(REASON_INTR_WINDOW);
	assert_int_equal(v.cpu_controls, CPU_NMI_WINDOW);
	dispatch(REASON_NMI_WINDOW);
	assert_int_equal(v.cpu_controls, 0);
}

/* ---- the fast path ---- */

static void only_some_reasons_are_tried_fast(void **state)
{
	static const struct {
		uint32_t reason;
		const char *by;
	} fast[] = {
		{ REASON_CPUID, "fast_cpuid" },
		{ REASON_VMCALL, "fast_hypercall" },
		{ REASON_WRMSR, "fast_wrmsr" },
		{ REASON_EPT_VIOLATION, "fast_ept_violation" },
		{ REASON_PREEMPTION_TIMER, "fast_preemption_timer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fast); i++) {
		reset();
		fast_answer = true;
		vmcs_write(VMCS_EXIT_REASON, fast[i].reason);
		assert_true(vmx_exit_fast(&v));
		assert_string_equal(handled_by, fast[i].by);
	}
	for (uint32_t reason = 0; reason < 0x200; reason++) {
		reset();
		fast_answer = false;
		vmcs_write(VMCS_EXIT_REASON, reason);
		assert_false(vmx_exit_fast(&v));
		assert_int_equal(v.exit_reason, reason);
	}
	reset();
	fast_answer = true;
	vmcs_write(VMCS_EXIT_REASON, REASON_CPUID | REASON_ENTRY_FAILURE);
	assert_false(vmx_exit_fast(&v));
}

/* ---- exceptions ---- */

#define EXC(vector) (INTR_VALID | INTR_TYPE_HW_EXC | (vector))

/* DR6 is the guest's to see, but the exit left it alone. */
static void debug_exceptions_arrive_with_dr6(void **state)
{
	(void)state;
	reset();
	fake_dr[6] = 0xffff0ff1; /* an old breakpoint 0 */
	vmcs_write(VMCS_GUEST_DR7, BIT(13) | 0x401);
	vmcs_write(VMCS_EXIT_INTR_INFO, EXC(1));
	vmcs_write(VMCS_EXIT_QUAL, BIT(14) | BIT(1));
	dispatch(REASON_EXCEPTION);
	assert_int_equal(injected, 1);
	assert_int_equal(fake_dr[6], 0xffff4ff2);
	/* GD is cleared on delivery, or the handler would fault at once. */
	assert_int_equal(vmcs_read(VMCS_GUEST_DR7), 0x401);
}

/*
 * An entry with TF and a shadow of STI or MOV SS needs a pending single step,
 * which an exit by #DB does not leave behind: any program in a guest can bring
 * that about (MOV SS; INT1). The exception ends the shadow anyhow.
 */
static void debug_exceptions_end_the_shadow(void **state)
{
	static const uint64_t shadows[] = { BLOCKED_BY_STI, BLOCKED_BY_MOV_SS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shadows); i++) {
		reset();
		vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_TF | 2);
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   shadows[i] | BLOCKED_BY_NMI);
		vmcs_write(VMCS_EXIT_INTR_INFO, EXC(1));
		dispatch(REASON_EXCEPTION);
		assert_int_equal(injected, 1);
		assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY),
				 BLOCKED_BY_NMI);
		assert_int_equal(vmcs_read(VMCS_GUEST_PENDING_DEBUG), 0);
		assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
	}
}

/* It is a trap, but the exit leaves RIP at the instruction: entry moves it. */
static void int1_traps_behind_itself(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_EXIT_INTR_INFO, INTR_VALID | INTR_TYPE_PRIV_SW_EXC | 1);
	vmcs_write(VMCS_EXIT_INSN_LEN, 1);
	dispatch(REASON_EXCEPTION);
	assert_int_equal(injected, 1);
	assert_int_equal(v.inject.info, INTR_VALID | INTR_TYPE_PRIV_SW_EXC | 1);
	assert_int_equal(v.inject.insn_len, 1);
}

static void alignment_checks_keep_their_code(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_EXIT_INTR_INFO, EXC(17) | INTR_ERROR_CODE);
	vmcs_write(VMCS_EXIT_ERROR_CODE, 0);
	dispatch(REASON_EXCEPTION);
	assert_int_equal(injected, 17);
	assert_int_equal(injected_code, 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), RIP);
}

/*
 * IRET unblocks NMIs; if it faults they must be blocked again. The bit that
 * says so is undefined for #DF and if the exit came during event delivery.
 */
static void a_faulting_iret_leaves_nmis_blocked(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_EXIT_INTR_INFO,
		   EXC(17) | INTR_ERROR_CODE | INTR_NMI_UNBLOCK);
	dispatch(REASON_EXCEPTION);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY),
			 BLOCKED_BY_NMI);
	reset();
	vmcs_write(VMCS_EXIT_INTR_INFO,
		   EXC(17) | INTR_ERROR_CODE | INTR_NMI_UNBLOCK);
	vmcs_write(VMCS_IDT_VECTORING_INFO, INTR_VALID | 0x40);
	dispatch(REASON_EXCEPTION);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), 0);
}

/* The host's, not the guest's; which can go on or not. */
static void machine_checks_are_the_hosts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		reset();
		mce_verdict = i ? MCE_GO_ON : MCE_END_GUEST;
		vmcs_write(VMCS_EXIT_INTR_INFO, EXC(18));
		assert_int_equal(dispatch(REASON_EXCEPTION),
				 i ? EXIT_RESUME : EXIT_STOP_VM);
		assert_int_equal(machine_checks, 1);
		assert_int_equal(injected, NONE);
		assert_int_equal(fake_end, i ? NONE : VM_END_CRASH);
	}
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		assert_string_not_equal(vmx_reason_name(handled[i].reason),
					"unknown");
	assert_string_equal(vmx_reason_name(35), "unknown");
	assert_string_equal(vmx_reason_name(~0u), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_an_answer),
		cmocka_unit_test(rip_moves_when_the_handler_says_so),
		cmocka_unit_test(the_apic_is_settled_first),
		cmocka_unit_test(a_failed_entry_has_no_vectoring),
		cmocka_unit_test(a_failed_entry_is_repeated_as_it_was),
		cmocka_unit_test(the_fast_path_has_done_it_all),
		cmocka_unit_test(an_instruction_ends_sti_and_mov_ss),
		cmocka_unit_test(a_single_step_traps_after_it),
		cmocka_unit_test(no_breakpoint_behind_it_is_missed),
		cmocka_unit_test(windows_shut_when_they_have_opened),
		cmocka_unit_test(only_some_reasons_are_tried_fast),
		cmocka_unit_test(debug_exceptions_arrive_with_dr6),
		cmocka_unit_test(debug_exceptions_end_the_shadow),
		cmocka_unit_test(int1_traps_behind_itself),
		cmocka_unit_test(alignment_checks_keep_their_code),
		cmocka_unit_test(a_faulting_iret_leaves_nmis_blocked),
		cmocka_unit_test(machine_checks_are_the_hosts),
		cmocka_unit_test(every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
