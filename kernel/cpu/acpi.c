// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host ACPI: RSDP, XSDT or RSDT, and from them MADT, FADT and the \_S5 package
 * of the DSDT. No AML is run.
 */
#include "kernel/cpu/acpi.h"

#include "kernel/lib/addr.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"

#define DEFAULT_IOAPIC 0xfec00000ull /* where every PC chipset has it */
#define PM_TIMER_HZ    3579545ull
#define TABLE_MAX      (16u << 20) /* longer is nonsense */

/* ACPI Specification, "System Description Table Header". */
struct sdt {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6 + 8];
	uint32_t oem_revision, creator, creator_revision;
} PACKED;
_Static_assert(sizeof(struct sdt) == 36, "ACPI");

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* from here on: revision 2 */
	uint64_t xsdt;
	uint8_t checksum2, reserved[3];
} PACKED;

/* "Fixed ACPI Description Table": offsets of the fields used here. */
enum fadt_offset {
	FADT_DSDT = 40,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116, /* generic address: space, width, offset, size */
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
};
#define FADT_FLAG_RESET BIT(10)
#define GAS_IO		1

/* "Multiple APIC Description Table". */
#define MADT_ENTRIES	 44u
#define MADT_IOAPIC	 1
#define MADT_ISO	 2
#define ISO_POLARITY_LOW 3u
#define ISO_TRIGGER_LVL	 3u

#define PM1_SLP_EN BIT(13)

struct acpi_host acpi_host;

static const struct boot_mem *mem_map;
static uint32_t mem_nr;

/*
 * Bytes of mapped RAM from address a on, within one entry of the map. What the
 * map calls reserved is not in the direct map: a table there is left out, which
 * costs what it says but not the machine.
 */
static uint64_t ram_from(uint64_t a)
{
	for (uint32_t i = 0; i < mem_nr; i++) {
		uint64_t nbytes = mem_map[i].npages * PAGE_SIZE;

		if (a >= mem_map[i].base && a - mem_map[i].base < nbytes &&
		    mem_map[i].type != BOOT_MEM_MMIO &&
		    mem_map[i].type != BOOT_MEM_RESERVED)
			return nbytes - (a - mem_map[i].base);
	}
	return 0;
}

static bool sums_to_zero(const void *p, uint32_t nbytes)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < nbytes; i++)
		sum = (uint8_t)(sum + b[i]);
	return sum == 0;
}

/* Fields are at odd addresses: copy them. off is below the table's length. */
static uint64_t field(const struct sdt *t, uint32_t off, uint32_t nbytes)
{
	uint64_t v = 0;

	if (off <= t->length && nbytes <= t->length - off)
		memcpy(&v, (const uint8_t *)t + off, nbytes);
	return v;
}

/* The table at address a if it is sound, else NULL. */
static const struct sdt *table_at(uint64_t a)
{
	uint64_t room = a ? ram_from(a) : 0;
	const struct sdt *t;

	if (room < sizeof(*t))
		return NULL;
	t = hpa_to_ptr(hpa(a));
	if (t->length < sizeof(*t) || t->length > room ||
	    t->length > TABLE_MAX || !sums_to_zero(t, t->length)) {
		log_warn("acpi", "table at %#llx is damaged: ignored",
			 (unsigned long long)a);
		return NULL;
	}
	return t;
}

/* The root table, and the size of its entries. */
static const struct sdt *root_table(uint64_t at, uint32_t *entry_nbytes)
{
	const struct sdt *root = NULL;
	const struct rsdp *r;

	if (!at || ram_from(at) < sizeof(*r))
		return NULL;
	r = hpa_to_ptr(hpa(at));
	if (memcmp(r->signature, "RSD PTR ", 8) != 0 || !sums_to_zero(r, 20))
		return NULL;
	*entry_nbytes = 8;
	if (r->revision >= 2)
		root = table_at(r->xsdt);
	if (!root) {
		*entry_nbytes = 4;
		root = table_at(r->rsdt);
	}
	return root;
}

static const struct sdt *find_table(const struct sdt *root, uint32_t entry,
				    const char *signature)
{
	for (uint32_t off = sizeof(*root); off + entry <= root->length;
	     off += entry) {
		const struct sdt *t = table_at(field(root, off, entry));

		if (t && !memcmp(t->signature, signature, 4))
			return t;
	}
	return NULL;
}

/* ---- MADT ---- */

