// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory map. Pure code, tested on the host. Entries are laid one over
 * the other into a map that is sorted by base and disjoint at every step.
 */
#include "boot/memmap.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define PAGE_NBYTES 4096ull

static uint64_t end_of(const struct boot_mem *m)
{
	return m->base + m->npages * PAGE_NBYTES;
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

/*
 * Cuts [m->base, end of m) out of the map, then puts m in. Without attributes
 * of its own it takes those of what it covers.
 */
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
		if (!m->efi_attributes)
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

int memmap_build(const struct boot_mem *in, uint32_t nr_in,
		 const struct boot_mem *own, uint32_t nr_own,
		 struct boot_mem *out, uint32_t max, uint32_t *nr)
{
	uint32_t type, i;
	int err;

	*nr = 0;
	/* Types are numbered from more to less usable: the last one wins. */
	for (type = 0; type <= BOOT_MEM_RESERVED; type++)
		for (i = 0; i < nr_in; i++) {
			if (in[i].type != type || !in[i].npages)
				continue;
			err = overlay(out, nr, max, &in[i]);
			if (err)
				return err;
		}
	*nr = join_neighbours(out, *nr);
	for (i = 0; i < nr_own; i++) {
		err = overlay(out, nr, max, &own[i]);
		if (err)
			return err;
	}
	return 0;
}
