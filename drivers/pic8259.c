// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Legacy PICs: kept out of the way, unless the IOAPIC can't be found and a
 * line must come through them.
 */
#include "drivers/pic8259.h"

#include "kernel/lib/x86.h"

enum {
	MASTER_CMD = 0x20,
	MASTER_DATA = 0x21,
	SLAVE_CMD = 0xa0,
	SLAVE_DATA = 0xa1
};

#define ICW1_INIT   0x11 /* edge, cascade, ICW4 follows */
#define ICW4_8086   0x01
#define OCW2_EOI    0x20
#define CASCADE_IRQ 2

static uint16_t masked = 0xffff; /* [boot] bit = line */

static void write_masks(void)
{
	outb(MASTER_DATA, (uint8_t)masked);
	outb(SLAVE_DATA, (uint8_t)(masked >> 8));
}

void pic8259_init(uint8_t vector)
{
	outb(MASTER_CMD, ICW1_INIT);
	outb(SLAVE_CMD, ICW1_INIT);
	outb(MASTER_DATA, vector);
	outb(SLAVE_DATA, (uint8_t)(vector + 8));
	outb(MASTER_DATA, 1u << CASCADE_IRQ);
	outb(SLAVE_DATA, CASCADE_IRQ);
	outb(MASTER_DATA, ICW4_8086);
	outb(SLAVE_DATA, ICW4_8086);
	write_masks();
}

void pic8259_unmask(unsigned line)
{
	masked &= (uint16_t) ~(1u << line);
	if (line >= 8)
		masked &= (uint16_t) ~(1u << CASCADE_IRQ);
	write_masks();
}

void pic8259_mask(unsigned line)
{
	masked |= (uint16_t)(1u << line);
	write_masks();
}

void pic8259_eoi(unsigned line)
{
	if (line >= 8)
		outb(SLAVE_CMD, OCW2_EOI);
	outb(MASTER_CMD, OCW2_EOI);
}
