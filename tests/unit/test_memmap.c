// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Firmware's memory map and what is believed of it: fixed cases, and random
 * maps against a model that remembers the type of each page.
 *
 * Sources: kernel/lib/memmap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/errno.h"
#include "kernel/lib/memmap.h"

#define PAGE	  4096ull
#define NR_PAGES  64u
#define MAX_MAP	  64u
#define NR_ROUNDS 20000u
#define NO_TYPE	  0xffu
#define PHYS_BITS 40u
#define TOP	  (1ull << PHYS_BITS)

static struct boot_mem_flaws wrong; /* of the last build() */

static int build(const struct boot_mem *in, uint32_t nr_in,
		 const struct boot_mem *own, uint32_t nr_own,
		 struct boot_mem *out, uint32_t max, uint32_t *nr)
{
	const struct memmap_input from = {
		.in = in,
		.nr_in = nr_in,
		.own = own,
		.nr_own = nr_own,
		.phys_bits = PHYS_BITS,
	};

	return memmap_build(&from, out, max, nr, &wrong);
}

static struct boot_mem range(uint64_t first, uint64_t npages, uint32_t type)
{
	return (struct boot_mem){
		.base = first * PAGE,
		.npages = npages,
		.type = type,
	};
}

static void assert_range(const struct boot_mem *m, uint64_t first,
			 uint64_t npages, uint32_t type)
{
	assert_int_equal(m->base, first * PAGE);
	assert_int_equal(m->npages, npages);
	assert_int_equal(m->type, type);
}

static void sorts_and_joins(void **state)
{
	struct boot_mem in[] = {
		range(8, 2, BOOT_MEM_USABLE),
		range(0, 4, BOOT_MEM_USABLE),
		range(4, 4, BOOT_MEM_USABLE),
		range(10, 1, BOOT_MEM_ACPI),
	};
	struct boot_mem map[MAX_MAP];
	uint32_t nr;

	(void)state;
	assert_int_equal(build(in, 4, NULL, 0, map, MAX_MAP, &nr), 0);
	assert_int_equal(nr, 2);
	assert_range(&map[0], 0, 10, BOOT_MEM_USABLE);
	assert_range(&map[1], 10, 1, BOOT_MEM_ACPI);
}

static void owned_range_splits_an_entry(void **state)
{
	struct boot_mem in[] = { range(0, 10, BOOT_MEM_LOADER) };
	const struct boot_mem own = range(3, 2, BOOT_MEM_FILE);
	struct boot_mem map[MAX_MAP];
	uint32_t nr;

	(void)state;
	in[0].efi_attributes = 0xf;
	assert_int_equal(build(in, 1, &own, 1, map, MAX_MAP, &nr), 0);
	assert_int_equal(nr, 3);
	assert_range(&map[0], 0, 3, BOOT_MEM_LOADER);
	assert_range(&map[1], 3, 2, BOOT_MEM_FILE);
	assert_range(&map[2], 5, 5, BOOT_MEM_LOADER);
	assert_int_equal(map[1].efi_attributes, 0xf);
}

static void full_map_is_refused(void **state)
{
	struct boot_mem in[] = { range(0, 10, BOOT_MEM_LOADER) };
	const struct boot_mem own = range(3, 2, BOOT_MEM_FILE);
	struct boot_mem map[MAX_MAP];
	uint32_t nr;

	(void)state;
	assert_int_equal(build(in, 1, &own, 1, map, 2, &nr), -ENOSPC);
}

/* Random ranges of any overlap; the highest type counts. */
static uint32_t overlapping_ranges(struct boot_mem *out, uint8_t *model)
{
	uint32_t nr = 1 + (uint32_t)rand() % 12, i;
	unsigned at, n, type, k;

	for (i = 0; i < nr; i++) {
		at = (unsigned)rand() % NR_PAGES;
		n = (unsigned)rand() % (NR_PAGES - at + 1);
		type = (unsigned)rand() % (BOOT_MEM_RESERVED + 1);
		out[i] = range(at, n, type);
		for (k = at; k < at + n; k++)
			if (model[k] == NO_TYPE || model[k] < type)
				model[k] = (uint8_t)type;
	}
	return nr;
}

