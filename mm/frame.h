/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host page frames: one record each (at most 32 bytes), a buddy allocator
 * (orders 0..18) for each NUMA node with separate lists for clean (all zero)
 * and dirty blocks, per-CPU caches in front of it, and a pool of clean frames
 * that idle CPUs keep filled.
 *
 * Invariant: only frames known to be zero are handed to guests.
 * Equation, checked by audit: sum over all frame types == frames of RAM.
 *
 * The record of a block's first frame speaks for the whole block (`order`);
 * records of its other frames are meaningless until the block is split.
 * Blocks are naturally aligned, so that walking records from 0 in steps of the
 * block's order always meets first frames only.
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"

#define FRAME_MAX_ORDER 18u

enum frame_type {
	FRAME_ABSENT,	/* a hole in the memory map, MMIO */
	FRAME_FREE,	/* in the buddy or a per-CPU cache */
	FRAME_FIRMWARE, /* reserved, runtime services, ACPI */
	FRAME_IMAGE,	/* the hypervisor's code and data */
	FRAME_RECORDS,	/* these records themselves */
	FRAME_LOADER,	/* the loader's, until mm_release_loader_memory() */
	FRAME_LOW,	/* usable below 1 MiB, until the same moment */
	FRAME_FILE,	/* loaded files (kernels, initrds) */
	FRAME_HEAP,	/* kernel heap */
	FRAME_HOSTPT,	/* host page tables */
	FRAME_STACK,	/* thread and interrupt stacks */
	FRAME_STAGE2,	/* EPT tables; owner: the stage 2 */
	FRAME_VMX,	/* VMXON regions, VMCSs, bitmaps, XSAVE areas */
	FRAME_MOBJECT,	/* radix nodes of memory objects */
	FRAME_DATA,	/* a page of a memory object; owner, index */
	FRAME_ZERO,	/* the shared zero frame */
	FRAME_SHARED,	/* event/statistics pages shared with guests */
	FRAME_RETIRED,	/* faulty memory: never used again */
	FRAME_NR_TYPES
};

struct mobject;

struct frame {
	union {
		struct {
			uint8_t type;  /* enum frame_type */
			uint8_t order; /* of the block this frame heads */
			uint8_t node;  /* NUMA node */
			uint8_t flags; /* FRAME_F_* */
		};
		uint32_t kind; /* all four, to compare or set at once */
	};
	uint32_t refs; /* mappings or holders; LEAVING: frames in the run */
	union {
		struct {
			uint32_t next, prev;
		} free;	     /* free list or chain of runs, hfn */
		void *owner; /* mobject, gspace, or NULL */
	};
	uint64_t index;	  /* page index in the owner */
	uint64_t private; /* the owner's: mm/heap.c, mm/mobject.h */
};
_Static_assert(sizeof(struct frame) <= 32, "0.8 % of RAM");

#define FRAME_F_CLEAN	0x01u /* known to hold only zeros */
#define FRAME_F_LISTED	0x04u /* heads a block on a zone's free list */
#define FRAME_F_LEAVING 0x08u /* heads a run in a struct frame_chain */

/* Allocation flags. */
#define FA_ZERO	      0x01u /* the block must hold only zeros */
#define FA_CLEAN_ONLY 0x02u /* FA_ZERO, but -EAGAIN rather than zero now */
#define FA_RESERVE    0x04u /* may dip into the hypervisor's reserve */
#define FA_GUEST      0x08u /* for guest RAM: stop at the guest watermark */

/*
 * Allocates a block of 2^order frames of the given type and stores its first
 * frame. 0, -ENOMEM, -EAGAIN (FA_CLEAN_ONLY: no clean block). Any thread
 * context; takes LOCK_FRAMES. With interrupts off it doesn't wait for that
 * lock: while another CPU holds it, -ENOMEM (or -EAGAIN) is possible.
 *
 * More than a frame, not for a guest, interrupts on: if free memory has to be
 * put together first that takes long on a large machine, and the caller gives
 * way (thread_give_way()) between pieces, unless it holds a spinlock.
 */
MUST_CHECK int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
			   hfn_t *out);

