/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual IOAPIC and the 8259 pair: what reaches a processor, and when.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fake_vm.h"
#include "kernel/lib/errno.h"

#define X2_EOI	   0x80bu
#define X2_SVR	   0x80fu
#define LEVEL	   0x8000u
#define MASKED	   0x10000u
#define REMOTE_IRR 0x4000u
#define PIN	   10u

static struct vm_devices dev;

static uint32_t io_rd(uint8_t reg)
{
	uint64_t val;

	ioapic_mmio_write(&fake_vm, 0x00, 4, reg);
	ioapic_mmio_read(&fake_vm, 0x10, 4, &val);
	return (uint32_t)val;
}

static void io_wr(uint8_t reg, uint32_t val)
{
	ioapic_mmio_write(&fake_vm, 0x00, 4, reg);
	ioapic_mmio_write(&fake_vm, 0x10, 4, val);
}

static void route(unsigned pin, uint32_t low, uint32_t high)
{
	io_wr((uint8_t)(0x11 + 2 * pin), high);
	io_wr((uint8_t)(0x10 + 2 * pin), low);
}

/* Takes the interrupt that vCPU `cpu` has; -1: none. */
static int take(unsigned cpu)
{
	int vector = lapic_pending_vector(fake_vcpus[cpu].lapic);

	if (vector >= 0)
		lapic_accept(fake_vcpus[cpu].lapic, vector);
	return vector;
}

static void eoi(unsigned cpu)
{
	assert_int_equal(lapic_msr_write(fake_vcpus[cpu].lapic, X2_EOI, 0), 0);
}

static void line(bool high)
{
	irq_set_level(&fake_vm, PIN, high);
}

static int setup(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.vm = &fake_vm;
	fake_vm.dev = &dev;
	irqchip_init(&dev.irqchip);
	fake_vm_create(FAKE_NR_VCPUS);
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++) {
		struct lapic *l = fake_vcpus[i].lapic;

		assert_int_equal(lapic_msr_write(l, 0x1b, 0xfee00c00), 0);
		assert_int_equal(lapic_msr_write(l, X2_SVR, 0x1ff), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy();
	return 0;
}

static void edges_are_sent_once(void **state)
{
	(void)state;
	route(PIN, 0x51, 1u << 24);
	line(true);
	assert_int_equal(take(1), 0x51);
	assert_int_equal(take(0), -1);
	line(true);
	eoi(1);
	assert_int_equal(take(1), -1);
	line(false);
	line(true);
	assert_int_equal(take(1), 0x51);
	eoi(1);
}

static void a_masked_edge_is_lost(void **state)
{
	(void)state;
	route(PIN, 0x51 | MASKED, 0);
	line(true);
	route(PIN, 0x51, 0);
	assert_int_equal(take(0), -1);
}

static void a_level_is_sent_again_after_eoi_while_high(void **state)
{
	(void)state;
	route(PIN, 0x51 | LEVEL, 0);
	line(true);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x51 | LEVEL | REMOTE_IRR);
	assert_int_equal(take(0), 0x51);
	assert_int_equal(take(0), -1);
	eoi(0);
	assert_int_equal(take(0), 0x51);
	line(false);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x51 | LEVEL | REMOTE_IRR);
	eoi(0);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x51 | LEVEL);
	assert_int_equal(take(0), -1);
}

static void a_masked_level_is_sent_when_unmasked(void **state)
{
	(void)state;
	route(PIN, 0x51 | LEVEL | MASKED, 0);
	line(true);
	assert_int_equal(take(0), -1);
	route(PIN, 0x51 | LEVEL, 0);
	assert_int_equal(take(0), 0x51);
	/* Masked while in service: the EOI still clears remote IRR. */
	io_wr(0x10 + 2 * PIN, 0x51 | LEVEL | MASKED);
	eoi(0);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x51 | LEVEL | MASKED);
	assert_int_equal(take(0), -1);
}

