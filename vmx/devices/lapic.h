/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the other virtual devices may do with a local APIC. What vmx/ core
 * may do is in devices.h.
 */
#ifndef VMX_DEVICES_LAPIC_H
#define VMX_DEVICES_LAPIC_H

#include "kernel/lib/addr.h"
#include "vmx/devices/devices.h"

/* The 8259's INTR line, wired to LINT0. Any context. */
void lapic_set_intr(struct lapic *l, bool high);

/* True if a is in this APIC's register page and the page is on. */
bool lapic_owns_mmio(const struct lapic *l, gpa_t a);
/* Accesses at byte offset off of that page. Own thread. */
void lapic_mmio_read(struct lapic *l, uint32_t off, unsigned nbytes,
		     uint64_t *val);
void lapic_mmio_write(struct lapic *l, uint32_t off, unsigned nbytes,
		      uint64_t val);

#endif
