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
#include "kernel/lib/acpi_format.h"
#include "kernel/lib/apic_format.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/heap.h"
#include "vmx/devices/irq.h"
#include "vmx/devices/pm.h"
#include "vmx/loader.h"
#include "vmx/loader_priv.h"

#define PCI_IRQ 10u /* of _PRT in dsdt.asl */

#define NR_ROOT_ENTRIES 2 /* FADT, MADT */

struct acpi_rsdt {
	struct acpi_header h;
	uint32_t entry[NR_ROOT_ENTRIES];
} PACKED;

struct acpi_xsdt {
	struct acpi_header h;
	uint64_t entry[NR_ROOT_ENTRIES];
} PACKED;

#define FADT_REVISION 4u
#define NO_C2_LATENCY 101u  /* over 100: no such state */
#define NO_C3_LATENCY 1001u /* over 1000: no such state */

#define LEVEL_HIGH (MADT_LEVEL << 2 | MADT_ACTIVE_HIGH)

struct acpi_madt {
	struct acpi_madt_header m;
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
	finish_table(&a->rsdt.h, ACPI_RSDT_SIGNATURE, 1, sizeof(a->rsdt));
	a->xsdt.entry[0] = AREA_AT(fadt);
	a->xsdt.entry[1] = AREA_AT(madt);
	finish_table(&a->xsdt.h, ACPI_XSDT_SIGNATURE, 1, sizeof(a->xsdt));

	memcpy(a->rsdp.signature, ACPI_RSDP_SIGNATURE, 8);
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
	return (struct acpi_gas){ .space = ACPI_GAS_IO,
				  .bit_width = bits,
				  .access_size = access,
				  .address = port };
}

static void fill_fadt(struct acpi_area *a)
{
	struct acpi_fadt *f = &a->fadt;

	memcpy(a->facs.signature, ACPI_FACS_SIGNATURE, 4);
	a->facs.nbytes = sizeof(a->facs);
	a->facs.version = 1;

	/* No SMI command port: the machine is always in ACPI mode. */
	f->facs = AREA_AT(facs);
	f->dsdt = AREA_AT(dsdt);
	f->x_dsdt = AREA_AT(dsdt);
	f->sci_int = IRQ_SCI;
	f->pm1a_evt = PM1A_EVT_PORT;
	f->pm1a_cnt = PM1A_CNT_PORT;
	f->pm_tmr = PM_TMR_PORT;
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm_tmr_len = 4;
	f->x_pm1a_evt = gas_io(PM1A_EVT_PORT, 32, ACPI_GAS_WORD);
	f->x_pm1a_cnt = gas_io(PM1A_CNT_PORT, 16, ACPI_GAS_WORD);
	f->x_pm_tmr = gas_io(PM_TMR_PORT, 32, ACPI_GAS_DWORD);
	f->p_lvl2_lat = NO_C2_LATENCY;
	f->p_lvl3_lat = NO_C3_LATENCY;
	f->iapc_boot_arch = BOOT_LEGACY_DEVICES | BOOT_VGA_ABSENT;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		   FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP;
	f->reset = gas_io(RESET_PORT, 8, ACPI_GAS_BYTE);
	f->reset_value = RESET_VALUE;
	finish_table(&f->h, ACPI_FADT_SIGNATURE, FADT_REVISION, sizeof(*f));
}

static void fill_madt(struct acpi_area *a, uint32_t nr_vcpus)
{
	struct acpi_madt *m = &a->madt;

	m->m.lapic_address = APIC_DEFAULT_PAGE;
	m->m.flags = 1;
	m->ioapic = (struct madt_ioapic){ .type = MADT_IOAPIC,
					  .nbytes = sizeof(m->ioapic),
					  .address = IOAPIC_DEFAULT_PAGE };
	/* ISA IRQ 0 is wired to pin 2; flags 0: as the bus, edge and high. */
	m->timer = (struct madt_override){
		MADT_OVERRIDE, sizeof(m->timer), 0, 0, 2, 0
	};
	m->sci = (struct madt_override){
		MADT_OVERRIDE, sizeof(m->sci), 0, IRQ_SCI, IRQ_SCI, LEVEL_HIGH
	};
	m->pci = (struct madt_override){
		MADT_OVERRIDE, sizeof(m->pci), 0, PCI_IRQ, PCI_IRQ, LEVEL_HIGH
	};
	m->nmi =
		(struct madt_nmi){ MADT_LAPIC_NMI, sizeof(m->nmi), 0xff, 0, 1 };
	for (uint32_t i = 0; i < nr_vcpus; i++)
		m->lapic[i] =
			(struct madt_lapic){ MADT_LAPIC, sizeof(m->lapic[i]),
					     (uint8_t)i, (uint8_t)i,
					     MADT_ENABLED };
	finish_table(&m->m.h, ACPI_MADT_SIGNATURE, 3,
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