static void two_pins_may_share_a_vector(void **state)
{
	(void)state;
	route(PIN, 0x51 | LEVEL, 0);
	route(11, 0x51 | LEVEL, 0);
	line(true);
	irq_set_level(&fake_vm, 11, true);
	assert_int_equal(take(0), 0x51);
	line(false);
	irq_set_level(&fake_vm, 11, false);
	eoi(0);
	assert_int_equal(io_rd(0x10 + 2 * PIN) & REMOTE_IRR, 0);
	assert_int_equal(io_rd(0x10 + 2 * 11) & REMOTE_IRR, 0);
}

static void switching_to_edge_clears_remote_irr(void **state)
{
	(void)state;
	route(PIN, 0x51 | LEVEL, 0);
	line(true);
	io_wr(0x10 + 2 * PIN, 0x51 | MASKED);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x51 | MASKED);
}

static void the_eoi_register_ends_a_vector(void **state)
{
	(void)state;
	/* Suppressed broadcast: the EOI at the APIC is not enough. */
	assert_int_equal(lapic_msr_write(fake_vcpus[0].lapic, X2_SVR, 0x11ff),
			 0);
	route(PIN, 0x51 | LEVEL, 0);
	line(true);
	assert_int_equal(take(0), 0x51);
	line(false);
	eoi(0);
	assert_int_equal(io_rd(0x10 + 2 * PIN) & REMOTE_IRR, REMOTE_IRR);
	ioapic_mmio_write(&fake_vm, 0x40, 4, 0x52);
	assert_int_equal(io_rd(0x10 + 2 * PIN) & REMOTE_IRR, REMOTE_IRR);
	ioapic_mmio_write(&fake_vm, 0x40, 4, 0x51);
	assert_int_equal(io_rd(0x10 + 2 * PIN) & REMOTE_IRR, 0);
}

static void registers_hold_what_they_should(void **state)
{
	(void)state;
	assert_int_equal(io_rd(0x01), 0x170020);
	io_wr(0x01, 0);
	assert_int_equal(io_rd(0x01), 0x170020);
	io_wr(0x00, 0xffffffff);
	assert_int_equal(io_rd(0x00), 0x0f000000);
	assert_int_equal(io_rd(0x02), 0x0f000000);
	/* Status bits and reserved bits can't be written. */
	route(PIN, 0xffffffff, 0xffffffff);
	assert_int_equal(io_rd(0x10 + 2 * PIN), 0x1afff);
	assert_int_equal(io_rd(0x11 + 2 * PIN), 0xff000000);
	assert_int_equal(io_rd(0x10 + 2 * 24), 0);
	assert_int_equal(io_rd(0xff), 0);
}

static void the_timer_is_on_pin_two(void **state)
{
	(void)state;
	route(2, 0x30, 0);
	irq_set_level(&fake_vm, 0, true);
	assert_int_equal(take(0), 0x30);
}

static void logical_and_lowest_priority(void **state)
{
	(void)state;
	/* Logical: bits 0 and 2 of cluster 0. */
	route(PIN, 0x51 | 0x800, 5u << 24);
	line(true);
	assert_int_equal(take(0), 0x51);
	assert_int_equal(take(1), -1);
	assert_int_equal(take(2), 0x51);
	eoi(0);
	eoi(2);
	line(false);
	/* Lowest priority: exactly one of them. */
	route(PIN, 0x51 | 0x900, 5u << 24);
	line(true);
	assert_int_equal((take(0) == 0x51) + (take(2) == 0x51), 1);
	assert_int_equal(take(1), -1);
	/* NMI. */
	route(PIN, 0x400, 3u << 24);
	line(false);
	line(true);
	assert_int_equal(fake_vcpus[3].requests, VCPU_REQ_NMI);
}

/* ---- 8259 ---- */

static void wr(uint16_t port, uint8_t val)
{
	pic_pio_write(&dev, port, val);
}

static uint8_t rd(uint16_t port)
{
	return pic_pio_read(&dev, port);
}

