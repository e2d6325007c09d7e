// SPDX-License-Identifier: GPL-2.0-or-later
/* Dates; see calendar.h. Pure. */
#include "kernel/lib/calendar.h"

/* Days since 1970-01-01 of a Gregorian date; any year from 1970. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	/* The year starts in March, so that a leap day is its last. */
	int64_t y = (int64_t)year - (month <= 2);
	int64_t m = ((int64_t)month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	       (int64_t)day - 1 - 719468;
}

int64_t calendar_to_epoch(const struct calendar *c)
{
	return days_of(c->year, c->month, c->day) * 86400 +
	       (int64_t)c->hour * 3600 + (int64_t)c->min * 60 + c->sec;
}

void calendar_from_epoch(uint64_t seconds, struct calendar *c)
{
	int64_t days = (int64_t)(seconds / 86400);
	unsigned rest = (unsigned)(seconds % 86400);

	c->hour = rest / 3600;
	c->min = rest / 60 % 60;
	c->sec = rest % 60;
	c->wday = (unsigned)((days + 4) % 7) + 1; /* Sunday is 1 */
	c->year = (unsigned)(1970 + days / 366);
	while (days_of(c->year + 1, 1, 1) <= days)
		c->year++;
	c->month = 1;
	while (c->month < 12 && days_of(c->year, c->month + 1, 1) <= days)
		c->month++;
	c->day = (unsigned)(days - days_of(c->year, c->month, 1)) + 1;
}
