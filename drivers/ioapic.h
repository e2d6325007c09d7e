/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's IOAPICs, for the few lines the hypervisor itself uses. */
#ifndef DRIVERS_IOAPIC_H
#define DRIVERS_IOAPIC_H

#include "kernel/lib/compiler.h"

#define IOAPIC_NBYTES 0x14u /* of registers */

/*
 * Adds the IOAPIC whose registers are mapped at `regs` and whose first input
 * is `gsi_base`, all inputs masked. -ENODEV: none answers there. -ENOMEM: there
 * are too many.
 */
MUST_CHECK int ioapic_add(volatile void *regs, uint32_t gsi_base);

struct ioapic_route {
	uint32_t gsi;
	uint8_t vector;
	uint32_t apic_id; /* destination, below 256 */
	bool level, active_low;
};
/* Unmasks an input. -ENOENT: no IOAPIC has that GSI. */
MUST_CHECK int ioapic_route(const struct ioapic_route *r);
void ioapic_mask(uint32_t gsi);

#endif
