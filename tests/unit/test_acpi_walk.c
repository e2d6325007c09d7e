// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk through ACPI tables that the loader and the hypervisor share. Each
 * table is a piece of memory of its own, so that a byte read beside one is
 * found, and the map says how many bytes there are, whatever the table says.
 * Sources: kernel/lib/acpi_walk.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "kernel/lib/acpi_walk.h"
#include "kernel/lib/lib.h"

#define RSDP 0x1000u
#define XSDT 0x2000u
#define MADT 0x3000u
#define RSDT 0x4000u
#define SSDT 0x5000u

static struct piece {
	uint64_t pa;
	size_t nbytes;
	uint8_t *bytes;
} pieces[5];
static unsigned nr_damaged;

static const void *map(const void *arg, uint64_t pa, uint64_t nbytes)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		if (pa == pieces[i].pa && nbytes <= pieces[i].nbytes)
			return pieces[i].bytes;
	return NULL;
}

static void damaged(uint64_t pa)
{
	(void)pa;
	nr_damaged++;
}

static const struct acpi_walk walk = { .map = map, .damaged = damaged };

static uint8_t *piece(size_t i, uint64_t pa, size_t nbytes)
{
	pieces[i] = (struct piece){ pa, nbytes, calloc(1, nbytes) };
	return pieces[i].bytes;
}

static void seal(uint8_t *bytes, size_t nbytes, uint8_t *check)
{
	uint8_t sum = 0;

	*check = 0;
	for (size_t i = 0; i < nbytes; i++)
		sum = (uint8_t)(sum + bytes[i]);
	*check = (uint8_t)-sum;
}

static struct acpi_header *table(size_t i, uint64_t pa, const char *signature,
				 const void *body, size_t nbytes)
{
	struct acpi_header *h = (void *)piece(i, pa, sizeof(*h) + nbytes);

	memcpy(h->signature, signature, 4);
	h->nbytes = (uint32_t)(sizeof(*h) + nbytes);
	memcpy(h + 1, body, nbytes);
	seal((uint8_t *)h, h->nbytes, &h->checksum);
	return h;
}

/* As of firmware with `revision` of the RSDP. */
static void build_rsdp(uint8_t revision)
{
	size_t nbytes = revision >= 2 ? sizeof(struct acpi_rsdp)
				      : offsetof(struct acpi_rsdp, nbytes);
	struct acpi_rsdp r = { .revision = revision, .rsdt = RSDT };

	memcpy(r.signature, ACPI_RSDP_SIGNATURE, 8);
	r.nbytes = sizeof(r);
	r.xsdt = XSDT;
	memcpy(piece(0, RSDP, nbytes), &r, nbytes);
	seal(pieces[0].bytes, offsetof(struct acpi_rsdp, nbytes),
	     pieces[0].bytes + offsetof(struct acpi_rsdp, checksum));
}

static const uint8_t madt_body[] = {
	0, 0,  0xe0, 0xfe, 1, 0, 0, 0,			       /* header */
	0, 8,  0,    7,	   1, 0, 0, 0,			       /* LAPIC 7 */
	9, 16, 0,    0,	   0, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, /* x2APIC */
};

static int build(void **state)
{
	const uint64_t wide[] = { SSDT, 0, 0xdead000, MADT };
	const uint32_t narrow[] = { SSDT, MADT };

	(void)state;
	nr_damaged = 0;
	build_rsdp(2);
	table(1, XSDT, "XSDT", wide, sizeof(wide));
	table(2, MADT, "APIC", madt_body, sizeof(madt_body));
	table(3, RSDT, "RSDT", narrow, sizeof(narrow));
	table(4, SSDT, "SSDT", "", 1)->checksum ^= 1;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		free(pieces[i].bytes);
	memset(pieces, 0, sizeof(pieces));
	return 0;
}

static const struct acpi_header *find(const char *signature)
{
	struct acpi_root root;

	return acpi_walk_root(&walk, RSDP, &root)
		       ? acpi_walk_find(&walk, &root, signature)
		       : NULL;
}

static unsigned count_entries(const struct acpi_header *madt)
{
	const struct madt_entry *e = NULL;
	unsigned n = 0;

	while ((e = acpi_madt_next(madt, e)))
		n++;
	return n;
}

