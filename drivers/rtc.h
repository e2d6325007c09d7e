/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The battery-backed clock. */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include "kernel/lib/compiler.h"

/*
 * Seconds since 1970, taking the clock for UTC. -EIO: it is not running or
 * shows nonsense. Waits up to 2 s for an update to pass.
 */
MUST_CHECK int rtc_read_epoch(uint64_t *epoch);

#endif
