/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One 16550 serial port, the console's. No locking: kernel/console/hostcon.c
 * calls it under its own lock, and panic without any.
 */
#ifndef DRIVERS_UART16550_H
#define DRIVERS_UART16550_H

#include "kernel/lib/compiler.h"

#define UART16550_FIFO 16u

/*
 * Sets the port up: 8N1, FIFOs on, interrupts off. Also tells whether there is
 * a UART at all; if not, the other calls do nothing.
 */
bool uart16550_init(uint16_t port, uint32_t baud);

/* Writes what the transmitter takes now, 0..FIFO characters; returns how many.
 */
size_t uart16550_write_some(const char *s, size_t n);
/* Writes all of it, waiting for the line; false: gave up on a dead one. */
bool uart16550_write_polled(const char *s, size_t n);
/* The next received character, or -1. */
int uart16550_read(void);
/* Which conditions interrupt: a received character; room to transmit. */
void uart16550_set_irqs(bool rx, bool tx);
/* Acknowledges what the UART interrupted for. False: it was not the UART. */
bool uart16550_irq_ack(void);

#endif
