// SPDX-License-Identifier: GPL-2.0-or-later
/* MC146818 real-time clock. */
#include "drivers/rtc.h"

#include "kernel/lib/calendar.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/rtc_format.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"

struct rtc_time {
	uint8_t sec, min, hour, day, month, year;
};

static uint8_t reg_read(uint8_t reg)
{
	outb(RTC_PORT_INDEX, reg);
	return inb(RTC_PORT_DATA);
}

static void read_raw(struct rtc_time *t)
{
	t->sec = reg_read(RTC_SEC);
	t->min = reg_read(RTC_MIN);
	t->hour = reg_read(RTC_HOUR);
	t->day = reg_read(RTC_DAY);
	t->month = reg_read(RTC_MONTH);
	t->year = reg_read(RTC_YEAR);
}

static uint8_t from_bcd(uint8_t v)
{
	return (uint8_t)((v >> 4) * 10 + (v & 15));
}

static void decode(struct rtc_time *t, uint8_t b)
{
	bool pm = !(b & RTC_B_24H) && t->hour & RTC_HOUR_PM;

	t->hour &= (uint8_t)~RTC_HOUR_PM;
	if (!(b & RTC_B_BINARY)) {
		t->sec = from_bcd(t->sec);
		t->min = from_bcd(t->min);
		t->hour = from_bcd(t->hour);
		t->day = from_bcd(t->day);
		t->month = from_bcd(t->month);
		t->year = from_bcd(t->year);
	}
	if (!(b & RTC_B_24H))
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
		while (reg_read(RTC_A) & RTC_A_UIP && rdtsc() < give_up)
			cpu_pause();
		read_raw(&t);
		read_raw(&again);
	} while (memcmp(&t, &again, sizeof(t)) != 0);
	decode(&t, reg_read(RTC_B));
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
