/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: the TSC is the variable fake_tsc and one tick is one nanosecond
 * (tsc_khz = 1000000). fake_clock_advance() fires the timers that come due.
 */
#ifndef FAKES_KERNEL_TSC_H
#define FAKES_KERNEL_TSC_H

#define rdtsc hardware_rdtsc
#include "../../../../../kernel/lib/tsc.h"
#undef rdtsc

extern uint64_t fake_tsc;

static inline uint64_t rdtsc(void)
{
	return __atomic_load_n(&fake_tsc, __ATOMIC_RELAXED);
}

#endif
