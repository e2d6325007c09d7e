/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit fast path: handlers that run right after an exit with interrupts
 * off, mode IN_GUEST, on the stack of vmx_enter(), and return whether the
 * guest may go straight on.
 *
 * A handler that can't finish returns false with the guest's state untouched;
 * the slow path then starts the exit over. One that has finished ends in
 * exit_fast_done(), exit_fast_touched() or exit_fast_skip(). Handlers count
 * here and must stay small: a hypercall's round trip is 100 instructions.
 */
#ifndef VMX_EXIT_FAST_H
#define VMX_EXIT_FAST_H

#include "kernel/sync/wait.h"
#include "vmx/stay_timer.h"
#include "vmx/vcpu_priv.h"

/* In place of an exit reason: the fast path has dealt with this exit. */
#define REASON_HANDLED 0xffffu

/*
 * A single-stepped instruction ends in #DB even if we carried it out. And each
 * ends with RF clear, which an exit by an EPT violation saves as set, for who
 * runs it again (SDM, "Saving RIP, RSP, RFLAGS, and SSP").
 */
static inline void exit_end_insn(uint64_t rflags)
{
	vmcs_write(VMCS_GUEST_RFLAGS, rflags & ~(uint64_t)RFLAGS_RF);
	if (rflags & RFLAGS_TF)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
			   vmcs_read(VMCS_GUEST_PENDING_DEBUG) |
				   PENDING_DEBUG_BS);
}

/*
 * Behind the instruction of nbytes that has been carried out. The slow path has
 * checked whose VMCS this is.
 */
static ALWAYS_INLINE void exit_skip_insn(uint64_t nbytes)
{
	uint64_t blocked = vmcs_read_here(VMCS_GUEST_INTERRUPTIBILITY);
	uint64_t rflags;

	vmcs_write_here(VMCS_GUEST_RIP,
			vmcs_read_here(VMCS_GUEST_RIP) + nbytes);
	if (unlikely(blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   blocked & ~(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
	rflags = vmcs_read_here(VMCS_GUEST_RFLAGS);
	if (unlikely(rflags & (RFLAGS_TF | RFLAGS_RF)))
		exit_end_insn(rflags);
}

static ALWAYS_INLINE bool exit_fast_done(struct vcpu *v, uint32_t reason)
{
	v->exits[reason]++;
	if (likely(!READ_ONCE(v->requests) && stay_timer_load(v)))
		return true;
	v->exit_reason = REASON_HANDLED;
	return false;
}

static ALWAYS_INLINE bool exit_fast_skip(struct vcpu *v, uint32_t reason)
{
	exit_skip_insn(vmcs_read_here(VMCS_EXIT_INSN_LEN));
	return exit_fast_done(v, reason);
}

/*
 * In place of exit_fast_done() after what may have armed a timer of this CPU or
 * woken a thread that is queued here: a device's registers, say.
 */
static ALWAYS_INLINE bool exit_fast_touched(struct vcpu *v, uint32_t reason)
{
	stay_timer_follow(v);
	if (likely(!need_resched()))
		return exit_fast_done(v, reason);
	v->exits[reason]++;
	v->exit_reason = REASON_HANDLED;
	return false;
}

typedef bool (*fast_handler)(struct vcpu *v);
bool fast_cpuid(struct vcpu *v);
bool fast_hypercall(struct vcpu *v);
bool fast_wrmsr(struct vcpu *v);
bool fast_ept_violation(struct vcpu *v);
bool fast_io(struct vcpu *v);
bool fast_preemption_timer(struct vcpu *v); /* vmx/fast_timer.c */

/*
 * vmx/fast_eoi.c: a write to the APIC's EOI register, at guest-physical `at`,
 * if a plain instruction made it.
 */
bool fast_eoi(struct vcpu *v, gpa_t at);

#endif
