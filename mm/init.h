/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing memory up, in this order, on the boot CPU. */
#ifndef MM_INIT_H
#define MM_INIT_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/metric.h"

/*
 * Takes the memory map (any order of BOOT_MEM_*), places the frame records
 * in the largest usable area and gives everything usable to the
 * buddy. -ENOMEM: less RAM than the hypervisor needs itself. `reserve`: bytes
 * that guests may not take (0: default). After it frame_alloc() and kmalloc()
 * work.
 */
MUST_CHECK int mm_init(const struct boot_mem *map, uint32_t nr,
		       uint64_t reserve);

/* Gives BOOT_MEM_LOADER areas to the buddy; boot_info is dead afterwards. */
void mm_release_loader_memory(void);

/* The first `npages` usable frames below 1 MiB for the AP trampoline, kept. */
MUST_CHECK int mm_take_low_memory(uint64_t npages, uint64_t *hpa_out);

/* Figures of host memory, for main.c to register; mm/metrics.c. */
extern const struct metric mm_metrics[];
extern const size_t nr_mm_metrics;

#endif
