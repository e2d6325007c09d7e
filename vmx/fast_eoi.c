// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * End of interrupt by a write to the local APIC's page, on the exit fast path:
 * what a guest in xAPIC mode does once for each interrupt.
 *
 * The value written doesn't matter, so all that is needed of the instruction is
 * its length, which an EPT violation doesn't report. The slow path deals with
 * whatever is not a plain MOV in 64-bit code.
 */
#include "vmx/decode.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

bool fast_eoi(struct vcpu *v, gpa_t at)
{
	uint64_t insn[2];
	unsigned nbytes;

	if (v->pv_eoi_offered || !insn_peek(v, insn))
		return false;
	nbytes = insn_mov_store32_nbytes((const uint8_t *)insn);
	if (!nbytes || !lapic_eoi_by_memory(v->lapic, at))
		return false;
	exit_skip_insn(nbytes);
	return exit_fast_touched(v, REASON_EPT_VIOLATION);
}
