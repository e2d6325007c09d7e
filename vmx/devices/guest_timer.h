/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host timers of virtual devices. All timers of one VM fire at a bounded rate
 * together, however many its vCPUs and devices are and however short the
 * periods that it sets, and the VM pays for the work.
 */
#ifndef VMX_DEVICES_GUEST_TIMER_H
#define VMX_DEVICES_GUEST_TIMER_H

#include "kernel/sched/clock.h"

struct vm;

struct guest_timer {
	struct timer host;
	struct vm *vm; /* [const] */
	uint64_t turn; /* TSC: it may fire from then on; 0: ask [atomic] */
	void (*fn)(struct guest_timer *t);
};

/* fn runs in interrupt context with interrupts off. */
void guest_timer_init(struct guest_timer *t, struct vm *vm,
		      void (*fn)(struct guest_timer *t));
/* As timer_arm() and timer_cancel(); it may fire later. */
void guest_timer_arm(struct guest_timer *t, uint64_t tsc_deadline);
void guest_timer_cancel(struct guest_timer *t);

static inline bool guest_timer_is_armed(const struct guest_timer *t)
{
	return READ_ONCE(t->host.armed);
}

#endif
