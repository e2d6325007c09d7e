// SPDX-License-Identifier: GPL-2.0-or-later
/* The time stamp counter's rate, and what follows from it. */
#include "kernel/lib/tsc.h"

uint64_t tsc_khz;
uint64_t tsc_at_boot;
static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 [const after boot] */

uint64_t tsc_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * ns_per_tick >> 32);
}

uint64_t ns_to_tsc(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * ticks_per_ns >> 32);
}

void tsc_set_rate(uint64_t khz)
{
	tsc_khz = khz;
	ns_per_tick = (1000000ull << 32) / khz;
	ticks_per_ns = (khz << 32) / 1000000;
}
