/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a PC's real-time clock, the host's and guests': Motorola
 * MC146818 data sheet.
 */
#ifndef KERNEL_RTC_FORMAT_H
#define KERNEL_RTC_FORMAT_H

#define RTC_PORT_INDEX 0x70u
#define RTC_PORT_DATA  0x71u

enum rtc_reg {
	RTC_SEC,
	RTC_SEC_ALARM,
	RTC_MIN,
	RTC_MIN_ALARM,
	RTC_HOUR,
	RTC_HOUR_ALARM,
	RTC_WDAY,
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_A,
	RTC_B,
	RTC_C,
	RTC_D,
};

#define RTC_A_UIP     0x80u /* an update is in progress, or about to be */
#define RTC_B_SET     0x80u
#define RTC_B_PIE     0x40u
#define RTC_B_AIE     0x20u
#define RTC_B_UIE     0x10u
#define RTC_B_BINARY  0x04u /* else BCD */
#define RTC_B_24H     0x02u
#define RTC_C_IRQF    0x80u
#define RTC_D_VALID   0x80u
#define RTC_HOUR_PM   0x80u
#define RTC_ALARM_ANY 0xc0u

#endif
