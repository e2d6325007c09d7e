// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IOAPIC (Intel 82093AA). Registers are reached through an index and a data
 * window; only boot code uses them, on one CPU.
 */
#include "drivers/ioapic.h"

#include "kernel/lib/apic_format.h"
#include "kernel/lib/errno.h"

#define MAX_IOAPICS 8u
_Static_assert(IOAPIC_OFF_WINDOW + 4 == IOAPIC_NBYTES, "the last register");

static struct ioapic {
	volatile uint8_t *regs;
	uint32_t gsi_base, nr_inputs;
} ioapics[MAX_IOAPICS]; /* [boot] */
static unsigned nr_ioapics;

static uint32_t reg_read(const struct ioapic *io, uint32_t reg)
{
	*(volatile uint32_t *)io->regs = reg;
	return *(volatile uint32_t *)(io->regs + IOAPIC_OFF_WINDOW);
}

static void reg_write(const struct ioapic *io, uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)io->regs = reg;
	*(volatile uint32_t *)(io->regs + IOAPIC_OFF_WINDOW) = v;
}

int ioapic_add(volatile void *regs, uint32_t gsi_base)
{
	struct ioapic io = { .regs = regs, .gsi_base = gsi_base };
	uint32_t version;

	if (nr_ioapics == MAX_IOAPICS)
		return -ENOMEM;
	version = reg_read(&io, IOAPIC_REG_VERSION);
	if (version == UINT32_MAX || !(version & 0xff))
		return -ENODEV;
	io.nr_inputs = (version >> 16 & 0xff) + 1;
	for (uint32_t i = 0; i < io.nr_inputs; i++)
		reg_write(&io, IOAPIC_REG_ENTRY + 2 * i, IOAPIC_ENTRY_MASKED);
	ioapics[nr_ioapics++] = io;
	return 0;
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].nr_inputs)
			return &ioapics[i];
	return NULL;
}

int ioapic_route(const struct ioapic_route *r)
{
	const struct ioapic *io = ioapic_of(r->gsi);
	uint32_t reg;

	if (!io)
		return -ENOENT;
	reg = IOAPIC_REG_ENTRY + 2 * (r->gsi - io->gsi_base);
	reg_write(io, reg + 1, r->apic_id << 24);
	reg_write(io, reg,
		  r->vector | (r->active_low ? IOAPIC_ENTRY_ACTIVE_LOW : 0) |
			  (r->level ? IOAPIC_ENTRY_LEVEL : 0));
	return 0;
}

void ioapic_mask(uint32_t gsi)
{
	const struct ioapic *io = ioapic_of(gsi);

	if (io)
		reg_write(io, IOAPIC_REG_ENTRY + 2 * (gsi - io->gsi_base),
			  IOAPIC_ENTRY_MASKED);
}
