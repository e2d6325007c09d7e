// SPDX-License-Identifier: GPL-2.0-or-later
/* 16550 UART; register names follow the PC16550D data sheet. */
#include "drivers/uart16550.h"

#include "kernel/lib/x86.h"

enum uart_reg {
	RBR_THR = 0, /* with DLAB: divisor low */
	IER = 1,     /* with DLAB: divisor high */
	IIR_FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

#define UART_CLOCK_BAUD 115200u /* 1.8432 MHz / 16 */

#define IER_RX	      0x01u
#define IER_TX	      0x02u
#define IIR_NONE      0x01u
#define FCR_ENABLE    0x07u /* on, both cleared */
#define FCR_TRIGGER_8 0x80u
#define LCR_8N1	      0x03u
#define LCR_DLAB      0x80u
#define MCR_DTR_RTS   0x03u
#define MCR_OUT2      0x08u /* lets the interrupt out on a PC */
#define LSR_DATA      0x01u
#define LSR_THR_EMPTY 0x20u

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
	put(SCR, 0x5a);
	if (get(SCR) != 0x5a)
		return false;
	put(SCR, 0xa5);
	return get(SCR) == 0xa5;
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
	put(IER, 0);
	put(LCR, LCR_DLAB);
	put(RBR_THR, (uint8_t)divisor);
	put(IER, (uint8_t)(divisor >> 8));
	put(LCR, LCR_8N1);
	put(IIR_FCR, FCR_ENABLE | FCR_TRIGGER_8);
	put(MCR, MCR_DTR_RTS | MCR_OUT2);
	return true;
}

size_t uart16550_write_some(const char *s, size_t n)
{
	if (!base || !(get(LSR) & LSR_THR_EMPTY))
		return 0;
	n = min(n, (size_t)UART16550_FIFO);
	for (size_t i = 0; i < n; i++)
		put(RBR_THR, (uint8_t)s[i]);
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
	if (!base || !(get(LSR) & LSR_DATA))
		return -1;
	return get(RBR_THR);
}

void uart16550_set_irqs(bool rx, bool tx)
{
	if (base)
		put(IER, (rx ? IER_RX : 0) | (tx ? IER_TX : 0));
}

bool uart16550_irq_ack(void)
{
	if (!base || get(IIR_FCR) & IIR_NONE)
		return false;
	get(LSR); /* receiver line status is acknowledged by reading it */
	get(MSR);
	return true;
}
