/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt vectors of the host. Handlers run with interrupts off, in the
 * context of whatever was interrupted: they must be short, may not block, and
 * may take only irqsave locks. The dispatcher sends the EOI after them.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/lib/compiler.h"

/* A higher number is a higher priority to the local APIC. */
enum irq_vector {
	IRQ_VEC_FIRST = 0x20,
	IRQ_VEC_PIC = 0x20, /* 16 vectors of the legacy PIC */
	IRQ_VEC_UART = 0x30,
	IRQ_VEC_CALL = 0xf0,
	IRQ_VEC_KICK = 0xf1,
	IRQ_VEC_TIMER = 0xf2,
	IRQ_VEC_MCE = 0xf3,	 /* events of kernel/cpu/mce.h wait */
	IRQ_VEC_SPURIOUS = 0xff, /* low four bits must be ones: old APICs */
};

/* fn: NULL to remove. Boot, or a vector that can't be arriving. */
void irq_register(uint8_t vector, void (*fn)(void));

/* From kernel/cpu/trap.c, for vectors from IRQ_VEC_FIRST up. */
void irq_dispatch(uint8_t vector);

#endif
