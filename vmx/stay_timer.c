/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slow part of the stay timer; see stay_timer.h. */
#include "vmx/stay_timer.h"

#include "vmx/vmcs.h"

/*
 * The longest stay without an exit, where no host timer ends it before. An
 * interrupt ends a stay anyhow; this bounds it also where processors, seen in
 * Bochs 2.7, don't recognize interrupts while the guest has them shut. One that
 * runs alone and never exits pays a hundred exits a second for it.
 */
#define STAY_MAX_MS 10u

void stay_timer_renew(struct vcpu *v)
{
	uint64_t next = timer_next_deadline();
	uint64_t step = BIT(vmx_controls.preemption_shift);
	uint64_t now = rdtsc(), end = min(next, now + tsc_khz * STAY_MAX_MS);

	/* The first step that is not before it, and what the shift cuts off. */
	end = round_up(end, step) + step - 1;
	/* In the past by more than the lower half tells: it is over as well. */
	if ((int64_t)(end - now) < 0)
		end = now - 1;
	v->stay_end = (uint32_t)end;
	v->stay_next = next;
}

bool stay_timer_begin(struct vcpu *v)
{
	if (!stay_timer_exists())
		return true;
	timer_hold_hardware(true);
	stay_timer_renew(v);
	return stay_timer_load(v);
}

void stay_timer_end(void)
{
	if (!stay_timer_exists())
		return;
	timer_run_due();
	timer_hold_hardware(false);
}
