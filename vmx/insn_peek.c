// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The instruction that has just made an exit without a word about its length,
 * looked at where it lies. The processor has fetched it: rights need no second
 * look, nor do accessed flags, and what a guest changes meanwhile is read as it
 * is now, as a processor might. Nothing is kept for the next exit.
 *
 * Only 64-bit code with four levels of page tables, all of it in memory that
 * has frames; guest_fetch_linear() does the rest.
 */
#include "kernel/lib/pte_format.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

#define PTE_BITS 9u
#define LEVELS	 4u

/* Guest-linear to guest-physical with four levels. guest_quick_begin() was. */
static ALWAYS_INLINE bool translate(struct gspace *gs, uint64_t lin, gpa_t *out)
{
	uint64_t e = vmcs_read_here(VMCS_GUEST_CR3), offset_mask = 0;

#pragma GCC unroll 4
	for (unsigned level = LEVELS; level; level--) {
		unsigned shift = PAGE_SHIFT + (level - 1) * PTE_BITS;
		uint64_t slot = lin >> shift & (BIT(PTE_BITS) - 1);

		if (!guest_quick_read64(
			    gs, gpa((e & PTE_ADDR) + slot * sizeof(e)), &e) ||
		    !(e & PTE_PRESENT))
			return false;
		offset_mask = BIT(shift) - 1;
		/* At the top it is reserved, in a small page's entry PAT. */
		if (level > 1 && level < LEVELS && (e & PTE_LARGE))
			break;
	}
	*out = gpa((e & PTE_ADDR & ~offset_mask) | (lin & offset_mask));
	return true;
}

bool insn_peek(struct vcpu *v, uint64_t insn[2])
{
	uint64_t rip = vmcs_read_here(VMCS_GUEST_RIP);
	gpa_t at;
	bool ok;

	/* Outside IA-32e mode nobody checks CS.L. */
	if (!(vmcs_read_here(VMCS_GUEST_CS_AR) & AR_LONG) ||
	    !(vmcs_read_here(VMCS_GUEST_EFER) & EFER_LMA) ||
	    (vmcs_read_here(VMCS_GUEST_CR4) & CR4_LA57) ||
	    (rip & PAGE_MASK) > PAGE_SIZE - 2 * sizeof(*insn) ||
	    !guest_quick_begin(v->gs))
		return false;
	ok = translate(v->gs, rip, &at) && guest_quick_read128(v->gs, at, insn);
	guest_quick_end(v->gs);
	return ok;
}
