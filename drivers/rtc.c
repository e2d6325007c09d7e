// SPDX-License-Identifier: GPL-2.0-or-later
/* MC146818 real-time clock. */
#include "drivers/rtc.h"

#include "kernel/lib/calendar.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"

#define PORT_INDEX 0x70
#define PORT_DATA  0x71

enum {
	REG_SEC = 0,
	REG_MIN = 2,
	REG_HOUR = 4,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11
};

#define A_UPDATING 0x80
#define B_24H	   0x02
#define B_BINARY   0x04
#define HOUR_PM	   0x80

struct rtc_time {
	uint8_t sec, min, hour, day, month, year;
};

static uint8_t reg_read(uint8_t reg)
{
	outb(PORT_INDEX, reg);
	return inb(PORT_DATA);
}

static void read_raw(struct rtc_time *t)
{
	t->sec = reg_read(REG_SEC);
	t->min = reg_read(REG_MIN);
	t->hour = reg_read(REG_HOUR);
	t->day = reg_read(REG_DAY);
	t->month = reg_read(REG_MONTH);
	t->year = reg_read(REG_YEAR);
}

static uint8_t from_bcd(uint8_t v)
{
	return (uint8_t)((v >> 4) * 10 + (v & 15));
}

static void decode(struct rtc_time *t, uint8_t b)
{
	bool pm = !(b & B_24H) && t->hour & HOUR_PM;

	t->hour &= (uint8_t)~HOUR_PM;
	if (!(b & B_BINARY)) {
		t->sec = from_bcd(t->sec);
		t->min = from_bcd(t->min);
		t->hour = from_bcd(t->hour);
		t->day = from_bcd(t->day);
		t->month = from_bcd(t->month);
		t->year = from_bcd(t->year);
	}
	if (!(b & B_24H))
		t->hour = (uint8_t)(t->hour % 12 + (pm ? 12 : 0));
}

int rtc_read_epoch(uint64_t *epoch)
{
	uint64_t give_up = rdtsc() + tsc_khz * 2000;
	struct rtc_time t, again;

	/* Two equal readings outside an update can't be torn. */
	do {
		if (rdtsc() > give_up)
			return -EIO;
		while (reg_read(REG_A) & A_UPDATING && rdtsc() < give_up)
			cpu_pause();
		read_raw(&t);
		read_raw(&again);
	} while (memcmp(&t, &again, sizeof(t)) != 0);
	decode(&t, reg_read(REG_B));
	if (t.sec > 59 || t.min > 59 || t.hour > 23 || !t.day || t.day > 31 ||
	    !t.month || t.month > 12 || t.year > 99)
		return -EIO;
	*epoch = (uint64_t)calendar_to_epoch(&(struct calendar){
		.year = 2000u + t.year,
		.month = t.month,
		.day = t.day,
		.hour = t.hour,
		.min = t.min,
		.sec = t.sec,
	});
	return 0;
}
