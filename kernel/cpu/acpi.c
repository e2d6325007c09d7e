// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host ACPI: RSDP, XSDT or RSDT, and from them MADT, FADT and the \_S5 package
 * of the DSDT. No AML is run.
 */
#include "kernel/cpu/acpi.h"

#include "kernel/lib/acpi_walk.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/apic_format.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "mm/hostpt.h"

#define PM_TIMER_HZ 3579545ull
struct acpi_host acpi_host;

static const struct boot_mem *mem_map;
static uint32_t mem_nr;

/* Reading registers may do anything at all. */
static bool has_registers(uint64_t a, uint64_t nbytes)
{
	for (uint32_t i = 0; i < mem_nr; i++) {
		const struct boot_mem *m = &mem_map[i];

		if (m->type == BOOT_MEM_MMIO && m->base - a < nbytes)
			return true;
		if (m->type == BOOT_MEM_MMIO && a >= m->base &&
		    a - m->base < m->npages * PAGE_SIZE)
			return true;
	}
	return false;
}

/*
 * There is firmware that leaves its tables in memory that the map calls
 * reserved, or does not name: they are mapped wherever they are.
 */
static const void *map_range(const void *arg, uint64_t a, uint64_t nbytes)
{
	const void *p;
	int err;

	(void)arg;
	err = has_registers(a, nbytes) ? -EFAULT
				       : hostpt_map_ro(hpa(a), nbytes, &p);
	if (!err)
		return p;
	log_warn("acpi", "table at %#llx with %llu bytes: %s: ignored",
		 (unsigned long long)a, (unsigned long long)nbytes,
		 err == -ENOMEM	  ? "no memory to map it"
		 : err == -EFAULT ? "in device registers"
				  : "not an address of memory");
	return NULL;
}

static void damaged(uint64_t a)
{
	log_warn("acpi", "table at %#llx is damaged: ignored",
		 (unsigned long long)a);
}

static const struct acpi_walk walk = { .map = map_range, .damaged = damaged };

/* ---- MADT ---- */

static void add_ioapic(const struct madt_ioapic *e)
{
	struct acpi_host *h = &acpi_host;

	if (h->nr_ioapics == ACPI_MAX_IOAPICS)
		return;
	h->ioapics[h->nr_ioapics].hpa = e->address;
	h->ioapics[h->nr_ioapics].gsi_base = e->gsi_base;
	h->nr_ioapics++;
}

static void add_override(const struct madt_override *e)
{
	if (e->source >= ACPI_ISA_IRQS)
		return;
	acpi_host.isa[e->source] = (struct acpi_isa_irq){
		.gsi = e->gsi,
		.active_low = MADT_POLARITY(e->flags) == MADT_ACTIVE_LOW,
		.level = MADT_TRIGGER(e->flags) == MADT_LEVEL,
	};
}

static void parse_madt(const struct acpi_header *madt)
{
	const struct madt_entry *e = NULL;

	while ((e = acpi_madt_next(madt, e))) {
		if (e->type == MADT_IOAPIC &&
		    e->nbytes >= sizeof(struct madt_ioapic))
			add_ioapic((const void *)e);
		else if (e->type == MADT_OVERRIDE &&
			 e->nbytes >= sizeof(struct madt_override))
			add_override((const void *)e);
	}
}

/* ---- FADT ---- */

/* One small integer of a package: a byte constant, Zero or One. */
static const uint8_t *aml_byte(const uint8_t *p, const uint8_t *end, uint8_t *v)
{
	*v = 0;
	if (p < end && *p <= 1) {
		*v = *p;
		return p + 1;
	}
	if (p + 2 <= end && *p == 0x0a) {
		*v = p[1];
		return p + 2;
	}
	return NULL;
}

/*
 * Finds Name (_S5, Package () {a, b, ...}) by its bytes. Its encoding leaves
 * no choice but the width of the package length (ACPI, "AML Grammar").
 */
static void parse_s5(const struct acpi_header *dsdt)
{
	const uint8_t *p = (const uint8_t *)dsdt + sizeof(*dsdt);
	const uint8_t *end = (const uint8_t *)dsdt + dsdt->nbytes;

	for (; p + 8 < end; p++)
		if (!memcmp(p, "_S5_\x12", 5))
			break;
	if (p + 8 >= end)
		return;
	p += 5;
	p += 1 + (*p >> 6); /* package length: 1 to 4 bytes */
	p += 1;		    /* number of elements */
	p = aml_byte(p, end, &acpi_host.s5_typ_a);
	if (p)
		p = aml_byte(p, end, &acpi_host.s5_typ_b);
	acpi_host.has_s5 = p != NULL;
}

