// SPDX-License-Identifier: GPL-2.0-or-later
/* 16550 UART; register names follow the PC16550D data sheet. */
#include "drivers/uart16550.h"

#include "kernel/lib/uart_format.h"
#include "kernel/lib/x86.h"

#define UART_CLOCK_BAUD 115200u /* 1.8432 MHz / 16 */

/* A character at 300 baud takes 33 ms; a port read about 1 us. */
#define PATIENCE 200000u

static uint16_t base; /* 0: no UART [const after init] */

static uint8_t get(enum uart_reg r)
{
	return inb((uint16_t)(base + r));
}

static void put(enum uart_reg r, uint8_t v)
{
	outb((uint16_t)(base + r), v);
}

static bool is_there(void)
{
	put(UART_SCRATCH, 0x5a);
	if (get(UART_SCRATCH) != 0x5a)
		return false;
	put(UART_SCRATCH, 0xa5);
	return get(UART_SCRATCH) == 0xa5;
}

bool uart16550_init(uint16_t port, uint32_t baud)
{
	uint32_t divisor = UART_CLOCK_BAUD / (baud ? baud : UART_CLOCK_BAUD);

	base = port;
	if (!base || !is_there()) {
		base = 0;
		return false;
	}
	if (!divisor)
		divisor = 1;
	put(UART_IER, 0);
	put(UART_LCR, UART_LCR_DLAB);
	put(UART_DATA, (uint8_t)divisor);
	put(UART_IER, (uint8_t)(divisor >> 8));
	put(UART_LCR, UART_LCR_8N1);
	put(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLR_RX | UART_FCR_CLR_TX |
			      UART_FCR_TRIGGER_8);
	put(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	return true;
}

size_t uart16550_write_some(const char *s, size_t n)
{
	if (!base || !(get(UART_LSR) & UART_LSR_THRE))
		return 0;
	n = min(n, (size_t)UART16550_FIFO);
	for (size_t i = 0; i < n; i++)
		put(UART_DATA, (uint8_t)s[i]);
	return n;
}

bool uart16550_write_polled(const char *s, size_t n)
{
	uint32_t patience = PATIENCE;

	while (base && n && patience) {
		size_t done = uart16550_write_some(s, n);

		s += done;
		n -= done;
		patience = done ? PATIENCE : patience - 1;
	}
	return !n;
}

int uart16550_read(void)
{
	if (!base || !(get(UART_LSR) & UART_LSR_DATA))
		return -1;
	return get(UART_DATA);
}

void uart16550_set_irqs(bool rx, bool tx)
{
	if (base)
		put(UART_IER,
		    (rx ? UART_IER_RX : 0) | (tx ? UART_IER_THRE : 0));
}

bool uart16550_irq_ack(void)
{
	if (!base || get(UART_IIR) & UART_IIR_NONE)
		return false;
	get(UART_LSR); /* receiver line status is acknowledged by reading it */
	get(UART_MSR);
	return true;
}
