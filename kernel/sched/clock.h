/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time. The TSC is the clock; its rate is measured at boot against a real
 * timer (never taken from CPUID alone). One-shot timers; an idle CPU has no
 * tick.
 */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/prioq.h"
#include "kernel/lib/tsc.h"

/*
 * Measures the TSC; boot CPU, interrupts off. Panics if no timer can serve as
 * the ruler. efi_epoch: from the firmware, 0: read the RTC.
 */
void clock_init(uint64_t efi_epoch);

/* Makes the calling CPU's timer queue work; once for each CPU. */
void timer_init_cpu(void);

uint64_t clock_ns(void); /* since boot */

/* Seconds since 1970 (UTC) at boot, from the RTC; 0 if unknown. */
uint64_t clock_boot_epoch(void);

struct timer {
	struct prioq_node node; /* kernel/sched/timer.c */
	uint64_t deadline;	/* TSC */
	uint32_t cpu;		/* whose heap it is, or was last, in */
	bool armed;
	void (*fn)(struct timer *t);
};

/* fn runs in interrupt context with interrupts off; it must not free t. */
void timer_init(struct timer *t, void (*fn)(struct timer *t));
/*
 * (Re)arms t on this CPU (while its fn runs: where that runs); a deadline in
 * the past fires soon. Any context.
 */
void timer_arm(struct timer *t, uint64_t tsc_deadline);
/* After return fn does not run and is not running. Not from fn itself. */
void timer_cancel(struct timer *t);

/*
 * A CPU that runs a guest may serve its timers itself: it lets the guest run
 * until timer_next_deadline() at most, calls timer_run_due() then, and holds
 * the hardware back meanwhile. All three: own CPU, interrupts off.
 */
/* TSC of the earliest armed timer, ~0: none. */
static inline uint64_t timer_next_deadline(void)
{
	uint64_t tsc;

	__asm__ volatile("movq %%gs:40, %0" : "=r"(tsc));
	return tsc;
}

/*
 * Runs timers that are due, as an interrupt would, a few at a time: if
 * timer_next_deadline() is still past, more wait. No lock of LOCK_DEVICE_IRQ
 * or above is held.
 */
void timer_run_due(void);
/*
 * While held, arming a timer leaves the APIC timer alone (one that is set
 * already may still fire); letting go sets it if it has to be.
 */
void timer_hold_hardware(bool hold);

#endif
