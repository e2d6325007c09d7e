/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: the TSC is the variable fake_tsc and one tick is one nanosecond
 * (tsc_khz = 1000000). fake_clock_advance() fires the timers that come due.
 */
#ifndef FAKES_KERNEL_CLOCK_H
#define FAKES_KERNEL_CLOCK_H

#define rdtsc		    hardware_rdtsc
#define timer_next_deadline hardware_timer_next_deadline
#include "../../../../../kernel/sched/clock.h"
#undef rdtsc
#undef timer_next_deadline
#include "../sync/percpu.h"

extern uint64_t fake_tsc;

static inline uint64_t rdtsc(void)
{
	return fake_tsc;
}

static inline uint64_t timer_next_deadline(void)
{
	return this_cpu()->timer_next;
}

#endif
