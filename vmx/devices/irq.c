/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From device lines to interrupt controllers: each ISA interrupt reaches both
 * the 8259 pair and the IOAPIC pin of the same number, but the timer, which is
 * on pin 2 (the MADT's override 0 -> 2).
 */
#include "vmx/devices/irq.h"

#include "vmx/devices/devices_priv.h"

#define TIMER_PIN 2u

void irqchip_init(struct irqchip *chip)
{
	spin_init(&chip->lock, LOCK_IOAPIC, "irqchip");
	irqchip_reset(chip);
}

void irqchip_reset(struct irqchip *chip)
{
	uint64_t flags = spin_lock_irqsave(&chip->lock);

	ioapic_reset(&chip->ioapic);
	pic_reset(&chip->pic);
	spin_unlock_irqrestore(&chip->lock, flags);
}

void irq_set_level(struct vm *vm, unsigned irq, bool high)
{
	struct irqchip *chip = &vm->dev->irqchip;
	unsigned pin = irq == IRQ_TIMER ? TIMER_PIN : irq;
	uint64_t flags;

	BUG_ON(irq >= IOAPIC_NR_PINS || irq == IRQ_CASCADE);
	flags = spin_lock_irqsave(&chip->lock);
	if (irq < 16)
		pic_set_irq_locked(vm, &chip->pic, irq, high);
	ioapic_set_pin_locked(vm, &chip->ioapic, pin, high);
	spin_unlock_irqrestore(&chip->lock, flags);
}
