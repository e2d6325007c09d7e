/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual 8259A pair, wired to every local APIC's LINT0. Shares its lock with
 * the IOAPIC (struct irqchip, irq.h).
 */
#ifndef VMX_DEVICES_PIC_H
#define VMX_DEVICES_PIC_H

#include "kernel/lib/compiler.h"
#include "vmx/vm.h"

/* One chip. All fields: [irqchip.lock] */
struct pic_chip {
	uint8_t irr, isr, imr;
	uint8_t lines;	   /* levels of the inputs */
	uint8_t elcr;	   /* 1: level-triggered */
	uint8_t elcr_mask; /* which bits the guest may set */
	uint8_t base;	   /* ICW2 */
	uint8_t next_icw;  /* 2..4 while being initialized, else 0 */
	uint8_t lowest;	   /* input with the lowest priority */
	bool needs_icw4;
	bool auto_eoi, rotate_on_auto_eoi;
	bool special_mask, special_nested;
	bool reads_isr; /* OCW3: command port reads ISR, not IRR */
	bool poll;	/* the next read is a poll */
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
	bool intr;		 /* level of the output */
};

void pic_reset(struct pic *pic);
/* Input 0..15 changed. irqchip.lock held. */
void pic_set_irq_locked(struct vm *vm, struct pic *pic, unsigned irq,
			bool high);

/* The vector that an acknowledge would give now, -1: none. Takes the lock. */
int pic_pending_vector(struct vm *vm);
/* Acknowledges it, if it is still this one. Takes the lock. */
bool pic_accept(struct vm *vm, int vector);

struct vm_devices;
uint8_t pic_pio_read(struct vm_devices *d, uint16_t port);
void pic_pio_write(struct vm_devices *d, uint16_t port, uint8_t val);

#endif
