/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables for a guest (ACPI Specification 6.4, chapter "ACPI Software
 * Programming Model"): RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT in the BIOS
 * area at 0xe0000, where a guest may search for them.
 *
 * Invariant: ports, GSIs and IDs here are those that vmx/devices/ answers to,
 * and everything absent is said to be absent.
 */
#include "dsdt_aml.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/heap.h"
#include "vmx/loader.h"
#include "vmx/loader_priv.h"

#define PM1A_EVT_PORT  0x600u
#define PM1A_CNT_PORT  0x604u
#define PM_TMR_PORT    0x608u
#define RESET_PORT     0xcf9u
#define RESET_VALUE    6u
#define SCI_IRQ	       9u
#define PCI_IRQ	       10u /* of _PRT in dsdt.asl */
#define LAPIC_ADDRESS  0xfee00000u
#define IOAPIC_ADDRESS 0xfec00000u

struct acpi_header {
	char signature[4];
	uint32_t nbytes;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t nbytes;
	uint64_t xsdt;
	uint8_t ext_checksum, reserved[3];
} PACKED;

#define NR_ROOT_ENTRIES 2 /* FADT, MADT */

struct acpi_rsdt {
	struct acpi_header h;
	uint32_t entry[NR_ROOT_ENTRIES];
} PACKED;

struct acpi_xsdt {
	struct acpi_header h;
	uint64_t entry[NR_ROOT_ENTRIES];
} PACKED;

/* Generic Address Structure. */
struct acpi_gas {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} PACKED;
#define GAS_IO	  1u
#define GAS_BYTE  1u
#define GAS_WORD  2u
#define GAS_DWORD 3u

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

#define FADT_REVISION	    4u
#define FADT_WBINVD	    BIT(0)
#define FADT_PROC_C1	    BIT(2)
#define FADT_SLP_BUTTON	    BIT(5) /* set: no fixed sleep button */
#define FADT_FIX_RTC	    BIT(6) /* set: no RTC wake status */
#define FADT_TMR_VAL_EXT    BIT(8) /* the timer has 32 bits */
#define FADT_RESET_REG_SUP  BIT(10)
#define BOOT_LEGACY_DEVICES BIT(0)
#define BOOT_VGA_ABSENT	    BIT(2)
#define NO_C2_LATENCY	    101u  /* over 100: no such state */
#define NO_C3_LATENCY	    1001u /* over 1000: no such state */

struct acpi_facs {
	char signature[4];
	uint32_t nbytes, hardware_signature, waking_vector;
	uint32_t global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} PACKED;
_Static_assert(sizeof(struct acpi_facs) == 64, "size in the specification");

struct madt_lapic {
	uint8_t type, nbytes, processor_id, apic_id;
	uint32_t flags; /* bit 0: enabled */
} PACKED;

struct madt_ioapic {
	uint8_t type, nbytes, id, reserved;
	uint32_t address, gsi_base;
} PACKED;

struct madt_override {
	uint8_t type, nbytes, bus, source;
	uint32_t gsi;
	uint16_t flags;
} PACKED;
#define MADT_LEVEL_HIGH 0xdu /* polarity: high, trigger: level */

struct madt_nmi {
	uint8_t type, nbytes, processor_id;
	uint16_t flags;
	uint8_t lint;
} PACKED;

struct acpi_madt {
	struct acpi_header h;
	uint32_t lapic_address, flags; /* bit 0: dual 8259 present */
	struct madt_ioapic ioapic;
	struct madt_override timer, sci, pci;
	struct madt_nmi nmi;
	struct madt_lapic lapic[CONFIG_MAX_VCPUS];
} PACKED;

/* Everything as it lies at LOADER_BIOS. */
struct acpi_area {
	struct acpi_rsdp rsdp;
	uint8_t pad[28];
	struct acpi_facs facs; /* 64-byte aligned */
	struct acpi_rsdt rsdt;
	struct acpi_xsdt xsdt;
	struct acpi_fadt fadt;
	struct acpi_madt madt;
	uint8_t dsdt[sizeof(dsdt_aml_code)];
} PACKED;
_Static_assert(offsetof(struct acpi_area, facs) % 64 == 0, "FACS alignment");

#define AREA_AT(member)                                                        \
	((uint32_t)(LOADER_BIOS + offsetof(struct acpi_area, member)))

static uint8_t checksum(const void *p, size_t nbytes)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (nbytes--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

/* The table's body is complete; h->nbytes covers it. */
static void finish_table(struct acpi_header *h, const char *signature,
			 uint8_t revision, size_t nbytes)
{
	memcpy(h->signature, signature, 4);
	h->nbytes = (uint32_t)nbytes;
	h->revision = revision;
	memcpy(h->oem_id, "AEROST", 6);
	memcpy(h->oem_table_id, "AEROSTAT", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "AERO", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(h, nbytes);
}

static void fill_roots(struct acpi_area *a)
{
	a->rsdt.entry[0] = AREA_AT(fadt);
	a->rsdt.entry[1] = AREA_AT(madt);
	finish_table(&a->rsdt.h, "RSDT", 1, sizeof(a->rsdt));
	a->xsdt.entry[0] = AREA_AT(fadt);
	a->xsdt.entry[1] = AREA_AT(madt);
	finish_table(&a->xsdt.h, "XSDT", 1, sizeof(a->xsdt));

	memcpy(a->rsdp.signature, "RSD PTR ", 8);
	memcpy(a->rsdp.oem_id, "AEROST", 6);
	a->rsdp.revision = 2;
	a->rsdp.rsdt = AREA_AT(rsdt);
	a->rsdp.nbytes = sizeof(a->rsdp);
	a->rsdp.xsdt = AREA_AT(xsdt);
	a->rsdp.checksum =
		checksum(&a->rsdp, offsetof(struct acpi_rsdp, nbytes));
	a->rsdp.ext_checksum = checksum(&a->rsdp, sizeof(a->rsdp));
}

static struct acpi_gas gas_io(uint16_t port, uint8_t bits, uint8_t access)
{
	return (struct acpi_gas){ .space = GAS_IO,
				  .bit_width = bits,
				  .access_size = access,
				  .address = port };
}

static void fill_fadt(struct acpi_area *a)
{
	struct acpi_fadt *f = &a->fadt;

	memcpy(a->facs.signature, "FACS", 4);
	a->facs.nbytes = sizeof(a->facs);
	a->facs.version = 1;

	/* No SMI command port: the machine is always in ACPI mode. */
	f->facs = AREA_AT(facs);
	f->dsdt = AREA_AT(dsdt);
	f->x_dsdt = AREA_AT(dsdt);
	f->sci_int = SCI_IRQ;
	f->pm1a_evt = PM1A_EVT_PORT;
	f->pm1a_cnt = PM1A_CNT_PORT;
	f->pm_tmr = PM_TMR_PORT;
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm_tmr_len = 4;
	f->x_pm1a_evt = gas_io(PM1A_EVT_PORT, 32, GAS_WORD);
	f->x_pm1a_cnt = gas_io(PM1A_CNT_PORT, 16, GAS_WORD);
	f->x_pm_tmr = gas_io(PM_TMR_PORT, 32, GAS_DWORD);
	f->p_lvl2_lat = NO_C2_LATENCY;
	f->p_lvl3_lat = NO_C3_LATENCY;
	f->iapc_boot_arch = BOOT_LEGACY_DEVICES | BOOT_VGA_ABSENT;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		   FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP;
	f->reset = gas_io(RESET_PORT, 8, GAS_BYTE);
	f->reset_value = RESET_VALUE;
	finish_table(&f->h, "FACP", FADT_REVISION, sizeof(*f));
}

static void fill_madt(struct acpi_area *a, uint32_t nr_vcpus)
{
	struct acpi_madt *m = &a->madt;

	m->lapic_address = LAPIC_ADDRESS;
	m->flags = 1;
	m->ioapic = (struct madt_ioapic){ .type = 1,
					  .nbytes = sizeof(m->ioapic),
					  .address = IOAPIC_ADDRESS };
	/* ISA IRQ 0 is wired to pin 2; flags 0: as the bus, edge and high. */
	m->timer = (struct madt_override){ 2, sizeof(m->timer), 0, 0, 2, 0 };
	m->sci = (struct madt_override){ 2,	  sizeof(m->sci), 0, SCI_IRQ,
					 SCI_IRQ, MADT_LEVEL_HIGH };
	m->pci = (struct madt_override){ 2,	  sizeof(m->pci), 0, PCI_IRQ,
					 PCI_IRQ, MADT_LEVEL_HIGH };
	m->nmi = (struct madt_nmi){ 4, sizeof(m->nmi), 0xff, 0, 1 };
	for (uint32_t i = 0; i < nr_vcpus; i++)
		m->lapic[i] = (struct madt_lapic){ 0, sizeof(m->lapic[i]),
						   (uint8_t)i, (uint8_t)i, 1 };
	finish_table(&m->h, "APIC", 3,
		     offsetof(struct acpi_madt, lapic) +
			     nr_vcpus * sizeof(m->lapic[0]));
}

int acpi_tables_write(struct vm *vm)
{
	struct acpi_area *a = kzalloc(sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	memcpy(a->dsdt, dsdt_aml_code, sizeof(a->dsdt));
	fill_fadt(a);
	fill_madt(a, min(vm->cfg->vcpus, (uint32_t)CONFIG_MAX_VCPUS));
	fill_roots(a);
	err = guest_write(vm->gs, gpa(LOADER_BIOS), a, sizeof(*a));
	kfree(a);
	return err;
}
