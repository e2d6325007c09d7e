/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware's memory map, which may hold any nonsense, and what is believed of
 * it; pure code, used by the loader and by the hypervisor.
 *
 * A page has the least usable of the types that entries give it. An entry that
 * has no length, wraps or ends beyond the processor's addresses is no entry.
 * RAM beyond MEMMAP_RAM_END is left alone; a page that is RAM only in part is
 * none, and one that is reserved in part is reserved.
 */
#ifndef KERNEL_MEMMAP_H
#define KERNEL_MEMMAP_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/*
 * Frame numbers have 32 bits (mm/frame.h): 16 TiB. The direct map has room for
 * four times that. What is not RAM may lie anywhere in the lower half, where
 * the hypervisor maps what firmware needs at its own address.
 */
#define MEMMAP_RAM_END (1ull << 44)
#define MEMMAP_END     (1ull << 47)

/* Memory that the hypervisor may read and write as RAM? */
static inline bool memmap_is_ram(uint32_t type)
{
	return type < BOOT_MEM_MMIO;
}

/*
 * What is to be believed of one entry, on a processor whose physical addresses
 * have phys_bits; npages is 0 if nothing is. `wrong` counts what was found.
 */
struct boot_mem memmap_entry(const struct boot_mem *m, unsigned phys_bits,
			     struct boot_mem_flaws *wrong);

/*
 * Lays `own` over `in` (any order) and stores a sorted, disjoint map in `out`,
 * which has room for `max` entries. Parts of `own` outside `in` are added. 0,
 * -ENOSPC; nr_in + 2 * (nr_in + nr_own) entries always suffice.
 */
struct memmap_input {
	const struct boot_mem *in, *own;
	uint32_t nr_in, nr_own;
	unsigned phys_bits;
};
MUST_CHECK int memmap_build(const struct memmap_input *from,
			    struct boot_mem *out, uint32_t max, uint32_t *nr,
			    struct boot_mem_flaws *wrong);

/*
 * Is this a map as memmap_build() makes it: aligned, sorted, disjoint, without
 * empty entries and within the bounds?
 */
bool memmap_is_sound(const struct boot_mem *map, uint32_t nr);

#endif
