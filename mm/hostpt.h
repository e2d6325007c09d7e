/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's own page tables. The upper half is the same for every CPU:
 *
 *   DIRECT_MAP_BASE   all RAM, no-execute, largest pages; the image read-only,
 *                     and so is what hostpt_map_ro() adds
 *   HOSTPT_AREA_BASE  device registers, thread stacks; never unmapped
 *   KERNEL_VMA        the image: text r-x, rodata r--, data and bss rw-
 *
 * The lower half is empty, except in the second root (hostpt_low_root), which
 * maps what must run at its physical address: the AP trampoline and the
 * firmware's runtime services.
 *
 * Invariant: nothing is writable and executable at once in the first root, and
 * nothing that was mapped is ever changed or unmapped, so that no TLB flush
 * between CPUs is needed.
 */
#ifndef MM_HOSTPT_H
#define MM_HOSTPT_H

#include "kernel/lib/addr.h"
#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

#define HOSTPT_AREA_BASE 0xffffc00000000000ull

/* Page attribute table that all CPUs load: 0 WB, 1 WC, 2 UC-, 3 UC, then the
 * same again (but 5 WP, 7 WT). */
#define HOSTPT_PAT 0x0407050600070106ull

/*
 * Builds both roots from the memory map, a sound one (memmap.h), and switches
 * the calling CPU to the first. After mm_init(), boot CPU. -ENOMEM: nothing
 * switched.
 */
MUST_CHECK int hostpt_init(const struct boot_info *bi,
			   const struct boot_mem *map);

/* Loads PAT and the first root on this CPU. */
void hostpt_init_cpu(void);

/*
 * Maps device registers uncached (or a framebuffer write-combining), for good;
 * stores a pointer to the byte at `a`. 0, -ENOMEM.
 */
MUST_CHECK int hostpt_map_mmio(hpa_t a, uint64_t nbytes, void **out);
MUST_CHECK int hostpt_map_wc(hpa_t a, uint64_t nbytes, void **out);

/*
 * Makes firmware's memory readable that the memory map does not call RAM: at
 * its place in the direct map, read-only, for good; stores a pointer to the
 * byte at `a`. What is mapped already stays as it is. Boot CPU. 0, -ENOMEM;
 * -ERANGE: empty, wraps, or beyond the processor's addresses or the direct map.
 */
MUST_CHECK int hostpt_map_ro(hpa_t a, uint64_t nbytes, const void **out);

/*
 * A stack of `npages` with an unmapped page below it; stores its top. Freed
 * stacks are kept for the next caller of the same length. Thread context.
 * 0, -ENOMEM.
 */
MUST_CHECK int hostpt_stack_alloc(unsigned npages, void **top);
void hostpt_stack_free(void *top, unsigned npages);

/*
 * True if the quadword at va, which may be any value at all, lies in a stack
 * of the hypervisor and is mapped. Takes no lock; for panic.
 */
bool hostpt_is_stack(uint64_t va);

/* CR3 value of the root without, and with, a lower half. */
hpa_t hostpt_root(void);
hpa_t hostpt_low_root(void);
/* Adds [a, a + nbytes) to the low root at its own address, rwx. 0, -ENOMEM. */
MUST_CHECK int hostpt_map_low(hpa_t a, uint64_t nbytes);

#endif
