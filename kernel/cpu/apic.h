/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This CPU's local APIC: x2APIC where there is one, else the memory-mapped
 * kind. Before apic_init() every call but the init ones does nothing.
 */
#ifndef KERNEL_APIC_H
#define KERNEL_APIC_H

#include "kernel/lib/compiler.h"

/*
 * Finds the APIC and, without x2APIC, maps its registers. Boot CPU; after the
 * host page tables. -ENODEV: no APIC. -ENOMEM.
 */
MUST_CHECK int apic_init(void);
/* Switches the calling CPU's APIC on, everything masked. */
void apic_init_cpu(void);

uint32_t apic_id(void);
void apic_eoi(void);
bool apic_is_x2(void);

/* Fixed interrupt to one CPU, by APIC ID. Any context. */
void apic_send_ipi(uint32_t apic_id, uint8_t vector);
/* To this CPU itself. Any context, #MC included. */
void apic_send_self(uint8_t vector);
/* NMI to one CPU. Any context, NMI included. */
void apic_send_nmi(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
/* page: start address >> 12, below 1 MiB. */
void apic_send_startup(uint32_t apic_id, uint8_t page);

/* Lets the legacy PIC interrupt the calling CPU (LINT0 as ExtINT), or not. */
void apic_set_extint(bool on);

/*
 * The timer, one shot. apic_timer_init_cpu() sets it up on the calling CPU;
 * apic_timer_calibrate() (boot CPU, before) measures its rate against the
 * TSC where there is no TSC-deadline mode.
 */
void apic_timer_calibrate(void);
void apic_timer_init_cpu(uint8_t vector);
/* Fires once at or shortly after the TSC value; ~0: never. */
void apic_timer_set(uint64_t tsc_deadline);

#endif
