/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 8254, the real-time clock and the ACPI registers of a guest, with the
 * fake clock (1 tick = 1 ns).
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: kernel/lib/calendar.c
 * Sources: vmx/devices/pic.c vmx/devices/pit.c vmx/devices/rtc.c
 * Sources: vmx/devices/pm.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
/* cmocka.h needs the first four */
#include <cmocka.h>

#include "fake_vm.h"
#include "kernel/lib/errno.h"

#define MS 1000000ull
#define S  1000000000ull

static struct vm_devices dev;
static uint64_t boot_epoch;

uint64_t clock_boot_epoch(void)
{
	return boot_epoch;
}

static bool irq_is_high(unsigned irq)
{
	return dev.irqchip.ioapic.lines >> (irq ? irq : 2) & 1;
}

static int setup(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.vm = &fake_vm;
	fake_vm.dev = &dev;
	fake_tsc = 5 * S;
	fake_vm.timer_pace = 0;
	boot_epoch = 0;
	irqchip_init(&dev.irqchip);
	pit_init(&dev.pit, &fake_vm);
	rtc_init(&dev.rtc, &fake_vm);
	pm_init(&dev.pm, &fake_vm);
	fake_vm_create(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pit_reset(&dev.pit);
	rtc_stop(&dev.rtc);
	fake_vm_destroy();
	return 0;
}

/* ---- 8254 ---- */

static void pit_wr(uint16_t port, uint8_t val)
{
	pit_pio_write(&dev, port, val);
}

static uint16_t pit_count(unsigned ch)
{
	uint16_t low;

	pit_wr(0x43, (uint8_t)(ch << 6));
	low = pit_pio_read(&dev, (uint16_t)(0x40 + ch));
	return (uint16_t)(low | pit_pio_read(&dev, (uint16_t)(0x40 + ch)) << 8);
}

/* Edges of IRQ 0 seen at the 8259 since the last call. */
static bool timer_edge(void)
{
	struct pic_chip *c = &dev.irqchip.pic.chip[0];
	bool edge = c->irr & 1;

	c->irr &= 0xfe;
	return edge;
}

static void channel2_measures_time(void **state)
{
	(void)state;
	/* As Linux calibrates its TSC: mode 0, gate on, 50 ms. */
	pit_port61_write(&dev, 0x61, 0x01);
	pit_wr(0x43, 0xb0);
	pit_wr(0x42, 59659 & 0xff);
	pit_wr(0x42, 59659 >> 8);
	assert_int_equal(pit_port61_read(&dev, 0x61) & 0x21, 0x01);
	fake_clock_advance(49 * MS);
	assert_int_equal(pit_port61_read(&dev, 0x61) & 0x20, 0);
	assert_in_range(pit_count(2), 1100, 1300);
	fake_clock_advance(1100000);
	assert_int_equal(pit_port61_read(&dev, 0x61) & 0x20, 0x20);
	/* The count wraps and goes on. */
	assert_in_range(pit_count(2), 65400, 65535);
}

static void channel0_ticks(void **state)
{
	unsigned edges = 0;

	(void)state;
	pit_wr(0x43, 0x34); /* mode 2 */
	pit_wr(0x40, 11932 & 0xff);
	pit_wr(0x40, 11932 >> 8);
	(void)timer_edge();
	for (unsigned i = 0; i < 1000; i++) {
		fake_clock_advance(MS);
		edges += timer_edge();
	}
	assert_in_range(edges, 99, 101);
	assert_in_range(pit_count(0), 1, 11932);
	/* Stopped: no host timer any more. */
	pit_wr(0x43, 0x30);
	assert_false(dev.pit.timer.host.armed);
	fake_clock_advance(S);
	assert_false(timer_edge());
}

static void channel0_oneshot_raises_once(void **state)
{
	(void)state;
	pit_wr(0x43, 0x30);
	(void)timer_edge();
	pit_wr(0x40, 0xa9);
	pit_wr(0x40, 0x04); /* 1193: 1 ms */
	fake_clock_advance(900000);
	assert_false(irq_is_high(0));
	fake_clock_advance(200000);
	assert_true(irq_is_high(0));
	assert_false(dev.pit.timer.host.armed);
	pit_wr(0x43, 0x30);
	assert_false(irq_is_high(0));
}

static void read_back_and_latches(void **state)
{
	uint8_t low;

	(void)state;
	pit_wr(0x43, 0x34);
	pit_wr(0x40, 0x00);
	pit_wr(0x40, 0x10);
	fake_clock_advance(100000); /* 119 ticks */
	pit_wr(0x43, 0xc2);	    /* status and count of channel 0 */
	fake_clock_advance(100000);
	assert_int_equal(pit_pio_read(&dev, 0x40), 0xb4);
	low = pit_pio_read(&dev, 0x40);
	assert_in_range(low | pit_pio_read(&dev, 0x40) << 8, 0x1000 - 121,
			0x1000 - 118);
	/* Not latched any more. */
	low = pit_pio_read(&dev, 0x40);
	assert_in_range(low | pit_pio_read(&dev, 0x40) << 8, 0x1000 - 240,
			0x1000 - 236);
}

static void bcd_counts(void **state)
{
	(void)state;
	pit_wr(0x43, 0xb1); /* channel 2, mode 0, BCD */
	pit_wr(0x42, 0x34);
	pit_wr(0x42, 0x12);
	assert_int_equal(pit_count(2), 0x1234);
	fake_clock_advance(28500); /* 34 ticks */
	assert_int_equal(pit_count(2), 0x1200);
}

/* ---- clock ---- */

static uint8_t rtc_rd(uint8_t reg)
{
	rtc_pio_write(&dev, 0x70, reg);
	return rtc_pio_read(&dev, 0x71);
}

static void rtc_wr(uint8_t reg, uint8_t val)
{
	rtc_pio_write(&dev, 0x70, reg);
	rtc_pio_write(&dev, 0x71, val);
}

static unsigned bcd(uint8_t v)
{
	return (v >> 4) * 10u + (v & 15);
}

/* The guest's clock as seconds since 1970, by the host's calendar. */
static int64_t rtc_epoch(void)
{
	struct tm tm = {
		.tm_sec = (int)bcd(rtc_rd(0)),
		.tm_min = (int)bcd(rtc_rd(2)),
		.tm_hour = (int)bcd(rtc_rd(4)),
		.tm_mday = (int)bcd(rtc_rd(7)),
		.tm_mon = (int)bcd(rtc_rd(8)) - 1,
		.tm_year =
			(int)(bcd(rtc_rd(9)) + bcd(rtc_rd(0x32)) * 100) - 1900,
	};
	int wday = (int)bcd(rtc_rd(6));
	int64_t t = timegm(&tm);

	assert_int_equal(wday, tm.tm_wday + 1);
	return t;
}

static void clock_agrees_with_the_hosts_calendar(void **state)
{
	static const uint64_t times[] = {
		0,	    951782399,	951782400,  951868800,	 1709164800,
		1735689599, 4102444799, 4107542400, 13569465600,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		boot_epoch = times[i];
		assert_int_equal(rtc_epoch(), times[i] + fake_tsc / S);
	}
	srand(3);
	for (unsigned i = 0; i < 5000; i++) {
		boot_epoch = (uint64_t)rand() * 4;
		assert_int_equal(rtc_epoch(), boot_epoch + fake_tsc / S);
	}
}

static void formats(void **state)
{
	(void)state;
	boot_epoch = 1700000000 - 5; /* 2023-11-14 22:13:20 */
	assert_int_equal(rtc_rd(4), 0x22);
	rtc_wr(0x0b, 0x00); /* 12 hours, BCD */
	assert_int_equal(rtc_rd(4), 0x90);
	rtc_wr(0x0b, 0x04); /* 12 hours, binary */
	assert_int_equal(rtc_rd(4), 0x8a);
	rtc_wr(0x0b, 0x06);
	assert_int_equal(rtc_rd(4), 22);
	assert_int_equal(rtc_rd(9), 23);
	assert_int_equal(rtc_rd(0x32), 20);
}

static void the_guest_sets_its_clock(void **state)
{
	(void)state;
	boot_epoch = 1700000000;
	rtc_wr(0x0b, 0x82);
	rtc_wr(0, 0x59);
	rtc_wr(2, 0x59);
	rtc_wr(4, 0x23);
	rtc_wr(7, 0x28);
	rtc_wr(8, 0x02);
	rtc_wr(9, 0x24);
	rtc_wr(0x32, 0x20);
	fake_clock_advance(10 * S);
	assert_int_equal(rtc_rd(0), 0x59); /* frozen */
	rtc_wr(0x0b, 0x02);
	fake_clock_advance(S);
	assert_int_equal(rtc_epoch(), 1709164800); /* 2024-02-29 */
	/* Nonsense changes nothing. */
	rtc_wr(8, 0x77);
	assert_int_equal(rtc_epoch(), 1709164800);
}

static void update_in_progress_before_each_second(void **state)
{
	(void)state;
	fake_tsc = 7 * S;
	assert_int_equal(rtc_rd(0x0a) & 0x80, 0);
	fake_tsc = 8 * S - 200000;
	assert_int_equal(rtc_rd(0x0a) & 0x80, 0x80);
	fake_tsc = 8 * S;
	assert_int_equal(rtc_rd(0x0a) & 0x80, 0);
}

static void clock_interrupts(void **state)
{
	unsigned n = 0;

	(void)state;
	assert_false(dev.rtc.timer.host.armed);
	/* Update-ended: once a second, until register C is read. */
	(void)rtc_rd(0x0c);
	rtc_wr(0x0b, 0x12);
	fake_clock_advance(1100 * MS);
	assert_true(irq_is_high(8));
	assert_int_equal(rtc_rd(0x0c) & 0x90, 0x90);
	assert_false(irq_is_high(8));
	/* Periodic, 1024 Hz. */
	rtc_wr(0x0b, 0x42);
	for (unsigned i = 0; i < 1000; i++) {
		fake_clock_advance(S / 2000);
		if (irq_is_high(8))
			n++;
		(void)rtc_rd(0x0c);
	}
	assert_in_range(n, 505, 515);
	/* Alarm in three seconds. */
	rtc_wr(0x0b, 0x02);
	(void)rtc_rd(0x0c);
	rtc_wr(1, (uint8_t)(rtc_rd(0) + 3));
	rtc_wr(3, 0xff);
	rtc_wr(5, 0xff);
	rtc_wr(0x0b, 0x22);
	fake_clock_advance(1900 * MS);
	assert_false(irq_is_high(8));
	fake_clock_advance(1200 * MS);
	assert_true(irq_is_high(8));
	rtc_wr(0x0b, 0x02);
	assert_false(dev.rtc.timer.host.armed);
}

/* ---- ACPI ---- */

static void power_off_by_s5(void **state)
{
	(void)state;
	assert_int_equal(pm_pio_read(&dev, 0x604, 2), 1); /* SCI_EN */
	pm_pio_write(&dev, 0x604, 2, 5 << 10);
	assert_int_equal(fake_end, -1);
	pm_pio_write(&dev, 0x604, 2, 4 << 10 | 0x2000);
	assert_int_equal(fake_end, -1);
	pm_pio_write(&dev, 0x604, 2, 5 << 10 | 0x2000);
	assert_int_equal(fake_end, VM_END_POWEROFF);
}

static void power_off_by_bytes(void **state)
{
	(void)state;
	pm_pio_write(&dev, 0x605, 1, 0x34);
	assert_int_equal(fake_end, VM_END_POWEROFF);
}

static void power_button_raises_sci(void **state)
{
	(void)state;
	assert_false(acpi_pm_press_power_button(&fake_vm));
	assert_false(irq_is_high(9));
	pm_pio_write(&dev, 0x600, 2, 0xffff);
	assert_int_equal(pm_pio_read(&dev, 0x600, 2), 0);
	/* As one 32-bit access: status and enable. */
	pm_pio_write(&dev, 0x600, 4, 0x01000000);
	assert_int_equal(pm_pio_read(&dev, 0x602, 2), 0x100);
	assert_true(acpi_pm_press_power_button(&fake_vm));
	assert_true(irq_is_high(9));
	assert_int_equal(pm_pio_read(&dev, 0x600, 2), 0x100);
	pm_pio_write(&dev, 0x601, 1, 0x01);
	assert_false(irq_is_high(9));
}

static void pm_timer_runs_at_its_rate(void **state)
{
	uint32_t before = pm_pio_read(&dev, 0x608, 4);

	(void)state;
	fake_clock_advance(S);
	assert_in_range(pm_pio_read(&dev, 0x608, 4) - before, 3579544, 3579546);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(channel2_measures_time),
		T(channel0_ticks),
		T(channel0_oneshot_raises_once),
		T(read_back_and_latches),
		T(bcd_counts),
		T(clock_agrees_with_the_hosts_calendar),
		T(formats),
		T(the_guest_sets_its_clock),
		T(update_in_progress_before_each_second),
		T(clock_interrupts),
		T(power_off_by_s5),
		T(power_off_by_bytes),
		T(power_button_raises_sci),
		T(pm_timer_runs_at_its_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
