// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loader's memory map: fixed cases, and random maps against a model that
 * remembers the type of each page.
 *
 * Sources: boot/memmap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/memmap.h"
#include "kernel/lib/errno.h"

#define PAGE	  4096ull
#define NR_PAGES  64u
#define MAX_MAP	  64u
#define NR_ROUNDS 20000u
#define NO_TYPE	  0xffu

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
	assert_int_equal(memmap_build(in, 4, NULL, 0, map, MAX_MAP, &nr), 0);
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
	assert_int_equal(memmap_build(in, 1, &own, 1, map, MAX_MAP, &nr), 0);
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
	assert_int_equal(memmap_build(in, 1, &own, 1, map, 2, &nr), -ENOSPC);
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
	assert_int_equal(memmap_build(in, 2, NULL, 0, map, MAX_MAP, &nr), 0);
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
		if (memmap_build(in, nr_in, own, nr_own, map,
				 3 * nr_in + 2 * nr_own, &nr))
			fail_msg("round %u: no space", round);
		assert_map_is(map, nr, model);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
