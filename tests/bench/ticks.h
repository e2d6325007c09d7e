/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time stamp counter, which in the emulator counts instructions. */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdint.h>

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;

	/* LFENCE: nothing of what came before is still under way. */
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
