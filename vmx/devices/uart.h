/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual 16550A (COM1). Its console side (output ring, listener) outlives
 * the VM's runs: see uart.c and vuart_* in devices.h.
 */
#ifndef VMX_DEVICES_UART_H
#define VMX_DEVICES_UART_H

#include "kernel/lib/compiler.h"
#include "vmx/vm.h"

#define UART_INPUT_RING 256u /* power of two */

struct vuart_console;

/* All fields: [console.lock] */
struct uart {
	struct vm *vm;		   /* [const] */
	struct vuart_console *con; /* [const] */
	uint8_t ier, lcr, mcr, scratch;
	uint8_t dll, dlm;
	uint8_t msr_delta;
	uint8_t rx_trigger;
	bool fifo_on;
	bool thre_pending; /* transmitter ran empty, IIR not read since */
	bool overrun;
	bool irq_high;
	uint32_t rx_head, rx_tail; /* free running */
	char rx[UART_INPUT_RING];
};

/* 0, -ENOMEM (console ring, at a VM's first start only). */
MUST_CHECK int uart_init(struct uart *u, struct vm *vm);
void uart_reset(struct uart *u);
/* The VM goes away: input has nobody to take it any more. */
void uart_detach(struct uart *u);

struct vm_devices;
uint8_t uart_pio_read(struct vm_devices *d, uint16_t port);
void uart_pio_write(struct vm_devices *d, uint16_t port, uint8_t val);

#endif