static void overlap_goes_to_the_less_usable(void **state)
{
	struct boot_mem in[] = {
		range(0, 10, BOOT_MEM_USABLE),
		range(4, 10, BOOT_MEM_RESERVED),
	};
	struct boot_mem map[MAX_MAP];
	uint32_t nr;

	(void)state;
	assert_int_equal(build(in, 2, NULL, 0, map, MAX_MAP, &nr), 0);
	assert_int_equal(nr, 2);
	assert_range(&map[0], 0, 4, BOOT_MEM_USABLE);
	assert_range(&map[1], 4, 10, BOOT_MEM_RESERVED);
}

/* Random disjoint ranges in ascending order, painted into the model. */
static uint32_t random_ranges(struct boot_mem *out, uint8_t *model,
			      unsigned type_base, unsigned nr_types)
{
	uint32_t nr = 0;
	unsigned at = (unsigned)rand() % 4, n, type;

	while (at < NR_PAGES) {
		n = 1 + (unsigned)rand() % 9;
		if (n > NR_PAGES - at)
			n = NR_PAGES - at;
		type = type_base + (unsigned)rand() % nr_types;
		memset(model + at, (int)type, n);
		out[nr++] = range(at, n, type);
		at += n + (unsigned)rand() % 3 * ((unsigned)rand() % 4);
	}
	return nr;
}

static void shuffle(struct boot_mem *map, uint32_t nr)
{
	uint32_t i, j;

	for (i = nr; i > 1; i--) {
		struct boot_mem m = map[i - 1];

		j = (uint32_t)rand() % i;
		map[i - 1] = map[j];
		map[j] = m;
	}
}

static void assert_map_is(const struct boot_mem *map, uint32_t nr,
			  const uint8_t *model)
{
	uint8_t seen[NR_PAGES];
	uint64_t end = 0;
	uint32_t i;

	memset(seen, NO_TYPE, sizeof(seen));
	for (i = 0; i < nr; i++) {
		assert_true(map[i].npages > 0 && map[i].base >= end);
		end = map[i].base + map[i].npages * PAGE;
		assert_true(end <= NR_PAGES * PAGE);
		memset(seen + map[i].base / PAGE, (int)map[i].type,
		       map[i].npages);
	}
	assert_memory_equal(seen, model, sizeof(seen));
}

static void random_maps_match_the_model(void **state)
{
	struct boot_mem in[MAX_MAP], map[4 * MAX_MAP], own[MAX_MAP];
	uint8_t model[NR_PAGES];
	uint32_t nr, nr_in, nr_own;
	unsigned round;

	(void)state;
	for (round = 0; round < NR_ROUNDS; round++) {
		srand(round); /* the failing round is its own seed */
		memset(model, NO_TYPE, sizeof(model));
		if (round % 2) {
			nr_in = random_ranges(in, model, BOOT_MEM_USABLE, 2);
			shuffle(in, nr_in);
		} else {
			nr_in = overlapping_ranges(in, model);
		}
		nr_own = random_ranges(own, model, BOOT_MEM_KERNEL, 2);
		if (build(in, nr_in, own, nr_own, map, 3 * nr_in + 2 * nr_own,
			  &nr))
			fail_msg("round %u: no space", round);
		assert_map_is(map, nr, model);
		assert_true(memmap_is_sound(map, nr));
	}
}

/* ---- nonsense ---- */

