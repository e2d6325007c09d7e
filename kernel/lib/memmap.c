// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory map. Pure code, tested on the host. Entries are laid one over
 * the other into a map that is sorted by base and disjoint at every step.
 */
#include "kernel/lib/memmap.h"

#include "kernel/lib/cpu_paging.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define PAGE_NBYTES 4096ull

struct boot_mem memmap_entry(const struct boot_mem *m, unsigned phys_bits,
			     struct boot_mem_flaws *wrong)
{
	const uint64_t top = min(1ull << phys_bits, MEMMAP_END);
	struct boot_mem e = *m;
	uint64_t end;

	e.type = min(m->type, (uint32_t)BOOT_MEM_RESERVED);
	e.npages = 0;
	wrong->empty += !m->npages;
	/* Who says that RAM goes on for ever doesn't know where it ends. */
	if (m->base >= top || m->npages > (top - m->base) / PAGE_NBYTES) {
		wrong->beyond += m->npages != 0;
		return e;
	}
	end = m->base + m->npages * PAGE_NBYTES;
	wrong->unaligned += m->base % PAGE_NBYTES != 0;
	if (e.type <= BOOT_MEM_LOADER) {
		e.base = round_up(m->base, PAGE_NBYTES);
		end = round_down(end, PAGE_NBYTES);
	} else {
		e.base = round_down(m->base, PAGE_NBYTES);
		end = round_up(end, PAGE_NBYTES);
	}
	if (memmap_is_ram(e.type) && end > MEMMAP_RAM_END) {
		wrong->far++;
		end = MEMMAP_RAM_END;
	}
	if (m->npages && e.base < end)
		e.npages = (end - e.base) / PAGE_NBYTES;
	return e;
}

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
 * Cuts [m->base, end of m) out of the map, then puts m in, and counts in *hits
 * if there was something to cut. Without attributes of its own it takes those
 * of what it covers.
 */
static int overlay(struct boot_mem *map, uint32_t *nr, uint32_t max,
		   const struct boot_mem *m, uint32_t *hits)
{
	struct boot_mem add = *m, rest;
	uint32_t i = 0;
	int err;

	while (i < *nr && end_of(&map[i]) <= m->base)
		i++;
	if (i < *nr && map[i].base < end_of(m))
		++*hits;
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

/* All entries of one type. Where they overlap it is no matter which is first.
 */
static int overlay_type(const struct memmap_input *from, uint32_t type,
			struct boot_mem *out, uint32_t max, uint32_t *nr,
			struct boot_mem_flaws *wrong)
{
	for (uint32_t i = 0; i < from->nr_in; i++) {
		struct boot_mem_flaws seen = *wrong;
		struct boot_mem e =
			memmap_entry(&from->in[i], from->phys_bits, &seen);
		int err = 0;

		if (e.type != type)
			continue;
		*wrong = seen;
		if (e.npages)
			err = overlay(out, nr, max, &e, &wrong->overlapping);
		if (err)
			return err;
	}
	return 0;
}

int memmap_build(const struct memmap_input *from, struct boot_mem *out,
		 uint32_t max, uint32_t *nr, struct boot_mem_flaws *wrong)
{
	uint32_t hits = 0;
	int err = 0;

	*nr = 0;
	*wrong = (struct boot_mem_flaws){ 0 };
	/* Types are numbered from more to less usable: the last one wins. */
	for (uint32_t type = 0; type <= BOOT_MEM_RESERVED && !err; type++)
		err = overlay_type(from, type, out, max, nr, wrong);
	if (err)
		return err;
	*nr = join_neighbours(out, *nr);
	for (uint32_t i = 0; i < from->nr_own && !err; i++)
		err = overlay(out, nr, max, &from->own[i], &hits);
	return err;
}

bool memmap_is_sound(const struct boot_mem *map, uint32_t nr)
{
	struct boot_mem_flaws wrong = { 0 };
	uint64_t end = 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct boot_mem e =
			memmap_entry(&map[i], PHYS_BITS_MAX, &wrong);

		if (!e.npages || e.npages != map[i].npages ||
		    e.base != map[i].base || e.type != map[i].type ||
		    e.base < end)
			return false;
		end = end_of(&e);
	}
	return true;
}
