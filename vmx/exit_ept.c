/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT violations: commit of hollow memory on the fast path, everything
 * that may wait on the slow path, and MMIO.
 */
#include "kernel/lib/errno.h"
#include "kernel/sync/log.h"
#include "mm/gspace.h"
#include "vmx/decode.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"

static enum gspace_access access_of(uint64_t q)
{
	if (q & EPTQ_WRITE)
		return GA_WRITE;
	return (q & EPTQ_FETCH) ? GA_EXEC : GA_READ;
}

/* A write by an instruction, not by the walk of the guest's page tables. */
#define EPTQ_OWN_WRITE (EPTQ_WRITE | EPTQ_LINEAR_VALID | EPTQ_LINEAR)

bool fast_ept_violation(struct vcpu *v)
{
	uint64_t q = vmcs_read_here(VMCS_EXIT_QUAL);
	gpa_t at = gpa(vmcs_read_here(VMCS_GUEST_PHYSICAL));

	/* An interrupted event or IRET needs the bookkeeping of the slow path.
	 */
	if (unlikely((vmcs_read_here(VMCS_IDT_VECTORING_INFO) & INTR_VALID) ||
		     (q & EPTQ_NMI_UNBLOCK)))
		return false;
	if (unlikely(at.raw == LAPIC_EOI_DEFAULT &&
		     (q & EPTQ_OWN_WRITE) == EPTQ_OWN_WRITE))
		return fast_eoi(v, at);
	if (gspace_fault(v->gs, gfn_of(at), access_of(q), GF_ATOMIC))
		return false;
	return exit_fast_touched(v, REASON_EPT_VIOLATION);
}

union insn_bytes {
	uint8_t byte[INSN_MAX_NBYTES];
	uint64_t peeked[2];
};

/* The bytes at RIP, as many as are mapped; 0: none. */
static unsigned fetch_insn(struct vcpu *v, union insn_bytes *insn)
{
	uint64_t rip = vmcs_read(VMCS_GUEST_RIP);

	if (insn_peek(v, insn->peeked))
		return INSN_MAX_NBYTES;
	/* SDM, "Segmentation in IA-32e Mode": 64-bit code has no base. */
	if (!vcpu_runs_64bit_code())
		rip = (rip + vmcs_read(VMCS_GUEST_CS_BASE)) & 0xffffffffu;
	return guest_fetch_linear(v, (gva_t){ rip }, insn->byte,
				  INSN_MAX_NBYTES);
}

static enum insn_mode insn_mode(void)
{
	if (vcpu_runs_64bit_code())
		return INSN_MODE_64;
	return vmcs_read32(VMCS_GUEST_CS_AR) & AR_DB ? INSN_MODE_32
						     : INSN_MODE_16;
}

static enum exit_action mmio(struct vcpu *v, gpa_t at, bool write)
{
	union insn_bytes insn = { .peeked = { 0, 0 } };
	const uint8_t *b = insn.byte;
	struct mmio_access a = {
		.gpa = at,
		.is_write = write,
		.insn = b,
		.insn_nbytes = fetch_insn(v, &insn),
		.mode = insn_mode(),
		.rflags = vmcs_read(VMCS_GUEST_RFLAGS),
	};

	if (mmio_emulate(v, &a)) {
		vcpu_crash(v,
			   "MMIO at %#lx: instruction %02x %02x %02x %02x "
			   "%02x %02x (%u bytes) is not emulated",
			   at.raw, b[0], b[1], b[2], b[3], b[4], b[5],
			   a.insn_nbytes);
		return EXIT_STOP_VM;
	}
	/* Not RF: a fault of the other operand may have set it meanwhile. */
	vmcs_write(VMCS_GUEST_RFLAGS,
		   (a.rflags & ~RFLAGS_RF) |
			   (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_RF));
	if (!a.done) /* REP: more iterations after re-entry */
		return EXIT_RESUME;
	v->insn_len = a.length;
	return EXIT_SKIP_INSN;
}

static enum exit_action wait_memory(struct vcpu *v)
{
	gspace_wait_memory(v->gs, vcpu_is_called, v);
	return EXIT_RESUME;
}

/*
 * Where no memory is. Only an instruction's own access can be carried out for
 * it: not the processor's, to deliver an event or to walk the guest's tables.
 */
static enum exit_action no_memory(struct vcpu *v, gpa_t at, uint64_t q)
{
	const char *who = NULL;

	if (v->inject.info & INTR_VALID)
		who = "event delivery";
	else if ((q & EPTQ_LINEAR_VALID) && !(q & EPTQ_LINEAR))
		who = "page walk";
	else if (q & EPTQ_FETCH)
		who = "instruction fetch";
	if (!who)
		return mmio(v, at, (q & EPTQ_WRITE) != 0);
	vcpu_crash(v, "%s at %#lx, where no memory is", who, at.raw);
	return EXIT_STOP_VM;
}

enum exit_action exit_ept_violation(struct vcpu *v)
{
	uint64_t q = vmcs_read(VMCS_EXIT_QUAL);
	gpa_t at = gpa(vmcs_read(VMCS_GUEST_PHYSICAL));

	if ((q & EPTQ_NMI_UNBLOCK) && !(v->inject.info & INTR_VALID))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) |
				   BLOCKED_BY_NMI);
	switch (gspace_fault(v->gs, gfn_of(at), access_of(q), 0)) {
	case 0: return EXIT_RESUME;
	case -ENOMEM: return wait_memory(v);
	case -ENOENT:
	case -EACCES: return no_memory(v, at, q);
	default:
		vcpu_crash(v, "memory limit reached at %#lx (mem.max)", at.raw);
		return EXIT_STOP_VM;
	}
}

enum exit_action exit_ept_misconfig(struct vcpu *v)
{
	/* Only our own tables can be wrong: an error of ours, not a guest's. */
	vcpu_crash(v, "EPT misconfiguration at %#lx",
		   vmcs_read(VMCS_GUEST_PHYSICAL));
	return EXIT_STOP_VM;
}
