/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dates of the Gregorian calendar, from 1970 on, UTC. */
#ifndef KERNEL_CALENDAR_H
#define KERNEL_CALENDAR_H

#include "kernel/lib/compiler.h"

struct calendar {
	unsigned year;
	unsigned month, day; /* from 1 */
	unsigned hour, min, sec;
	unsigned wday; /* Sunday is 1; calendar_to_epoch() ignores it */
};

/* Seconds since 1970; month 1..12, other fields may be beyond their range. */
int64_t calendar_to_epoch(const struct calendar *c);
void calendar_from_epoch(uint64_t seconds, struct calendar *c);

#endif