/* Vectors 0x20 and 0x28, as bootloaders choose; nothing masked. */
static void pic_setup(uint8_t icw4)
{
	wr(0x20, 0x11);
	wr(0x21, 0x20);
	wr(0x21, 0x04);
	wr(0x21, icw4);
	wr(0xa0, 0x11);
	wr(0xa1, 0x28);
	wr(0xa1, 0x02);
	wr(0xa1, 0x01);
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++)
		assert_int_equal(lapic_msr_write(fake_vcpus[i].lapic, 0x835,
						 i ? 0x10000 : 0x700),
				 0);
}

static void pic_priorities_and_cascade(void **state)
{
	(void)state;
	pic_setup(0x01);
	irq_set_level(&fake_vm, 4, true);
	irq_set_level(&fake_vm, 1, true);
	assert_int_equal(take(0), 0x21);
	/* Lower priority waits for the EOI. */
	assert_int_equal(take(0), -1);
	wr(0x20, 0x20);
	assert_int_equal(take(0), 0x24);
	/* The slave is above input 4. */
	irq_set_level(&fake_vm, 8, true);
	assert_int_equal(take(0), 0x28);
	wr(0xa0, 0x20);
	wr(0x20, 0x62);
	wr(0x20, 0x64);
	wr(0x20, 0x0b);
	assert_int_equal(rd(0x20), 0);
	assert_int_equal(take(0), -1);
}

static void pic_mask(void **state)
{
	(void)state;
	pic_setup(0x01);
	wr(0x21, 0xff);
	irq_set_level(&fake_vm, 4, true);
	assert_int_equal(take(0), -1);
	assert_int_equal(rd(0x20), 0x10); /* IRR */
	wr(0x21, 0xef);
	assert_int_equal(rd(0x21), 0xef);
	assert_int_equal(take(0), 0x24);
}

static void pic_auto_eoi(void **state)
{
	(void)state;
	pic_setup(0x03);
	irq_set_level(&fake_vm, 4, true);
	assert_int_equal(take(0), 0x24);
	irq_set_level(&fake_vm, 5, true);
	assert_int_equal(take(0), 0x25);
}

static void pic_level_triggered(void **state)
{
	(void)state;
	pic_setup(0x01);
	wr(0x4d0, 0xff);
	wr(0x4d1, 0xff);
	assert_int_equal(rd(0x4d0), 0xf8);
	assert_int_equal(rd(0x4d1), 0xde);
	irq_set_level(&fake_vm, 10, true);
	assert_int_equal(take(0), 0x2a);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	assert_int_equal(take(0), 0x2a);
	irq_set_level(&fake_vm, 10, false);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	assert_int_equal(take(0), -1);
}

static void pic_rotation_and_poll(void **state)
{
	(void)state;
	pic_setup(0x01);
	irq_set_level(&fake_vm, 1, true);
	assert_int_equal(take(0), 0x21);
	wr(0x20, 0xa0); /* rotate on EOI: input 1 is lowest now */
	irq_set_level(&fake_vm, 1, false);
	irq_set_level(&fake_vm, 1, true);
	irq_set_level(&fake_vm, 3, true);
	assert_int_equal(take(0), 0x23);
	wr(0x20, 0x20);
	wr(0x20, 0x0c); /* poll */
	assert_int_equal(rd(0x20), 0x81);
	assert_int_equal(take(0), -1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(edges_are_sent_once),
		T(a_masked_edge_is_lost),
		T(a_level_is_sent_again_after_eoi_while_high),
		T(a_masked_level_is_sent_when_unmasked),
		T(two_pins_may_share_a_vector),
		T(switching_to_edge_clears_remote_irr),
		T(the_eoi_register_ends_a_vector),
		T(registers_hold_what_they_should),
		T(the_timer_is_on_pin_two),
		T(logical_and_lowest_priority),
		T(pic_priorities_and_cascade),
		T(pic_mask),
		T(pic_auto_eoi),
		T(pic_level_triggered),
		T(pic_rotation_and_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