static void entries_of_the_madt_are_found(void **state)
{
	const struct acpi_header *madt = find(ACPI_MADT_SIGNATURE);
	const struct madt_entry *e;

	(void)state;
	assert_ptr_equal(madt, pieces[2].bytes);
	e = acpi_madt_next(madt, NULL);
	assert_int_equal(e->type, MADT_LAPIC);
	assert_int_equal(((const struct madt_lapic *)e)->apic_id, 7);
	e = acpi_madt_next(madt, e);
	assert_int_equal(e->type, MADT_X2APIC);
	assert_int_equal(((const struct madt_x2apic *)e)->apic_id, 0x100);
	assert_null(acpi_madt_next(madt, e));
	assert_null(find(ACPI_FADT_SIGNATURE));
	/* Tables that nobody wants may be what they like. */
	assert_int_equal(nr_damaged, 0);
	assert_null(find("SSDT"));
	assert_int_equal(nr_damaged, 1);
}

static void the_rsdp_of_acpi_1_has_20_bytes(void **state)
{
	(void)state;
	free(pieces[0].bytes);
	build_rsdp(0);
	assert_ptr_equal(find(ACPI_MADT_SIGNATURE), pieces[2].bytes);
}

static void without_a_sound_xsdt_the_rsdt_serves(void **state)
{
	(void)state;
	pieces[1].bytes[9] ^= 1;
	assert_ptr_equal(find(ACPI_MADT_SIGNATURE), pieces[2].bytes);
	pieces[3].bytes[9] ^= 1;
	assert_null(find(ACPI_MADT_SIGNATURE));
}

static void what_is_not_mapped_is_not_read(void **state)
{
	struct acpi_root root;

	(void)state;
	assert_false(acpi_walk_root(&walk, 0, &root));
	assert_false(acpi_walk_root(&walk, ~0ull - 4, &root));
	assert_false(acpi_walk_root(&walk, RSDP + 16, &root));
	pieces[2].nbytes = sizeof(struct acpi_header) - 1;
	assert_null(find(ACPI_MADT_SIGNATURE));
}

static void lengths_are_not_believed(void **state)
{
	static const uint32_t wrong[] = { 0, 35, 69, 1u << 24, ~0u };
	struct acpi_header *madt = (void *)pieces[2].bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		madt->nbytes = wrong[i];
		assert_null(find(ACPI_MADT_SIGNATURE));
	}
}

static void an_entry_past_the_end_is_none(void **state)
{
	struct acpi_header *madt = (void *)pieces[2].bytes;
	uint8_t *lapic = pieces[2].bytes + sizeof(struct acpi_madt_header);

	(void)state;
	lapic[9] = 17; /* of the x2APIC entry, one byte too many */
	assert_int_equal(count_entries(madt), 1);
	lapic[1] = 1; /* an entry shorter than its head */
	assert_int_equal(count_entries(madt), 0);
	madt->nbytes = sizeof(*madt); /* not even a whole header */
	assert_int_equal(count_entries(madt), 0);
}

static void a_field_past_the_end_is_0(void **state)
{
	const struct acpi_header *madt = find(ACPI_MADT_SIGNATURE);

	(void)state;
	assert_int_equal(acpi_field(madt, 36, 4), 0xfee00000);
	assert_int_equal(acpi_field(madt, madt->nbytes - 3, 4), 0);
	assert_int_equal(acpi_field(madt, ~0u, 4), 0);
}

/* Any bytes, with checksums that are right: the pieces' ends are kept. */
static void garbage_is_survived(void **state)
{
	srand(5);
	for (int round = 0; round < 5000; round++) {
		const struct acpi_header *t;
		size_t i = 1 + (size_t)rand() % 3;
		struct acpi_header *h;

		drop(state);
		build(state);
		h = (void *)pieces[i].bytes;
		for (int n = rand() % 6; n >= 0; n--)
			pieces[i].bytes[4 + (size_t)rand() %
						    (pieces[i].nbytes - 4)] =
				(uint8_t)rand();
		if (h->nbytes <= pieces[i].nbytes)
			seal((uint8_t *)h, h->nbytes, &h->checksum);
		t = find(ACPI_MADT_SIGNATURE);
		if (t)
			assert_true(count_entries(t) <= 12);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, build, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_of_the_madt_are_found),
		TEST(the_rsdp_of_acpi_1_has_20_bytes),
		TEST(without_a_sound_xsdt_the_rsdt_serves),
		TEST(what_is_not_mapped_is_not_read),
		TEST(lengths_are_not_believed),
		TEST(an_entry_past_the_end_is_none),
		TEST(a_field_past_the_end_is_0),
		TEST(garbage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
