/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual IOAPIC (Intel 82093AA data sheet; the EOI register of version 0x20
 * as in Intel's I/O controller hubs, "EOI Register").
 *
 * Invariant: remote IRR of a level-triggered pin is set from the moment its
 * message is sent until the matching EOI; only a clear one sends.
 */
#include "vmx/devices/ioapic.h"

#include "kernel/lib/apic_format.h"
#include "kernel/lib/lib.h"
#include "vmx/devices/devices_priv.h"

#define VERSION_VALUE (0x20u | (IOAPIC_NR_PINS - 1) << 16)

#define REDIR_READ_ONLY (IOAPIC_ENTRY_STATUS | IOAPIC_ENTRY_REMOTE_IRR)
#define REDIR_WRITABLE	0xff0000000001afffull

void ioapic_reset(struct ioapic *io)
{
	memset(io, 0, sizeof(*io));
	for (unsigned i = 0; i < IOAPIC_NR_PINS; i++)
		io->redir[i] = IOAPIC_ENTRY_MASKED;
}

/* An entry has the bit layout of an MSI, apart from the destination. */
static void send(struct vm *vm, uint64_t redir)
{
	uint64_t dest = redir >> 56;
	uint64_t logical = redir & IOAPIC_ENTRY_LOGICAL ? 4 : 0;

	lapic_deliver_msi(vm, APIC_DEFAULT_PAGE | dest << 12 | logical,
			  (uint32_t)redir &
				  (0x7ff | (uint32_t)IOAPIC_ENTRY_LEVEL));
}

/* Sends for a pin that is asserted, if its entry lets it. */
static void service_level(struct vm *vm, struct ioapic *io, unsigned pin)
{
	uint64_t *redir = &io->redir[pin];

	if (!(io->lines & BIT(pin)) || !(*redir & IOAPIC_ENTRY_LEVEL) ||
	    (*redir & (IOAPIC_ENTRY_MASKED | IOAPIC_ENTRY_REMOTE_IRR)))
		return;
	*redir |= IOAPIC_ENTRY_REMOTE_IRR;
	send(vm, *redir);
}

void ioapic_set_pin_locked(struct vm *vm, struct ioapic *io, unsigned pin,
			   bool asserted)
{
	uint32_t bit = (uint32_t)BIT(pin);
	bool rose = asserted && !(io->lines & bit);

	if (!asserted) {
		io->lines &= ~bit;
		return;
	}
	io->lines |= bit;
	if (io->redir[pin] & IOAPIC_ENTRY_LEVEL)
		service_level(vm, io, pin);
	else if (rose && !(io->redir[pin] & IOAPIC_ENTRY_MASKED))
		send(vm, io->redir[pin]);
}

static void eoi_locked(struct vm *vm, struct ioapic *io, uint8_t vector)
{
	for (unsigned i = 0; i < IOAPIC_NR_PINS; i++) {
		if (!(io->redir[i] & IOAPIC_ENTRY_REMOTE_IRR) ||
		    (uint8_t)io->redir[i] != vector)
			continue;
		io->redir[i] &= ~IOAPIC_ENTRY_REMOTE_IRR;
		service_level(vm, io, i);
	}
}

void ioapic_eoi(struct vm *vm, uint8_t vector)
{
	struct irqchip *chip = &vm->dev->irqchip;
	uint64_t flags = spin_lock_irqsave(&chip->lock);

	eoi_locked(vm, &chip->ioapic, vector);
	spin_unlock_irqrestore(&chip->lock, flags);
}

static uint32_t window_read(const struct ioapic *io)
{
	unsigned pin;

	switch (io->select) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARB: return io->id << 24;
	case IOAPIC_REG_VERSION: return VERSION_VALUE;
	default: break;
	}
	pin = (io->select - IOAPIC_REG_ENTRY) / 2u;
	if (io->select < IOAPIC_REG_ENTRY || pin >= IOAPIC_NR_PINS)
		return 0;
	return (uint32_t)(io->redir[pin] >> (io->select & 1 ? 32 : 0));
}

static void redir_write(struct vm *vm, struct ioapic *io, unsigned pin,
			bool high_half, uint32_t val)
{
	uint64_t redir = io->redir[pin];
	uint64_t ro = redir & REDIR_READ_ONLY;

	if (high_half)
		redir = (redir & 0xffffffffu) | (uint64_t)val << 32;
	else
		redir = (redir & ~0xffffffffull) | val;
	redir = (redir & REDIR_WRITABLE) | ro;
	/* An edge-triggered entry has no remote IRR to wait for. */
	if (!(redir & IOAPIC_ENTRY_LEVEL))
		redir &= ~IOAPIC_ENTRY_REMOTE_IRR;
	io->redir[pin] = redir;
	service_level(vm, io, pin);
}

static void window_write(struct vm *vm, struct ioapic *io, uint32_t val)
{
	unsigned pin = (io->select - IOAPIC_REG_ENTRY) / 2u;

	if (io->select == IOAPIC_REG_ID) {
		io->id = val >> 24 & 0xf;
		return;
	}
	if (io->select >= IOAPIC_REG_ENTRY && pin < IOAPIC_NR_PINS)
		redir_write(vm, io, pin, io->select & 1, val);
}

void ioapic_mmio_read(struct vm *vm, uint32_t off, unsigned nbytes,
		      uint64_t *val)
{
	struct irqchip *chip = &vm->dev->irqchip;
	uint64_t flags;
	uint32_t reg = 0;

	*val = 0;
	if ((off & 15) + nbytes > 4)
		return;
	flags = spin_lock_irqsave(&chip->lock);
	if ((off & ~15u) == IOAPIC_OFF_INDEX)
		reg = chip->ioapic.select;
	else if ((off & ~15u) == IOAPIC_OFF_WINDOW)
		reg = window_read(&chip->ioapic);
	spin_unlock_irqrestore(&chip->lock, flags);
	*val = reg >> (off & 3) * 8;
	if (nbytes < 4)
		*val &= BIT(nbytes * 8) - 1;
}

void ioapic_mmio_write(struct vm *vm, uint32_t off, unsigned nbytes,
		       uint64_t val)
{
	struct irqchip *chip = &vm->dev->irqchip;
	uint64_t flags;

	/* The select and EOI registers are bytes; the window is 32 bits. */
	if (off == IOAPIC_OFF_WINDOW && nbytes != 4)
		return;
	flags = spin_lock_irqsave(&chip->lock);
	switch (off) {
	case IOAPIC_OFF_INDEX: chip->ioapic.select = (uint8_t)val; break;
	case IOAPIC_OFF_WINDOW:
		window_write(vm, &chip->ioapic, (uint32_t)val);
		break;
	case IOAPIC_OFF_EOI: eoi_locked(vm, &chip->ioapic, (uint8_t)val); break;
	default: break;
	}
	spin_unlock_irqrestore(&chip->lock, flags);
}
