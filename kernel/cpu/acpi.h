/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hypervisor needs from the host's ACPI tables. The tables are
 * untrusted bytes: each is used only if it lies in memory, its length is sane
 * and its checksum is right. Machines without tables get the PC's defaults.
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

#define ACPI_MAX_IOAPICS 8u
#define ACPI_ISA_IRQS	 16u

struct acpi_isa_irq {
	uint32_t gsi;
	bool level, active_low;
};

struct acpi_host {
	bool found; /* an RSDP with a root table */
	uint32_t nr_ioapics;
	struct {
		uint64_t hpa;
		uint32_t gsi_base;
	} ioapics[ACPI_MAX_IOAPICS];
	struct acpi_isa_irq isa[ACPI_ISA_IRQS];
	uint16_t pm_timer_port;		       /* 0: none */
	uint16_t pm1a_cnt_port, pm1b_cnt_port; /* 0: none */
	bool has_s5;
	uint8_t s5_typ_a, s5_typ_b;
	uint16_t reset_port; /* 0: none */
	uint8_t reset_value;
};

/* [const after acpi_init] */
extern struct acpi_host acpi_host;

/* Reads the tables below rsdp (0: none). Boot CPU, on the direct map. */
void acpi_init(uint64_t rsdp, const struct boot_mem *map, uint32_t nr);

/*
 * TSC ticks while the ACPI PM timer counts `us` microseconds (below one
 * second). -ENODEV: there is none, or it stands still.
 */
MUST_CHECK int acpi_pm_timer_measure_tsc(uint32_t us, uint64_t *ticks);

/* Powers the machine off by PM1, resets it by the reset register, if it can. */
void acpi_power_off(void);
void acpi_reset(void);

#endif
