/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual MC146818 (Motorola data sheet), with the century byte at 0x32 as on
 * PCs. Time is the host's UTC plus an offset that changes when the guest sets
 * its clock; registers are made from it when they are read.
 *
 * While SET (register B bit 7) is on, time registers hold what the guest
 * writes; the offset is taken when it goes off.
 */
#include "vmx/devices/rtc.h"

#include "kernel/lib/calendar.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/rtc_format.h"
#include "vmx/devices/devices_priv.h"

/* What PC firmware keeps in the clock's RAM. */
#define R_BASE_MEM_LOW	0x15u
#define R_BASE_MEM_HIGH 0x16u
#define R_CENTURY	0x32u

#define UIP_NS	  244000u /* data sheet: before each update */
#define A_DEFAULT 0x26u	  /* 32.768 kHz, 1024 Hz */
#define ENABLES	  (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE)
/* Periodic interrupts faster than this are merged. */
#define MIN_PERIOD_NS 100000u

/* ---- register format ---- */

static uint8_t encode(const struct rtc *rtc, unsigned v)
{
	if (rtc->ram[RTC_B] & RTC_B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc *rtc, uint8_t v)
{
	if (rtc->ram[RTC_B] & RTC_B_BINARY)
		return v;
	return (v >> 4) * 10u + (v & 0xf);
}

static uint8_t encode_hour(const struct rtc *rtc, unsigned hour)
{
	unsigned h12 = hour % 12 ? hour % 12 : 12;

	if (rtc->ram[RTC_B] & RTC_B_24H)
		return encode(rtc, hour);
	return encode(rtc, h12) | (uint8_t)(hour >= 12 ? RTC_HOUR_PM : 0);
}

static unsigned decode_hour(const struct rtc *rtc, uint8_t v)
{
	if (rtc->ram[RTC_B] & RTC_B_24H)
		return decode(rtc, v);
	return decode(rtc, v & 0x7f) % 12 + (v & RTC_HOUR_PM ? 12 : 0);
}

static bool is_time_reg(unsigned reg)
{
	return reg == R_CENTURY || reg == RTC_SEC || reg == RTC_MIN ||
	       (reg >= RTC_HOUR && reg <= RTC_YEAR && reg != RTC_HOUR_ALARM);
}

static void store_calendar(struct rtc *rtc, const struct calendar *c)
{
	rtc->ram[RTC_SEC] = encode(rtc, c->sec);
	rtc->ram[RTC_MIN] = encode(rtc, c->min);
	rtc->ram[RTC_HOUR] = encode_hour(rtc, c->hour);
	rtc->ram[RTC_WDAY] = encode(rtc, c->wday);
	rtc->ram[RTC_DAY] = encode(rtc, c->day);
	rtc->ram[RTC_MONTH] = encode(rtc, c->month);
	rtc->ram[RTC_YEAR] = encode(rtc, c->year % 100);
	rtc->ram[R_CENTURY] = encode(rtc, c->year / 100);
}

/* ---- time ---- */

static uint64_t guest_seconds(const struct rtc *rtc, uint64_t ns)
{
	int64_t s = (int64_t)(clock_boot_epoch() + ns / NS_PER_S) + rtc->offset;

	return s < 0 ? 0 : (uint64_t)s;
}

static void refresh(struct rtc *rtc, uint64_t ns)
{
	struct calendar c;

	if (rtc->ram[RTC_B] & RTC_B_SET)
		return;
	calendar_from_epoch(guest_seconds(rtc, ns), &c);
	store_calendar(rtc, &c);
}

/* The registers are the guest's new time. */
static void adopt(struct rtc *rtc, uint64_t ns)
{
	const struct calendar c = {
		.year = decode(rtc, rtc->ram[R_CENTURY]) * 100 +
			decode(rtc, rtc->ram[RTC_YEAR]),
		.month = decode(rtc, rtc->ram[RTC_MONTH]),
		.day = decode(rtc, rtc->ram[RTC_DAY]),
		.hour = decode_hour(rtc, rtc->ram[RTC_HOUR]),
		.min = decode(rtc, rtc->ram[RTC_MIN]),
		.sec = decode(rtc, rtc->ram[RTC_SEC]),
	};

	if (c.month < 1 || c.month > 12 || c.year < 1970)
		return; /* nonsense: the clock keeps its time */
	rtc->offset = calendar_to_epoch(&c) -
		      (int64_t)(clock_boot_epoch() + ns / NS_PER_S);
}

/* ---- interrupts ---- */

static void raise_flags(struct rtc *rtc, unsigned flags)
{
	rtc->ram[RTC_C] |= (uint8_t)flags;
	if (!(rtc->ram[RTC_C] & rtc->ram[RTC_B] & ENABLES))
		return;
	rtc->ram[RTC_C] |= RTC_C_IRQF;
	irq_set_level(rtc->vm, IRQ_RTC, true);
}

/* Length of the periodic interrupt, 0: off (data sheet, rate selection). */
static uint64_t period_ns(const struct rtc *rtc)
{
	unsigned rate = rtc->ram[RTC_A] & 0xf;
	uint64_t ns;

	if (!rate)
		return 0;
	if (rate < 3)
		rate += 7;
	ns = (NS_PER_S << (rate - 1)) / 32768;
	return max(ns, (uint64_t)MIN_PERIOD_NS);
}

static bool alarm_field_matches(uint8_t alarm, uint8_t now)
{
	return (alarm & RTC_ALARM_ANY) == RTC_ALARM_ANY || alarm == now;
}

static void second_passed(struct rtc *rtc, uint64_t ns)
{
	unsigned flags = RTC_B_UIE;

	refresh(rtc, ns);
	if (alarm_field_matches(rtc->ram[RTC_SEC_ALARM], rtc->ram[RTC_SEC]) &&
	    alarm_field_matches(rtc->ram[RTC_MIN_ALARM], rtc->ram[RTC_MIN]) &&
	    alarm_field_matches(rtc->ram[RTC_HOUR_ALARM], rtc->ram[RTC_HOUR]))
		flags |= RTC_B_AIE;
	raise_flags(rtc, flags);
}

/* Raises what came due since the last call. [lock] */
static void settle(struct rtc *rtc, uint64_t ns)
{
	uint64_t period = period_ns(rtc);

	if (ns / NS_PER_S != rtc->seen_second) {
		rtc->seen_second = ns / NS_PER_S;
		if (!(rtc->ram[RTC_B] & RTC_B_SET))
			second_passed(rtc, ns);
	}
	if (period && ns >= rtc->next_tick) {
		rtc->next_tick = (ns / period + 1) * period;
		raise_flags(rtc, RTC_B_PIE);
	}
}

/* Arms the host timer for the next enabled event, if any. [lock] */
static bool rearm(struct rtc *rtc, uint64_t ns)
{
	uint8_t b = rtc->ram[RTC_B];
	uint64_t period = period_ns(rtc);
	uint64_t at = ~0ull;

	if (b & (RTC_B_AIE | RTC_B_UIE))
		at = (ns / NS_PER_S + 1) * NS_PER_S;
	if ((b & RTC_B_PIE) && period)
		at = min(at, (ns / period + 1) * period);
	if (at == ~0ull)
		return false;
	guest_timer_arm(&rtc->timer, rdtsc() + ns_to_tsc(at - ns));
	return true;
}

/* Interrupt context. */
static void timer_fn(struct guest_timer *t)
{
	struct rtc *rtc = container_of(t, struct rtc, timer);
	uint64_t flags = spin_lock_irqsave(&rtc->lock);
	uint64_t ns = clock_ns();

	settle(rtc, ns);
	(void)rearm(rtc, ns);
	spin_unlock_irqrestore(&rtc->lock, flags);
}

/* ---- registers ---- */

static uint8_t read_reg(struct rtc *rtc, unsigned reg, uint64_t ns)
{
	uint8_t val;

	switch (reg) {
	case RTC_A:
		val = rtc->ram[RTC_A];
		if (!(rtc->ram[RTC_B] & RTC_B_SET) &&
		    ns % NS_PER_S >= NS_PER_S - UIP_NS)
			val |= RTC_A_UIP;
		return val;
	case RTC_C:
		settle(rtc, ns);
		val = rtc->ram[RTC_C];
		rtc->ram[RTC_C] = 0;
		irq_set_level(rtc->vm, IRQ_RTC, false);
		return val;
	case RTC_D: return RTC_D_VALID;
	default:
		if (is_time_reg(reg))
			refresh(rtc, ns);
		return rtc->ram[reg];
	}
}

static void write_b(struct rtc *rtc, uint8_t val, uint64_t ns)
{
	uint8_t old = rtc->ram[RTC_B];

	/* The time that SET freezes is the one of this moment. */
	if ((val & RTC_B_SET) && !(old & RTC_B_SET)) {
		refresh(rtc, ns);
		val &= (uint8_t)~RTC_B_UIE;
	}
	rtc->ram[RTC_B] = val;
	if (!(val & RTC_B_SET) && (old & RTC_B_SET))
		adopt(rtc, ns);
	raise_flags(rtc, 0);
}

static void write_reg(struct rtc *rtc, unsigned reg, uint8_t val, uint64_t ns)
{
	switch (reg) {
	case RTC_A: rtc->ram[RTC_A] = val & 0x7f; break;
	case RTC_B: write_b(rtc, val, ns); break;
	case RTC_C:
	case RTC_D: break;
	default:
		if (!is_time_reg(reg)) {
			rtc->ram[reg] = val;
			break;
		}
		refresh(rtc, ns);
		rtc->ram[reg] = val;
		if (!(rtc->ram[RTC_B] & RTC_B_SET))
			adopt(rtc, ns);
		break;
	}
}

uint8_t rtc_pio_read(struct vm_devices *d, uint16_t port)
{
	struct rtc *rtc = &d->rtc;
	uint64_t flags;
	uint8_t val;

	if (!(port & 1))
		return 0xff; /* the index can't be read */
	flags = spin_lock_irqsave(&rtc->lock);
	val = read_reg(rtc, rtc->index, clock_ns());
	spin_unlock_irqrestore(&rtc->lock, flags);
	return val;
}

void rtc_pio_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	struct rtc *rtc = &d->rtc;
	uint64_t flags = spin_lock_irqsave(&rtc->lock);
	bool idle = false;

	if (!(port & 1)) {
		rtc->index = val & 0x7f; /* bit 7: NMI mask */
	} else {
		uint64_t ns = clock_ns();

		settle(rtc, ns);
		write_reg(rtc, rtc->index, val, ns);
		idle = !rearm(rtc, ns) && guest_timer_is_armed(&rtc->timer);
	}
	spin_unlock_irqrestore(&rtc->lock, flags);
	if (idle)
		guest_timer_cancel(&rtc->timer);
}

void rtc_stop(struct rtc *rtc)
{
	uint64_t flags = spin_lock_irqsave(&rtc->lock);

	rtc->ram[RTC_B] &= (uint8_t)~ENABLES;
	spin_unlock_irqrestore(&rtc->lock, flags);
	guest_timer_cancel(&rtc->timer);
}

/* The clock is battery-backed: a reset stops only interrupts. */
void rtc_reset(struct rtc *rtc)
{
	rtc_stop(rtc);
	rtc->ram[RTC_C] = 0;
	rtc->index = 0;
}

void rtc_init(struct rtc *rtc, struct vm *vm)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->vm = vm;
	spin_init(&rtc->lock, LOCK_DEVICE_IRQ, "rtc");
	guest_timer_init(&rtc->timer, vm, timer_fn);
	rtc->ram[RTC_A] = A_DEFAULT;
	rtc->ram[RTC_B] = RTC_B_24H;
	/* 640 KiB of base memory, as firmware records it. */
	rtc->ram[R_BASE_MEM_LOW] = 640 & 0xff;
	rtc->ram[R_BASE_MEM_HIGH] = 640 >> 8;
	rtc->seen_second = clock_ns() / NS_PER_S;
}