static void one_entry_of_nonsense(void **state)
{
	static const struct {
		const char *what;
		uint64_t base, npages;
		uint32_t type, nr;
		uint64_t first, n; /* pages, if nr */
		struct boot_mem_flaws wrong;
	} cases[] = {
		{ "the last page",
		  TOP - PAGE,
		  1,
		  BOOT_MEM_MMIO,
		  1,
		  TOP / PAGE - 1,
		  1,
		  { 0 } },
		{ "empty", PAGE, 0, BOOT_MEM_USABLE, 0, 0, 0, { .empty = 1 } },
		{ "ends one page too far",
		  TOP - PAGE,
		  2,
		  BOOT_MEM_USABLE,
		  0,
		  0,
		  0,
		  { .beyond = 1 } },
		{ "begins too far",
		  TOP,
		  1,
		  BOOT_MEM_RESERVED,
		  0,
		  0,
		  0,
		  { .beyond = 1 } },
		{ "base wraps",
		  0 - PAGE,
		  2,
		  BOOT_MEM_USABLE,
		  0,
		  0,
		  0,
		  { .beyond = 1 } },
		{ "length in bytes wraps to 0",
		  0,
		  1ull << 52,
		  BOOT_MEM_USABLE,
		  0,
		  0,
		  0,
		  { .beyond = 1 } },
		{ "all ones",
		  ~0ull,
		  ~0ull,
		  BOOT_MEM_RESERVED,
		  0,
		  0,
		  0,
		  { .beyond = 1 } },
		{ "unaligned RAM loses its ends",
		  PAGE + 1,
		  3,
		  BOOT_MEM_USABLE,
		  1,
		  2,
		  2,
		  { .unaligned = 1 } },
		{ "unaligned RAM of one page",
		  PAGE + 1,
		  1,
		  BOOT_MEM_USABLE,
		  0,
		  0,
		  0,
		  { .unaligned = 1 } },
		{ "unaligned registers take both ends",
		  PAGE + 1,
		  3,
		  BOOT_MEM_MMIO,
		  1,
		  1,
		  4,
		  { .unaligned = 1 } },
		{ "unknown type", PAGE, 1, 77, 1, 1, 1, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct boot_mem in = { .base = cases[i].base,
					     .npages = cases[i].npages,
					     .type = cases[i].type };
		struct boot_mem map[3];
		uint32_t nr;

		assert_int_equal(build(&in, 1, NULL, 0, map, 3, &nr), 0);
		if (nr != cases[i].nr ||
		    memcmp(&wrong, &cases[i].wrong, sizeof(wrong)) != 0)
			fail_msg("%s", cases[i].what);
		if (nr)
			assert_range(&map[0], cases[i].first, cases[i].n,
				     cases[i].type > BOOT_MEM_RESERVED
					     ? BOOT_MEM_RESERVED
					     : cases[i].type);
	}
}

/* The machine has 52 bits: where RAM ends is the hypervisor's own limit. */
static void ram_beyond_the_limit_is_cut(void **state)
{
	const struct boot_mem in[] = {
		{ MEMMAP_RAM_END - PAGE, 2, BOOT_MEM_USABLE, 0, 0 },
		{ MEMMAP_RAM_END + 8 * PAGE, 8, BOOT_MEM_USABLE, 0, 0 },
		{ MEMMAP_RAM_END + 64 * PAGE, 1, BOOT_MEM_MMIO, 0, 0 },
		{ MEMMAP_END - PAGE, 2, BOOT_MEM_MMIO, 0, 0 },
	};
	const struct memmap_input from = { .in = in,
					   .nr_in = 4,
					   .phys_bits = 52 };
	struct boot_mem map[12];
	uint32_t nr;

	(void)state;
	assert_int_equal(memmap_build(&from, map, 12, &nr, &wrong), 0);
	assert_int_equal(nr, 2);
	assert_range(&map[0], MEMMAP_RAM_END / PAGE - 1, 1, BOOT_MEM_USABLE);
	assert_range(&map[1], MEMMAP_RAM_END / PAGE + 64, 1, BOOT_MEM_MMIO);
	assert_int_equal(wrong.far, 2);
	assert_int_equal(wrong.beyond, 1);
	assert_true(memmap_is_sound(map, nr));
}

static void overlaps_are_counted(void **state)
{
	const struct boot_mem in[] = { range(0, 8, BOOT_MEM_USABLE),
				       range(8, 8, BOOT_MEM_USABLE),
				       range(15, 1, BOOT_MEM_RESERVED) };
	const struct boot_mem own = range(2, 2, BOOT_MEM_KERNEL);
	struct boot_mem map[MAX_MAP];
	uint32_t nr;

	(void)state;
	assert_int_equal(build(in, 2, &own, 1, map, MAX_MAP, &nr), 0);
	assert_int_equal(wrong.overlapping, 0);
	assert_int_equal(build(in, 3, &own, 1, map, MAX_MAP, &nr), 0);
	assert_int_equal(wrong.overlapping, 1);
}

static void unsound_maps_are_noticed(void **state)
{
	const struct boot_mem good[] = { range(0, 8, BOOT_MEM_USABLE),
					 range(8, 8, BOOT_MEM_ACPI) };
	const struct boot_mem bad[] = {
		range(4, 8, BOOT_MEM_USABLE), /* overlaps the first */
		range(8, 0, BOOT_MEM_ACPI),
		range(8, 8, BOOT_MEM_RESERVED + 1),
		{ 8 * PAGE + 1, 1, BOOT_MEM_MMIO, 0, 0 },
		{ MEMMAP_RAM_END, 1, BOOT_MEM_USABLE, 0, 0 },
		{ 8 * PAGE, 1ull << 52, BOOT_MEM_MMIO, 0, 0 },
	};
	struct boot_mem map[2] = { good[1], good[0] };

	(void)state;
	assert_true(memmap_is_sound(good, 2));
	assert_false(memmap_is_sound(map, 2)); /* not sorted */
	map[0] = good[0];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		map[1] = bad[i];
		if (memmap_is_sound(map, 2))
			fail_msg("case %zu", i);
	}
}

