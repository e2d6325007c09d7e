// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory map: sorting, making disjoint, overlaying. Pure code, tested on
 * the host. The result is sorted by base, no two entries overlap, and none
 * could be joined with its neighbour.
 */
#include "boot/memmap.h"

#include "kernel/errno.h"
#include "kernel/lib.h"

#define PAGE_NBYTES 4096ull

static uint64_t end_of(const struct boot_mem *m)
{
	return m->base + m->npages * PAGE_NBYTES;
}

static void sort_by_base(struct boot_mem *map, uint32_t nr)
{
	uint32_t i, j;

	for (i = 1; i < nr; i++) {
		struct boot_mem m = map[i];

		for (j = i; j > 0 && map[j - 1].base > m.base; j--)
			map[j] = map[j - 1];
		map[j] = m;
	}
}

/*
 * Firmware with overlapping entries exists. The entry of the higher (less
 * usable) type keeps the overlap; what sticks out behind is cut off, which
 * can lose usable memory but never claims too much.
 */
static uint32_t drop_overlaps(struct boot_mem *map, uint32_t nr)
{
	uint32_t i, out = 0;

	for (i = 0; i < nr; i++) {
		struct boot_mem m = map[i];
		struct boot_mem *prev = out ? &map[out - 1] : NULL;

		if (!m.npages)
			continue;
		if (prev && end_of(prev) > m.base) {
			if (prev->type >= m.type) {
				uint64_t end = end_of(&m);

				if (end <= end_of(prev))
					continue;
				m.base = end_of(prev);
				m.npages = (end - m.base) / PAGE_NBYTES;
			} else {
				prev->npages =
					(m.base - prev->base) / PAGE_NBYTES;
				if (!prev->npages)
					out--;
			}
		}
		map[out++] = m;
	}
	return out;
}

static int insert(struct boot_mem *map, uint32_t *nr, uint32_t max, uint32_t at,
		  const struct boot_mem *m)
{
	if (*nr == max)
		return -ENOSPC;
	memmove(&map[at + 1], &map[at], (*nr - at) * sizeof(*map));
	map[at] = *m;
	(*nr)++;
	return 0;
}

/* Cuts [m->base, end of m) out of the map, then puts m in. */
static int overlay(struct boot_mem *map, uint32_t *nr, uint32_t max,
		   const struct boot_mem *m)
{
	struct boot_mem add = *m, rest;
	uint32_t i = 0;
	int err;

	while (i < *nr && end_of(&map[i]) <= m->base)
		i++;
	if (i < *nr && map[i].base < m->base) {
		rest = map[i];
		rest.base = m->base;
		rest.npages = (end_of(&map[i]) - m->base) / PAGE_NBYTES;
		map[i].npages = (m->base - map[i].base) / PAGE_NBYTES;
		err = insert(map, nr, max, ++i, &rest);
		if (err)
			return err;
	}
	/* From here on entries start at or above m->base. */
	while (i < *nr && map[i].base < end_of(m)) {
		add.efi_attributes = map[i].efi_attributes;
		if (end_of(&map[i]) > end_of(m)) {
			map[i].npages =
				(end_of(&map[i]) - end_of(m)) / PAGE_NBYTES;
			map[i].base = end_of(m);
			break;
		}
		memmove(&map[i], &map[i + 1], (*nr - i - 1) * sizeof(*map));
		(*nr)--;
	}
	return insert(map, nr, max, i, &add);
}

static uint32_t join_neighbours(struct boot_mem *map, uint32_t nr)
{
	uint32_t i, out = 0;

	for (i = 0; i < nr; i++) {
		struct boot_mem *prev = out ? &map[out - 1] : NULL;

		if (prev && prev->type == map[i].type &&
		    prev->efi_attributes == map[i].efi_attributes &&
		    end_of(prev) == map[i].base)
			prev->npages += map[i].npages;
		else
			map[out++] = map[i];
	}
	return out;
}

int memmap_build(struct boot_mem *map, uint32_t *nr, uint32_t max,
		 const struct boot_mem *own, uint32_t nr_own)
{
	uint32_t i;
	int err;

	sort_by_base(map, *nr);
	*nr = drop_overlaps(map, *nr);
	*nr = join_neighbours(map, *nr);
	for (i = 0; i < nr_own; i++) {
		err = overlay(map, nr, max, &own[i]);
		if (err)
			return err;
	}
	return 0;
}
