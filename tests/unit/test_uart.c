/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's 16550A and what the administrator sees of it: the driver's view
 * through the ports, the ring of output, input, interrupts.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c vmx/devices/uart.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fake_vm.h"

#define COM 0x3f8u

static struct vm_devices dev;

static int setup(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.vm = &fake_vm;
	fake_vm.dev = &dev;
	irqchip_init(&dev.irqchip);
	fake_vm_create(1);
	return uart_init(&dev.uart, &fake_vm);
}

static int teardown(void **state)
{
	(void)state;
	vuart_set_listener(&fake_vm, NULL);
	uart_detach(&dev.uart);
	fake_vm_destroy();
	return 0;
}

static uint8_t in8(uint16_t port)
{
	return uart_pio_read(&dev, port);
}

static void out8(uint16_t port, uint8_t val)
{
	uart_pio_write(&dev, port, val);
}

static bool irq_is_high(unsigned irq)
{
	return dev.irqchip.ioapic.lines >> irq & 1;
}

/* How many characters were ever written: where the next one goes. */
static uint64_t output_end(void)
{
	uint64_t pos = 0, lost;
	char text[64];

	while (vuart_output_read(&fake_vm, &pos, text, sizeof(text), &lost))
		;
	return pos;
}

static void uart_is_a_16550a(void **state)
{
	(void)state;
	/* As Linux's 8250 driver looks for it. */
	out8(COM + 1, 0);
	assert_int_equal(in8(COM + 1), 0);
	out8(COM + 1, 0xff);
	assert_int_equal(in8(COM + 1), 0x0f);
	out8(COM + 1, 0);
	out8(COM + 4, 0x1a); /* loopback, OUT2, RTS */
	assert_int_equal(in8(COM + 6) & 0xf0, 0x90);
	out8(COM + 4, 0);
	assert_int_equal(in8(COM + 6) & 0xf0, 0xb0);
	assert_int_equal(in8(COM + 2) & 0xc0, 0);
	out8(COM + 2, 1);
	assert_int_equal(in8(COM + 2) & 0xc0, 0xc0);
	out8(COM + 7, 0xa5);
	assert_int_equal(in8(COM + 7), 0xa5);
	out8(COM + 3, 0x83);
	out8(COM, 1);
	out8(COM + 1, 0);
	assert_int_equal(in8(COM), 1);
	out8(COM + 3, 3);
	assert_int_equal(in8(COM + 5), 0x60);
}

static void uart_output_and_lost_characters(void **state)
{
	uint64_t pos = output_end(), start = pos, lost;
	char text[16];

	(void)state;
	for (const char *s = "hello"; *s; s++)
		out8(COM, (uint8_t)*s);
	assert_int_equal(vuart_output_read(&fake_vm, &pos, text, 16, &lost), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(lost, 0);
	assert_int_equal(pos, start + 5);
	/* Nobody reads: the oldest go. */
	for (unsigned i = 0; i < VUART_RING + 10; i++)
		out8(COM, (uint8_t)('a' + i % 26));
	assert_int_equal(vuart_output_read(&fake_vm, &pos, text, 4, &lost), 4);
	assert_int_equal(lost, 10);
	assert_memory_equal(text, "klmn", 4);
	/* What was printed outlives the run. */
	uart_detach(&dev.uart);
	pos = output_end() - 1;
	assert_int_equal(vuart_output_read(&fake_vm, &pos, text, 16, &lost), 1);
	assert_int_equal(uart_init(&dev.uart, &fake_vm), 0);
}

static void uart_wakes_its_listener_once(void **state)
{
	struct thread *me = thread_self();
	uint64_t pos = output_end(), lost;
	unsigned before = fake_nr_unparks;
	char text[64];

	(void)state;
	vuart_set_listener(&fake_vm, me);
	for (unsigned i = 0; i < 20; i++)
		out8(COM, 'x');
	assert_int_equal(fake_nr_unparks, before + 1);
	assert_int_equal(vuart_output_read(&fake_vm, &pos, text, 64, &lost),
			 20);
	out8(COM, 'x');
	assert_int_equal(fake_nr_unparks, before + 2);
}

static void uart_transmit_interrupt(void **state)
{
	(void)state;
	out8(COM + 4, 0x08);
	assert_false(irq_is_high(4));
	out8(COM + 1, 2);
	assert_true(irq_is_high(4));
	assert_int_equal(in8(COM + 2) & 0xf, 2);
	assert_false(irq_is_high(4));
	assert_int_equal(in8(COM + 2) & 0xf, 1);
	out8(COM, 'x');
	assert_true(irq_is_high(4));
	/* Without OUT2 it does not reach the bus. */
	out8(COM + 4, 0);
	assert_false(irq_is_high(4));
	out8(COM + 4, 8);
	assert_true(irq_is_high(4));
	out8(COM + 1, 0);
	assert_false(irq_is_high(4));
}

static void uart_receive_interrupt(void **state)
{
	(void)state;
	out8(COM + 4, 0x08);
	out8(COM + 2, 0x81); /* trigger at 8 */
	out8(COM + 1, 1);
	assert_int_equal(vuart_input(&fake_vm, "abc", 3), 3);
	assert_true(irq_is_high(4));
	assert_int_equal(in8(COM + 2) & 0xf, 0xc);
	assert_int_equal(vuart_input(&fake_vm, "defgh", 5), 5);
	assert_int_equal(in8(COM + 2) & 0xf, 4);
	assert_int_equal(in8(COM + 5) & 1, 1);
	for (const char *s = "abcdefgh"; *s; s++)
		assert_int_equal(in8(COM), *s);
	assert_int_equal(in8(COM + 5) & 1, 0);
	assert_false(irq_is_high(4));
	/* Receiving comes before transmitting. */
	out8(COM + 1, 3);
	(void)vuart_input(&fake_vm, "z", 1);
	assert_int_equal(in8(COM + 2) & 0xf, 0xc);
	(void)in8(COM);
	assert_int_equal(in8(COM + 2) & 0xf, 2);
}

static void uart_input_is_bounded(void **state)
{
	static char much[1000];

	(void)state;
	assert_int_equal(vuart_input(&fake_vm, much, sizeof(much)),
			 UART_INPUT_RING);
	assert_int_equal(vuart_input(&fake_vm, much, sizeof(much)), 0);
	out8(COM + 2, 3);
	assert_int_equal(in8(COM + 5) & 1, 0);
	assert_int_equal(vuart_input(&fake_vm, much, 5), 5);
}

static void uart_loopback(void **state)
{
	uint64_t end = output_end();

	(void)state;
	out8(COM + 4, 0x10);
	out8(COM, 'q');
	assert_int_equal(output_end(), end);
	assert_int_equal(in8(COM), 'q');
	assert_int_equal(vuart_input(&fake_vm, "x", 1), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(uart_is_a_16550a),
		T(uart_output_and_lost_characters),
		T(uart_wakes_its_listener_once),
		T(uart_transmit_interrupt),
		T(uart_receive_interrupt),
		T(uart_input_is_bounded),
		T(uart_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
