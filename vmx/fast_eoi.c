// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * End of interrupt by a write to the local APIC's page, on the exit fast path:
 * what a guest in xAPIC mode does once for each interrupt.
 *
 * The value written doesn't matter, so all that is needed of the instruction is
 * its length, which an EPT violation doesn't report. It was just fetched by the
 * processor: rights need no second look, and the slow path deals with whatever
 * is not a plain MOV in 64-bit code.
 */
#include "vmx/decode.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

#define PTE_PRESENT BIT(0)
#define PTE_LARGE   BIT(7)
#define PTE_ADDR    0x000ffffffffff000ull
#define PTE_BITS    9u
#define LEVELS	    4u

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
		if (level > 1 && (e & PTE_LARGE))
			break;
	}
	*out = gpa((e & PTE_ADDR & ~offset_mask) | (lin & offset_mask));
	return true;
}

/* The 16 bytes at RIP, if they lie in one page of 64-bit code. */
static bool peek_insn(struct vcpu *v, uint64_t *insn)
{
	uint64_t rip = vmcs_read_here(VMCS_GUEST_RIP);
	gpa_t at;
	bool ok;

	if (!(vmcs_read_here(VMCS_GUEST_CS_AR) & AR_LONG) ||
	    (vmcs_read_here(VMCS_GUEST_CR4) & CR4_LA57) ||
	    (rip & PAGE_MASK) > PAGE_SIZE - 2 * sizeof(*insn) ||
	    !guest_quick_begin(v->gs))
		return false;
	ok = translate(v->gs, rip, &at) && guest_quick_read128(v->gs, at, insn);
	guest_quick_end(v->gs);
	return ok;
}

bool fast_eoi(struct vcpu *v, gpa_t at)
{
	uint64_t insn[2];
	unsigned nbytes;

	if (v->pv_eoi_offered || !peek_insn(v, insn))
		return false;
	nbytes = insn_mov_store32_nbytes((const uint8_t *)insn);
	if (!nbytes || !lapic_eoi_by_memory(v->lapic, at))
		return false;
	exit_skip_insn(nbytes);
	return exit_fast_touched(v, REASON_EPT_VIOLATION);
}
