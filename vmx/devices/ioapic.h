/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual IOAPIC: 24 pins, version 0x20 (with EOI register), at
 * IOAPIC_DEFAULT_PAGE. Shares its lock with the 8259 pair (struct irqchip,
 * irq.h).
 */
#ifndef VMX_DEVICES_IOAPIC_H
#define VMX_DEVICES_IOAPIC_H

#include "kernel/lib/compiler.h"
#include "vmx/vm.h"

#define IOAPIC_NR_PINS 24u

/* All fields: [irqchip.lock] */
struct ioapic {
	uint64_t redir[IOAPIC_NR_PINS];
	uint32_t lines; /* bit = pin is asserted */
	uint32_t id;	/* 4 bits */
	uint8_t select; /* IOREGSEL */
};

void ioapic_reset(struct ioapic *io);
/* A pin's line changed. irqchip.lock held. */
void ioapic_set_pin_locked(struct vm *vm, struct ioapic *io, unsigned pin,
			   bool asserted);
/* A level-triggered vector was ended at a local APIC. Takes the lock. */
void ioapic_eoi(struct vm *vm, uint8_t vector);
/* Accesses at byte offset off of the page. Take the lock. */
void ioapic_mmio_read(struct vm *vm, uint32_t off, unsigned nbytes,
		      uint64_t *val);
void ioapic_mmio_write(struct vm *vm, uint32_t off, unsigned nbytes,
		       uint64_t val);

#endif
