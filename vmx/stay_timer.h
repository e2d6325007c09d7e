/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a stay in a guest: the VMX-preemption timer carries this CPU's
 * next host timer, exactly, so that the APIC timer is neither programmed nor
 * does it interrupt while a guest runs. It counts down by one whenever bit
 * `shift` of the TSC changes, and starts anew with each entry (SDM Vol. 3,
 * "VMX-Preemption Timer"); so each entry sets it from the TSC, the exit fast
 * path too: else a guest that exits often would stretch the host's time.
 *
 * Without that timer, the APIC timer interrupts guests as it does all else.
 */
#ifndef VMX_STAY_TIMER_H
#define VMX_STAY_TIMER_H

#include "kernel/sched/clock.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

static ALWAYS_INLINE bool stay_timer_exists(void)
{
	return likely(vmx_controls.pin & PIN_PREEMPTION_TIMER);
}

/*
 * Right before an entry. False: the stay is over. A stay is short, so that the
 * lower half of the TSC is enough. v->stay_end is what makes the shifted
 * difference the number of steps until the deadline, rounded up.
 */
static ALWAYS_INLINE bool stay_timer_load(struct vcpu *v)
{
	int32_t left;

	if (!stay_timer_exists())
		return true;
	left = (int32_t)(v->stay_end - (uint32_t)rdtsc());
	if (unlikely(left < 0))
		return false;
	/* 0: the processor leaves again at once. */
	vmcs_write_here(VMCS_PREEMPTION_TIMER,
			(uint32_t)left >> vmx_controls.preemption_shift);
	return true;
}

/*
 * Around each stay, interrupts off. begin: false if a host timer is due; then
 * there is no stay, but end() follows all the same. end: runs timers that are
 * due.
 */
MUST_CHECK bool stay_timer_begin(struct vcpu *v);
void stay_timer_end(void);
/* During a stay this CPU's timers have changed. */
void stay_timer_renew(struct vcpu *v);
/* During a stay they may have. */
static ALWAYS_INLINE void stay_timer_follow(struct vcpu *v)
{
	if (unlikely(timer_next_deadline() != v->stay_next) &&
	    stay_timer_exists())
		stay_timer_renew(v);
}

/*
 * What goes in with this entry has been put into the VMCS, which may have armed
 * a timer too (a periodic one whose interrupt is taken). The entry must come
 * all the same, so one that is due by now ends the stay right behind it.
 */
static ALWAYS_INLINE void stay_timer_reload(struct vcpu *v)
{
	if (likely(timer_next_deadline() == v->stay_next) ||
	    !stay_timer_exists())
		return;
	stay_timer_renew(v);
	if (!stay_timer_load(v))
		vmcs_write_here(VMCS_PREEMPTION_TIMER, 0);
}

#endif
