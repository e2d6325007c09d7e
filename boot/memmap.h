/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns firmware's memory map into the hypervisor's; pure code. */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "boot/boot_info.h"
#include "kernel/compiler.h"

/*
 * Lays `own` (sorted, disjoint) over `map` and leaves a sorted, disjoint map
 * in which equal neighbours are one. Where entries of `map` overlap, the
 * less usable type wins. Parts of `own` outside `map` are added. *nr: entries
 * of map, which has room for `max`. 0, -ENOSPC.
 */
MUST_CHECK int memmap_build(struct boot_mem *map, uint32_t *nr, uint32_t max,
			    const struct boot_mem *own, uint32_t nr_own);

#endif
