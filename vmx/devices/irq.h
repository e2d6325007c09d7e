/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controllers of one VM apart from its local APICs, behind one
 * lock. Lines are raised with irq_set_level() (devices.h).
 */
#ifndef VMX_DEVICES_IRQ_H
#define VMX_DEVICES_IRQ_H

#include "kernel/sync/spinlock.h"
#include "vmx/devices/ioapic.h"
#include "vmx/devices/pic.h"

struct irqchip {
	struct spinlock lock; /* LOCK_IOAPIC, irqsave */
	struct ioapic ioapic;
	struct pic pic;
};

void irqchip_init(struct irqchip *chip);
void irqchip_reset(struct irqchip *chip);

/* ISA interrupts and the pin of the memory device. */
#define IRQ_TIMER   0u
#define IRQ_CASCADE 2u /* between the 8259s: no device's */
#define IRQ_COM1    4u
#define IRQ_RTC	    8u
#define IRQ_SCI	    9u
#define IRQ_MEMDEV  10u

#endif