/* A field of the FADT; 0 if this one is too old and short to have it. */
#define FADT(t, member)                                                        \
	acpi_field(t, offsetof(struct acpi_fadt, member),                      \
		   sizeof(((struct acpi_fadt *)0)->member))

static void parse_fadt(const struct acpi_header *fadt)
{
	struct acpi_host *h = &acpi_host;
	const struct acpi_header *dsdt;

	h->pm_timer_port = (uint16_t)FADT(fadt, pm_tmr);
	h->pm1a_cnt_port = (uint16_t)FADT(fadt, pm1a_cnt);
	h->pm1b_cnt_port = (uint16_t)FADT(fadt, pm1b_cnt);
	if (FADT(fadt, flags) & FADT_RESET_REG_SUP &&
	    FADT(fadt, reset.space) == ACPI_GAS_IO) {
		h->reset_port = (uint16_t)FADT(fadt, reset.address);
		h->reset_value = (uint8_t)FADT(fadt, reset_value);
	}
	dsdt = acpi_walk_table(&walk, FADT(fadt, x_dsdt), ACPI_DSDT_SIGNATURE);
	if (!dsdt)
		dsdt = acpi_walk_table(&walk, FADT(fadt, dsdt),
				       ACPI_DSDT_SIGNATURE);
	if (dsdt)
		parse_s5(dsdt);
}

void acpi_init(uint64_t rsdp, const struct boot_mem *map, uint32_t nr)
{
	const struct acpi_header *t;
	struct acpi_root root;

	mem_map = map;
	mem_nr = nr;
	for (uint32_t i = 0; i < ACPI_ISA_IRQS; i++)
		acpi_host.isa[i].gsi = i;
	acpi_host.found = acpi_walk_root(&walk, rsdp, &root);
	if (acpi_host.found) {
		t = acpi_walk_find(&walk, &root, ACPI_MADT_SIGNATURE);
		if (t)
			parse_madt(t);
		t = acpi_walk_find(&walk, &root, ACPI_FADT_SIGNATURE);
		if (t)
			parse_fadt(t);
	}
	if (!acpi_host.nr_ioapics) {
		acpi_host.ioapics[0].hpa = IOAPIC_DEFAULT_PAGE;
		acpi_host.nr_ioapics = 1;
	}
	log_info("acpi", "tables=%s ioapics=%u pm_timer=%#x s5=%s reset=%#x",
		 acpi_host.found ? "yes" : "no", acpi_host.nr_ioapics,
		 acpi_host.pm_timer_port, acpi_host.has_s5 ? "yes" : "no",
		 acpi_host.reset_port);
}

/* ---- using them ---- */

int acpi_pm_timer_measure_tsc(uint32_t us, uint64_t *ticks)
{
	uint16_t port = acpi_host.pm_timer_port;
	uint32_t want = (uint32_t)(PM_TIMER_HZ * us / 1000000);
	uint64_t begin, now;
	uint32_t from;

	if (!port)
		return -ENODEV;
	from = inl(port);
	begin = rdtsc();
	/* The counter has 24 bits at least. */
	do {
		now = rdtsc();
		if (now - begin > 1ull << 34)
			return -ENODEV;
	} while (((inl(port) - from) & 0xffffff) < want);
	*ticks = now - begin;
	return 0;
}

void acpi_power_off(void)
{
	const struct acpi_host *h = &acpi_host;

	if (!h->has_s5 || !h->pm1a_cnt_port)
		return;
	outw(h->pm1a_cnt_port,
	     (uint16_t)(h->s5_typ_a << ACPI_PM1_SLP_TYP_SHIFT |
			ACPI_PM1_SLP_EN));
	if (h->pm1b_cnt_port)
		outw(h->pm1b_cnt_port,
		     (uint16_t)(h->s5_typ_b << ACPI_PM1_SLP_TYP_SHIFT |
				ACPI_PM1_SLP_EN));
}

void acpi_reset(void)
{
	if (acpi_host.reset_port)
		outb(acpi_host.reset_port, acpi_host.reset_value);
}
