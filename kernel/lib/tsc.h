/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time stamp counter, the machine's clock. Its rate is not known before
 * clock_init() has measured it; until then conversions give 0.
 */
#ifndef KERNEL_TSC_H
#define KERNEL_TSC_H

#include "kernel/lib/compiler.h"

extern uint64_t tsc_khz;     /* [const after clock_init] */
extern uint64_t tsc_at_boot; /* log times and clock_ns() count from here */

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

uint64_t tsc_to_ns(uint64_t ticks); /* no overflow for 500 years */
uint64_t ns_to_tsc(uint64_t ns);

/* Boot CPU, once; khz > 0. */
void tsc_set_rate(uint64_t khz);

#endif