/* Frees a block; its content counts as dirty. Wakes those who wait. */
void frame_free(hfn_t first, unsigned order);
/* The same for a block got with FA_ZERO and never written: stays clean. */
void frame_free_clean(hfn_t first, unsigned order);
/*
 * frame_free() of a single frame on the exit fast path, interrupts off, where
 * it neither waits for a lock nor wakes anybody. begin: false if that is not to
 * be had now; it comes right before the other.
 */
MUST_CHECK bool frame_quick_free_begin(void);
void frame_quick_free(hfn_t f);

/*
 * Frames of FRAME_DATA on their way out: taken from their owner, not yet free
 * because some CPU may still have a translation. A chain is built under the
 * owner's lock and freed whole after the flush. Runs of adjacent frames are
 * recorded in the first frame's record, so that a run costs the buddy
 * little more than one frame.
 */
struct frame_chain {
	struct frame *last; /* heads the latest run; NULL: empty */
	uint64_t end;	    /* hfn after the latest run */
	uint64_t npages;
};
#define FRAME_CHAIN_INIT                                                       \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

/* After return every frame of the chain is free (dirty), the chain empty. */
void frame_free_chain(struct frame_chain *ch);

/*
 * For the boot phase and other owners of odd runs: frees [first, first +
 * npages), whose records all have the given type and order 0.
 */
void frame_free_run(hfn_t first, uint64_t npages, enum frame_type type);

extern struct frame *frame_records; /* [const after mm_init] */
extern uint64_t frame_nr_records;   /* [const after mm_init] */

/* The record of f. f must be below frame_limit(). */
static inline struct frame *frame_of(hfn_t f)
{
	return &frame_records[f.raw];
}

static inline hfn_t frame_hfn(const struct frame *fr)
{
	return hfn((uint64_t)(fr - frame_records));
}

/* One past the highest frame of RAM. */
static inline hfn_t frame_limit(void)
{
	return hfn(frame_nr_records);
}

/* Begins a run of npages frames at fr; see frame_chain_add(). */
void frame_chain_begin(struct frame_chain *ch, struct frame *fr,
		       uint32_t npages);

/*
 * Adds npages adjacent frames from first on, which the caller owned as
 * FRAME_DATA. Interior records become meaningless.
 */
static inline void frame_chain_add(struct frame_chain *ch, hfn_t first,
				   uint32_t npages)
{
	/* A run ends where a 2 MiB of frames does: see audit_frames.c. */
	if (ch->end == first.raw && first.raw % PAGES_2M &&
	    first.raw % PAGES_2M + npages <= PAGES_2M)
		ch->last->refs += npages;
	else
		frame_chain_begin(ch, frame_of(first), npages);
	ch->end = first.raw + npages;
	ch->npages += npages;
}

/*
 * A block of FRAME_DATA that has no owner yet, while it is made ready outside
 * of every lock: like one that is leaving, it belongs to nobody.
 */
static inline void frame_set_aside(hfn_t first)
{
	struct frame *fr = frame_of(first);

	fr->refs = 1u << fr->order;
	fr->flags = FRAME_F_LEAVING;
}

static inline void frame_take_up(hfn_t first)
{
	frame_of(first)->flags = 0;
	frame_of(first)->refs = 1;
}

/* "data", "heap", ... for listings. */
const char *frame_type_name(enum frame_type type);

/* True if guests may take npages more frames now. */
bool frame_guest_may_take(uint64_t npages);

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
 * The memory of f is faulty: it is never handed out from now on. If it is in
 * use that stays so until its owner frees it. One thread at a time, no lock
 * held. 0; -EINVAL: not RAM; -ENOSPC: there are too many already.
 */
MUST_CHECK int frame_retire(hfn_t f);

extern uint32_t frame_nr_bad; /* [atomic] */
bool frame_is_on_bad_list(hfn_t f);

/* True if it is faulty: whoever reads it gets a machine check. */
static inline bool frame_is_bad(hfn_t f)
{
	return unlikely(READ_ONCE(frame_nr_bad)) && frame_is_on_bad_list(f);
}

/*
 * Zeroes at most one block of dirty free memory (up to 2 MiB) into the clean
 * pool. True if there was something to do. Called by the idle loop.
 */
bool frame_zero_some(void);

/* Fills frames of the caller's with zeros, and counts them. */
void frames_zero(hfn_t first, uint64_t npages);

/* The shared zero frame (never freed). */
hfn_t frame_zero(void);

#endif
