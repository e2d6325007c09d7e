/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a 16550A, the host's and guests': National Semiconductor
 * PC16550D data sheet. Offsets of ports, and bits.
 */
#ifndef KERNEL_UART_FORMAT_H
#define KERNEL_UART_FORMAT_H

enum uart_reg {
	UART_DATA = 0, /* RBR, THR; with DLAB: divisor low */
	UART_IER = 1,  /* with DLAB: divisor high */
	UART_IIR = 2,  /* read */
	UART_FCR = 2,  /* written */
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCRATCH = 7,
};

#define UART_COM1 0x3f8u /* where a PC's first one is */

#define UART_IER_RX	   0x01u
#define UART_IER_THRE	   0x02u
#define UART_IER_LINE	   0x04u
#define UART_IER_MODEM	   0x08u
#define UART_IIR_NONE	   0x01u
#define UART_IIR_THRE	   0x02u
#define UART_IIR_RX	   0x04u
#define UART_IIR_LINE	   0x06u
#define UART_IIR_TIMEOUT   0x0cu
#define UART_IIR_FIFO	   0xc0u
#define UART_FCR_ENABLE	   0x01u
#define UART_FCR_CLR_RX	   0x02u
#define UART_FCR_CLR_TX	   0x04u
#define UART_FCR_TRIGGER_8 0x80u
#define UART_LCR_8N1	   0x03u
#define UART_LCR_DLAB	   0x80u
#define UART_MCR_DTR	   0x01u
#define UART_MCR_RTS	   0x02u
#define UART_MCR_OUT1	   0x04u
#define UART_MCR_OUT2	   0x08u /* lets the interrupt out on a PC */
#define UART_MCR_LOOP	   0x10u
#define UART_LSR_DATA	   0x01u
#define UART_LSR_OVERRUN   0x02u
#define UART_LSR_THRE	   0x20u
#define UART_LSR_EMPTY	   0x40u /* the transmitter is, too */
#define UART_MSR_CTS	   0x10u
#define UART_MSR_DSR	   0x20u
#define UART_MSR_RI	   0x40u
#define UART_MSR_DCD	   0x80u

#endif
