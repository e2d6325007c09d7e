/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254 timer, as a ruler for faster clocks. */
#ifndef DRIVERS_PIT8254_H
#define DRIVERS_PIT8254_H

#include "kernel/lib/compiler.h"

/*
 * Measures how many TSC ticks pass while channel 2 counts `us` microseconds
 * (at most 50000). -ENODEV: the timer doesn't count. Busy-waits.
 */
MUST_CHECK int pit8254_measure_tsc(uint32_t us, uint64_t *ticks);

#endif
