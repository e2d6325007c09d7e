/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables as they lie in memory (ACPI Specification 6.4, chapter "ACPI
 * Software Programming Model"): the host's are read, a guest's are written.
 * All are packed, as they may lie at any address.
 */
#ifndef KERNEL_ACPI_FORMAT_H
#define KERNEL_ACPI_FORMAT_H

#include "kernel/lib/compiler.h"

#define ACPI_RSDP_SIGNATURE "RSD PTR " /* of 8 bytes, the others of 4 */
#define ACPI_RSDT_SIGNATURE "RSDT"
#define ACPI_XSDT_SIGNATURE "XSDT"
#define ACPI_FADT_SIGNATURE "FACP"
#define ACPI_FACS_SIGNATURE "FACS"
#define ACPI_MADT_SIGNATURE "APIC"
#define ACPI_DSDT_SIGNATURE "DSDT"

/* "Root System Description Pointer". */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of what lies before nbytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t nbytes; /* from here on only with revision 2 */
	uint64_t xsdt;
	uint8_t ext_checksum, reserved[3];
} PACKED;
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI RSDP");

/* "System Description Table Header". */
struct acpi_header {
	char signature[4];
	uint32_t nbytes; /* header included */
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

/* "Generic Address Structure". */
struct acpi_gas {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} PACKED;
#define ACPI_GAS_IO    1u
#define ACPI_GAS_BYTE  1u
#define ACPI_GAS_WORD  2u
#define ACPI_GAS_DWORD 3u

/* "Fixed ACPI Description Table"; that of ACPI 1.0 ends before `reset`. */
struct acpi_fadt {
	struct acpi_header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr;
	uint32_t gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1;
} PACKED;
_Static_assert(sizeof(struct acpi_fadt) == 244, "FADT of ACPI 2.0 to 4.0");

#define FADT_WBINVD	    BIT(0)
#define FADT_PROC_C1	    BIT(2)
#define FADT_SLP_BUTTON	    BIT(5) /* set: no fixed sleep button */
#define FADT_FIX_RTC	    BIT(6) /* set: no RTC wake status */
#define FADT_TMR_VAL_EXT    BIT(8) /* the timer has 32 bits */
#define FADT_RESET_REG_SUP  BIT(10)
#define BOOT_LEGACY_DEVICES BIT(0) /* iapc_boot_arch */
#define BOOT_VGA_ABSENT	    BIT(2)

/* PM1 control register ("PM1 Control Registers"). */
#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_EN	       BIT(13)

struct acpi_facs {
	char signature[4];
	uint32_t nbytes, hardware_signature, waking_vector;
	uint32_t global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} PACKED;
_Static_assert(sizeof(struct acpi_facs) == 64, "size in the specification");

/* "Multiple APIC Description Table": entries follow one another. */
struct acpi_madt_header {
	struct acpi_header h;
	uint32_t lapic_address, flags; /* bit 0: dual 8259 present */
} PACKED;

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
};

struct madt_entry {
	uint8_t type, nbytes;
} PACKED;

struct madt_lapic {
	uint8_t type, nbytes, processor_id, apic_id;
	uint32_t flags;
} PACKED;
#define MADT_ENABLED	 BIT(0)
#define MADT_ONLINE_ABLE BIT(1)

struct madt_ioapic {
	uint8_t type, nbytes, id, reserved;
	uint32_t address, gsi_base;
} PACKED;

struct madt_override {
	uint8_t type, nbytes, bus, source;
	uint32_t gsi;
	uint16_t flags;
} PACKED;
/* "MPS INTI Flags": polarity and trigger mode, two bits each; 0: as the bus. */
#define MADT_POLARITY(flags) ((flags)&3u)
#define MADT_TRIGGER(flags)  ((flags) >> 2 & 3u)
#define MADT_ACTIVE_HIGH     1u
#define MADT_ACTIVE_LOW	     3u
#define MADT_LEVEL	     3u

struct madt_nmi {
	uint8_t type, nbytes, processor_id;
	uint16_t flags;
	uint8_t lint;
} PACKED;

struct madt_x2apic {
	uint8_t type, nbytes;
	uint16_t reserved;
	uint32_t apic_id, flags; /* as of madt_lapic */
	uint32_t processor_id;
} PACKED;

#endif
