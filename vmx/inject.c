/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events for the guest: exceptions, NMIs, interrupts; what an exit
 * interrupted is delivered again.
 *
 * Invariant: v->inject holds at most one event, and it goes in at the next
 * entry before anything else. Source: SDM Vol. 3, "Event Injection",
 * "Information for VM Exits That Occur During Event Delivery", and the table of
 * double-fault conditions in "Interrupt 8 - Double Fault Exception".
 */
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define VEC_DB	1u
#define VEC_NMI 2u
#define VEC_DF	8u
#define VEC_PF	14u

static bool has_error_code(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* Contributory exceptions, and #PF as a class of its own. */
static bool is_contributory(unsigned vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

static bool makes_double_fault(unsigned first, unsigned second)
{
	if (is_contributory(first))
		return is_contributory(second);
	if (first == VEC_PF)
		return is_contributory(second) || second == VEC_PF;
	return false;
}

/* Shutdown, in place of a third exception. */
static bool makes_triple_fault(unsigned first, unsigned second)
{
	return first == VEC_DF && (is_contributory(second) || second == VEC_PF);
}

/*
 * An exception takes the place of an event that was being delivered. Unlike an
 * instruction that runs again, an interrupt or NMI would not come again.
 */
static void put_off(struct vcpu *v, uint32_t info)
{
	if ((info & INTR_TYPE_MASK) == INTR_TYPE_EXT)
		v->irq_put_off = info;
	else if ((info & INTR_TYPE_MASK) == INTR_TYPE_NMI)
		v->nmi_pending++;
}

void inject_exception_code(struct vcpu *v, unsigned vector, uint32_t code)
{
	uint32_t was = v->inject.info;
	unsigned first = was & INTR_VECTOR_MASK;

	if (was & INTR_VALID && (was & INTR_TYPE_MASK) == INTR_TYPE_HW_EXC) {
		if (makes_triple_fault(first, vector)) {
			vm_request_end(v->vm, VM_END_CRASH, "triple fault");
			return;
		}
		if (makes_double_fault(first, vector)) {
			vector = VEC_DF;
			code = 0;
		}
	} else if (was & INTR_VALID) {
		put_off(v, was);
	}
	/*
	 * Faults push RF set, so that a handler's IRET does not hit the same
	 * instruction breakpoint again; #DB may be a trap, #DF is an abort.
	 */
	if (vector != VEC_DB && vector != VEC_DF)
		vmcs_write(VMCS_GUEST_RFLAGS,
			   vmcs_read(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
	v->inject.info = vector | INTR_TYPE_HW_EXC | INTR_VALID;
	/* No error codes in real mode (SDM, "Event Injection"). */
	if (has_error_code(vector) && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE))
		v->inject.info |= INTR_ERROR_CODE;
	v->inject.error_code = code;
	v->injected_exceptions++;
}

void inject_exception(struct vcpu *v, unsigned vector)
{
	inject_exception_code(v, vector, 0);
}

void inject_save_vectoring(struct vcpu *v)
{
	uint32_t info = vmcs_read32(VMCS_IDT_VECTORING_INFO);
	uint32_t type = info & INTR_TYPE_MASK;

	if (!(info & INTR_VALID))
		return;
	v->inject.info = info & (INTR_VALID | INTR_TYPE_MASK |
				 INTR_VECTOR_MASK | INTR_ERROR_CODE);
	if (info & INTR_ERROR_CODE)
		v->inject.error_code = vmcs_read32(VMCS_IDT_VECTORING_ERROR);
	if (type == INTR_TYPE_SW_INT || type == INTR_TYPE_SW_EXC ||
	    type == INTR_TYPE_PRIV_SW_EXC)
		v->inject.insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
	/*
	 * An NMI that has to be delivered again must find NMIs unblocked,
	 * or the entry would fail.
	 */
	if (type == INTR_TYPE_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
				   ~(uint64_t)BLOCKED_BY_NMI);
}

static void enter_with(struct vcpu *v)
{
	vmcs_write(VMCS_ENTRY_INTR_INFO, v->inject.info);
	if (v->inject.info & INTR_ERROR_CODE)
		vmcs_write(VMCS_ENTRY_ERROR_CODE, v->inject.error_code);
	switch (v->inject.info & INTR_TYPE_MASK) {
	case INTR_TYPE_SW_INT:
	case INTR_TYPE_SW_EXC:
	case INTR_TYPE_PRIV_SW_EXC:
		vmcs_write(VMCS_ENTRY_INSN_LEN, v->inject.insn_len);
		break;
	}
	v->inject.info = 0;
}

/*
 * The trap of an instruction that is over goes before interrupts and NMIs
 * (SDM, "Priority Among Concurrent Events"), and an entry that injects one of
 * those drops it ("Delivery of Pending Debug Exceptions after VM Entry").
 */
static bool trap_pending(void)
{
	return vmcs_read(VMCS_GUEST_PENDING_DEBUG) &
	       (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BP);
}

static bool irq_open(uint32_t blocked)
{
	return (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) &&
	       !(blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) &&
	       !trap_pending();
}

/* True if the slot for this entry is still free. */
static bool try_nmi(struct vcpu *v, uint32_t blocked)
{
	uint32_t limit = blocked & BLOCKED_BY_NMI ? 1 : 2;

	/* While one is handled one may wait; more are lost, as on hardware. */
	v->nmi_pending = min(v->nmi_pending, limit);
	if (!v->nmi_pending)
		return true;
	if (blocked & (BLOCKED_BY_NMI | BLOCKED_BY_MOV_SS | BLOCKED_BY_STI) ||
	    trap_pending()) {
		vcpu_set_controls(v, CPU_NMI_WINDOW, 0);
		return true;
	}
	v->nmi_pending--;
	if (v->nmi_pending)
		vcpu_set_controls(v, CPU_NMI_WINDOW, 0);
	v->inject.info = VEC_NMI | INTR_TYPE_NMI | INTR_VALID;
	enter_with(v);
	return false;
}

/* The next interrupt for the guest, or -1. */
static int next_vector(const struct vcpu *v)
{
	if (unlikely(v->irq_put_off))
		return (int)(v->irq_put_off & INTR_VECTOR_MASK);
	return lapic_pending_vector(v->lapic);
}

static void accept_vector(struct vcpu *v, int vector)
{
	/* One that was put off has been accepted already. */
	if (unlikely(v->irq_put_off)) {
		v->irq_put_off = 0;
		return;
	}
	lapic_accept(v->lapic, vector);
	pv_eoi_offer(v, vector);
}

static void try_irq(struct vcpu *v, bool slot_free, uint32_t blocked)
{
	int vector = next_vector(v);

	if (vector < 0) {
		vcpu_set_controls(v, 0, CPU_INTR_WINDOW);
		return;
	}
	if (!slot_free || !irq_open(blocked)) {
		vcpu_set_controls(v, CPU_INTR_WINDOW, 0);
		return;
	}
	accept_vector(v, vector);
	v->inject.info = (uint32_t)vector | INTR_TYPE_EXT | INTR_VALID;
	v->injected_irqs++;
	enter_with(v);
	/* Another one may wait behind it. */
	if (lapic_pending_vector(v->lapic) >= 0)
		vcpu_set_controls(v, CPU_INTR_WINDOW, 0);
	else
		vcpu_set_controls(v, 0, CPU_INTR_WINDOW);
}

void inject_prepare_entry(struct vcpu *v)
{
	uint32_t blocked = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
	bool slot_free = true;

	if (v->inject.info & INTR_VALID) {
		enter_with(v);
		slot_free = false;
		if (v->nmi_pending)
			vcpu_set_controls(v, CPU_NMI_WINDOW, 0);
	} else {
		slot_free = try_nmi(v, blocked);
	}
	try_irq(v, slot_free, blocked);
}

bool inject_wakes_halt(struct vcpu *v)
{
	if (v->inject.info & INTR_VALID)
		return true;
	if (v->nmi_pending &&
	    !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED_BY_NMI))
		return true;
	if (next_vector(v) >= 0 && (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		return true;
	/* A debug exception ends HLT too, that of HLT's own step for one. */
	return trap_pending();
}
