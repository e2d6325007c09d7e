/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time. The TSC is the clock; its rate is measured at boot against a real
 * timer (never taken from CPUID alone). One-shot timers; an idle CPU has no
 * tick.
 */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/list.h"

/* TSC rate in kHz. [const after clock_init] */
extern uint64_t tsc_khz;

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

uint64_t tsc_to_ns(uint64_t ticks); /* no overflow for 500 years */
uint64_t ns_to_tsc(uint64_t ns);
uint64_t clock_ns(void); /* since boot */

/* Seconds since 1970 (UTC) at boot, from the RTC; 0 if unknown. */
uint64_t clock_boot_epoch(void);

struct timer {
	struct list link;  /* kernel/sched/timer.c */
	uint64_t deadline; /* TSC */
	uint32_t cpu;
	bool armed;
	void (*fn)(struct timer *t);
};

/* fn runs in interrupt context with interrupts off. */
void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* (Re)arms t on this CPU; a deadline in the past fires soon. Any context. */
void timer_arm(struct timer *t, uint64_t tsc_deadline);
/* After return fn does not run and is not running. Not from fn itself. */
void timer_cancel(struct timer *t);

#endif
