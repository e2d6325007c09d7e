/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host page frames: one record each (at most 32 bytes), a buddy allocator
 * (orders 0..18) for each NUMA node with separate lists for clean (all zero)
 * and dirty blocks, per-CPU caches in front of it, and a pool of clean frames
 * that idle CPUs keep filled.
 *
 * Invariant: only frames known to be zero are handed to guests (B2).
 * Equation, checked by audit: sum over all frame types == frames of RAM.
 *
 * The record of a block's first frame speaks for the whole block (`order`);
 * records of its other frames are meaningless until the block is split.
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "kernel/addr.h"
#include "kernel/compiler.h"

#define FRAME_MAX_ORDER 18u

enum frame_type {
	FRAME_ABSENT,	/* a hole in the memory map, MMIO */
	FRAME_FREE,	/* in the buddy or a per-CPU cache */
	FRAME_FIRMWARE, /* reserved, runtime services, ACPI */
	FRAME_IMAGE,	/* the hypervisor's code and data */
	FRAME_RECORDS,	/* these records themselves */
	FRAME_FILE,	/* loaded files (kernels, initrds) */
	FRAME_HEAP,	/* kernel heap */
	FRAME_HOSTPT,	/* host page tables */
	FRAME_STACK,	/* thread and interrupt stacks */
	FRAME_STAGE2,	/* EPT pages; owner: the gspace */
	FRAME_VMX,	/* VMCS, bitmaps, virtual-APIC pages */
	FRAME_MOBJECT,	/* radix nodes of memory objects */
	FRAME_DATA,	/* a page of a memory object; owner, index */
	FRAME_ZERO,	/* the shared zero frame */
	FRAME_SHARED,	/* event/statistics pages shared with guests */
	FRAME_NR_TYPES
};

struct mobject;

struct frame {
	uint8_t type;  /* enum frame_type */
	uint8_t order; /* of the block this frame heads */
	uint8_t node;  /* NUMA node */
	uint8_t flags; /* FRAME_F_* */
	uint32_t refs; /* mappings or holders */
	union {
		struct {
			uint32_t next, prev;
		} free;	     /* free list, hfn */
		void *owner; /* mobject, gspace, or NULL */
	};
	uint64_t index; /* page index in the owner */
	uint64_t spare; /* swap and segments will need it */
};
_Static_assert(sizeof(struct frame) <= 32, "0.8 % of RAM");

#define FRAME_F_CLEAN  0x01u /* known to hold only zeros */
#define FRAME_F_PINNED 0x02u /* never a victim */

/* Allocation flags. */
#define FA_ZERO	      0x01u /* the block must hold only zeros */
#define FA_CLEAN_ONLY 0x02u /* FA_ZERO, but -EAGAIN rather than zero now */
#define FA_RESERVE    0x04u /* may dip into the hypervisor's reserve */
#define FA_GUEST      0x08u /* for guest RAM: stop at the guest watermark */

/*
 * Allocates a block of 2^order frames of the given type and stores its first
 * frame. 0, -ENOMEM, -EAGAIN (FA_CLEAN_ONLY: no clean block). Any thread
 * context, interrupts on or off; takes LOCK_FRAMES.
 */
MUST_CHECK int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
			   hfn_t *out);

/* Frees a block; its content counts as dirty. Wakes those who wait. */
void frame_free(hfn_t first, unsigned order);

/* The record of f. f must be below frame_limit(). */
struct frame *frame_of(hfn_t f);
hfn_t frame_hfn(const struct frame *fr);
hfn_t frame_limit(void); /* one past the highest frame of RAM */

/* One consistent-enough snapshot for `mem` and audit (sums are exact at rest).
 */
struct frame_stats {
	uint64_t nr_total; /* all frames of RAM incl. firmware's */
	uint64_t nr_type[FRAME_NR_TYPES];
	uint64_t nr_free_clean, nr_free_dirty; /* sum: FRAME_FREE */
	uint64_t nr_cached;		       /* of these, in per-CPU caches */
	uint64_t reserve;		       /* guest watermark, frames */
	uint64_t nr_free_order[FRAME_MAX_ORDER + 1];
	uint64_t nr_zeroed_idle, nr_zeroed_fault; /* since boot, frames */
};
void frame_get_stats(struct frame_stats *out);

/*
 * Zeroes at most one block of dirty free memory (up to 2 MiB) into the clean
 * pool. True if there was something to do. Called by the idle loop.
 */
bool frame_zero_some(void);

/* The shared zero frame (never freed). */
hfn_t frame_zero(void);

#endif
