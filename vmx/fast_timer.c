// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of a stay because a host timer is due, on the exit fast path: mostly
 * it is the guest's own, and its interrupt goes in with the next entry.
 *
 * Only if the guest is open for interrupts: so a stay without slow exits never
 * holds back the host's own interrupts for longer than the guest can be
 * interrupted (see STAY_MAX_MS). And only if a timer is due, not at the end of
 * the longest stay, so that the scheduler sees every thread now and then.
 */
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

static bool is_open(void)
{
	return (vmcs_read_here(VMCS_GUEST_RFLAGS) & RFLAGS_IF) &&
	       !(vmcs_read_here(VMCS_GUEST_INTERRUPTIBILITY) &
		 (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
}

/*
 * As before each stay: what is asked for is looked at first, since what goes
 * into the VMCS then must be entered. A request that comes later sends an
 * interrupt, which stays pending until the entry.
 */
static bool enter_again(struct vcpu *v)
{
	uint32_t requests = READ_ONCE(v->requests);

	if (unlikely((requests & ~VCPU_REQ_EVENT) || need_resched()))
		return false;
	stay_timer_renew(v);
	if (unlikely(!stay_timer_load(v)))
		return false;
	if (requests) {
		/* Cleared, then looked for: none is lost. */
		__atomic_fetch_and(&v->requests, ~VCPU_REQ_EVENT,
				   __ATOMIC_SEQ_CST);
		inject_prepare_entry(v);
		stay_timer_reload(v);
	}
	return true;
}

bool fast_preemption_timer(struct vcpu *v)
{
	if (unlikely((vmcs_read_here(VMCS_IDT_VECTORING_INFO) & INTR_VALID) ||
		     !is_open() || timer_next_deadline() > rdtsc() ||
		     !pv_eoi_settle_quick(v)))
		return false;
	timer_run_due();
	v->exits[REASON_PREEMPTION_TIMER]++;
	if (likely(enter_again(v)))
		return true;
	v->exit_reason = REASON_HANDLED;
	return false;
}