/* The rule, page by page: one that is RAM in part is none. */
static void paint(uint8_t *model, const struct boot_mem *m)
{
	bool ram = m->type <= BOOT_MEM_LOADER;
	uint64_t end = m->base + m->npages * PAGE; /* below 2^64, or no entry */

	if (!m->npages || m->npages > TOP / PAGE || m->base >= TOP || end > TOP)
		return;
	for (uint64_t p = 0; p < NR_PAGES; p++) {
		uint64_t from = p * PAGE, to = from + PAGE;
		bool all = m->base <= from && end >= to;
		bool some = m->base < to && end > from;

		if ((ram ? all : some) &&
		    (model[p] == NO_TYPE || model[p] < m->type))
			model[p] = (uint8_t)m->type;
	}
}

static struct boot_mem random_nonsense(void)
{
	struct boot_mem m =
		range((uint64_t)rand() % NR_PAGES, (uint64_t)rand() % 12,
		      (uint32_t)rand() % (BOOT_MEM_RESERVED + 1));

	if (m.base / PAGE + m.npages >= NR_PAGES)
		m.npages = 0;
	switch (rand() % 8) {
	case 0: m.base += (uint64_t)rand() % PAGE; break;
	case 1: m.npages |= 1ull << (28 + rand() % 36); break;
	case 2: m.base |= 1ull << (PHYS_BITS + (unsigned)rand() % 24); break;
	default: break;
	}
	return m;
}

static void random_nonsense_matches_the_model(void **state)
{
	struct boot_mem in[MAX_MAP], map[3 * MAX_MAP];
	uint8_t model[NR_PAGES];

	(void)state;
	for (unsigned round = 0; round < NR_ROUNDS; round++) {
		uint32_t nr_in, nr;

		srand(round); /* the failing round is its own seed */
		nr_in = 1 + (uint32_t)rand() % 12;
		memset(model, NO_TYPE, sizeof(model));
		for (uint32_t i = 0; i < nr_in; i++) {
			in[i] = random_nonsense();
			paint(model, &in[i]);
		}
		if (build(in, nr_in, NULL, 0, map, 3 * nr_in, &nr))
			fail_msg("round %u: no space", round);
		assert_map_is(map, nr, model);
		assert_true(memmap_is_sound(map, nr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_and_joins),
		cmocka_unit_test(owned_range_splits_an_entry),
		cmocka_unit_test(full_map_is_refused),
		cmocka_unit_test(overlap_goes_to_the_less_usable),
		cmocka_unit_test(random_maps_match_the_model),
		cmocka_unit_test(one_entry_of_nonsense),
		cmocka_unit_test(ram_beyond_the_limit_is_cut),
		cmocka_unit_test(overlaps_are_counted),
		cmocka_unit_test(unsound_maps_are_noticed),
		cmocka_unit_test(random_nonsense_matches_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
