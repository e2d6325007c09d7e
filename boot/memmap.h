/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns firmware's memory map into the hypervisor's; pure code. */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/*
 * Lays `own` over `in` (any order) and stores a sorted, disjoint map in `out`,
 * which has room for `max` entries. Where entries of `in` overlap (firmware
 * that does so exists) the less usable type wins. Parts of `own` outside `in`
 * are added. 0, -ENOSPC; nr_in + 2 * (nr_in + nr_own) entries always suffice.
 */
MUST_CHECK int memmap_build(const struct boot_mem *in, uint32_t nr_in,
			    const struct boot_mem *own, uint32_t nr_own,
			    struct boot_mem *out, uint32_t max, uint32_t *nr);

#endif