static void add_ioapic(const struct sdt *madt, uint32_t off)
{
	struct acpi_host *h = &acpi_host;

	if (h->nr_ioapics == ACPI_MAX_IOAPICS)
		return;
	h->ioapics[h->nr_ioapics].hpa = field(madt, off + 4, 4);
	h->ioapics[h->nr_ioapics].gsi_base = (uint32_t)field(madt, off + 8, 4);
	h->nr_ioapics++;
}

static void add_override(const struct sdt *madt, uint32_t off)
{
	uint32_t irq = (uint32_t)field(madt, off + 3, 1);
	uint32_t flags = (uint32_t)field(madt, off + 8, 2);

	if (irq >= ACPI_ISA_IRQS)
		return;
	acpi_host.isa[irq] = (struct acpi_isa_irq){
		.gsi = (uint32_t)field(madt, off + 4, 4),
		.active_low = (flags & 3) == ISO_POLARITY_LOW,
		.level = (flags >> 2 & 3) == ISO_TRIGGER_LVL,
	};
}

static void parse_madt(const struct sdt *madt)
{
	uint32_t off = MADT_ENTRIES;

	while (off + 2 <= madt->length) {
		uint32_t type = (uint32_t)field(madt, off, 1);
		uint32_t nbytes = (uint32_t)field(madt, off + 1, 1);

		if (nbytes < 2 || nbytes > madt->length - off)
			return;
		if (type == MADT_IOAPIC && nbytes >= 12)
			add_ioapic(madt, off);
		else if (type == MADT_ISO && nbytes >= 10)
			add_override(madt, off);
		off += nbytes;
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
static void parse_s5(const struct sdt *dsdt)
{
	const uint8_t *p = (const uint8_t *)dsdt + sizeof(*dsdt);
	const uint8_t *end = (const uint8_t *)dsdt + dsdt->length;

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

static void parse_fadt(const struct sdt *fadt)
{
	struct acpi_host *h = &acpi_host;
	const struct sdt *dsdt = table_at(field(fadt, FADT_X_DSDT, 8));

	h->pm_timer_port = (uint16_t)field(fadt, FADT_PM_TMR, 4);
	h->pm1a_cnt_port = (uint16_t)field(fadt, FADT_PM1A_CNT, 4);
	h->pm1b_cnt_port = (uint16_t)field(fadt, FADT_PM1B_CNT, 4);
	if (field(fadt, FADT_FLAGS, 4) & FADT_FLAG_RESET &&
	    field(fadt, FADT_RESET_REG, 1) == GAS_IO) {
		h->reset_port = (uint16_t)field(fadt, FADT_RESET_REG + 4, 8);
		h->reset_value = (uint8_t)field(fadt, FADT_RESET_VALUE, 1);
	}
	if (!dsdt)
		dsdt = table_at(field(fadt, FADT_DSDT, 4));
	if (dsdt)
		parse_s5(dsdt);
}

void acpi_init(uint64_t rsdp, const struct boot_mem *map, uint32_t nr)
{
	const struct sdt *root, *t;
	uint32_t entry;

	mem_map = map;
	mem_nr = nr;
	for (uint32_t i = 0; i < ACPI_ISA_IRQS; i++)
		acpi_host.isa[i].gsi = i;
	root = root_table(rsdp, &entry);
	acpi_host.found = root != NULL;
	if (root) {
		t = find_table(root, entry, "APIC");
		if (t)
			parse_madt(t);
		t = find_table(root, entry, "FACP");
		if (t)
			parse_fadt(t);
	}
	if (!acpi_host.nr_ioapics) {
		acpi_host.ioapics[0].hpa = DEFAULT_IOAPIC;
		acpi_host.nr_ioapics = 1;
	}
	log_info("acpi", "tables=%s ioapics=%u pm_timer=%#x s5=%s reset=%#x",
		 root ? "yes" : "no", acpi_host.nr_ioapics,
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
	outw(h->pm1a_cnt_port, (uint16_t)(h->s5_typ_a << 10 | PM1_SLP_EN));
	if (h->pm1b_cnt_port)
		outw(h->pm1b_cnt_port,
		     (uint16_t)(h->s5_typ_b << 10 | PM1_SLP_EN));
}

void acpi_reset(void)
{
	if (acpi_host.reset_port)
		outb(acpi_host.reset_port, acpi_host.reset_value);
}
