/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mm/ needs from second-stage translation. vmx/ept.c provides it in the
 * product, tests/unit/ a fake. A stage 2 is only a cache of its guest-physical
 * space: dropping a leaf is always correct.
 *
 * All calls except create, destroy and flush are made with the gspace lock
 * held, which is what serializes them.
 */
#ifndef MM_STAGE2_H
#define MM_STAGE2_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"

struct stage2;

#define S2_READ	 0x1u
#define S2_WRITE 0x2u
#define S2_EXEC	 0x4u
#define S2_RWX	 (S2_READ | S2_WRITE | S2_EXEC)

/* Leaf orders the machine supports: bit 0, 9, 18. */
uint32_t stage2_leaf_orders(void);

/* 0, -ENOMEM. */
MUST_CHECK int stage2_create(struct stage2 **out);
/* No vCPU uses it any more. Frees every table. */
void stage2_destroy(struct stage2 *s2);

/*
 * Maps one leaf of 2^order pages (0, 9 or 18; gfn and hfn aligned to it).
 * What it replaces must be not present, or a leaf of the same order
 * (permission upgrade or new frame), or, for order 9, a table without
 * present entries. 0, -ENOMEM (nothing changed), -EEXIST (lower tables hold
 * present entries). A replacement needs stage2_flush() if the old leaf was
 * present.
 */
MUST_CHECK int stage2_map(struct stage2 *s2, gfn_t g, hfn_t h, unsigned order,
			  unsigned perms);

/*
 * Where a run of calls on nearby pages remembers the leaf table. Start with
 * S2_CURSOR_INIT; valid while the gspace lock is held.
 */
struct stage2_cursor {
	uint64_t *table; /* leaf table or NULL */
	uint64_t base;	 /* gfn >> 9 that `table` maps */
};
#define S2_CURSOR_INIT                                                         \
	{                                                                      \
		NULL, ~0ull                                                    \
	}

/*
 * Clears the 4 KiB leaf at g; true if it was present (a flush is due).
 * g must not lie in a larger leaf: split first.
 */
bool stage2_unmap_page(struct stage2 *s2, struct stage2_cursor *c, gfn_t g);

/*
 * The same for n pages of one aligned 2 MiB range, in any order, present or
 * not; true if any was present.
 */
bool stage2_unmap_pages(struct stage2 *s2, const uint64_t *gfns, unsigned n);

/*
 * For the exit fast path: clears the 4 KiB leaf at g, and after that no CPU
 * uses it. False, and nothing changed: a vCPU would have to be waited for, or
 * there is no such leaf. Called on the thread of a vCPU of this VM that counts
 * as in guest mode, interrupts off; waits for nobody.
 */
MUST_CHECK bool stage2_unmap_at_once(struct stage2 *s2, gfn_t g);

/*
 * Clears all leaves in [g, g + npages) and frees emptied tables where the range
 * covers them whole; a larger leaf that sticks out is
 * split first. True if anything was present. -ENOMEM from a split can't
 * happen to callers that split the ends themselves.
 */
MUST_CHECK int stage2_unmap_range(struct stage2 *s2, gfn_t g, uint64_t npages,
				  bool *was_present);

/*
 * Replaces the 2 MiB (1 GiB) leaf that covers g by 512 leaves of the next
 * smaller order with the same frames and permissions. 0 also if there is no
 * such leaf; -ENOMEM. No flush needed: translations stay the same.
 */
MUST_CHECK int stage2_split(struct stage2 *s2, gfn_t g, unsigned order);

/*
 * For audit: the leaf at g. False: not present; gfn and order then say how
 * large the hole is that the tables have there.
 */
struct stage2_leaf {
	hfn_t first; /* frame of the leaf's first page */
	gfn_t gfn;   /* first page of the leaf */
	unsigned order, perms;
};
bool stage2_lookup(struct stage2 *s2, gfn_t g, struct stage2_leaf *out);

/*
 * After return no CPU uses a translation that was removed before the call.
 * One INVEPT for each CPU that may hold stale entries; an IPI only to CPUs now
 * running the VM. May wait for other CPUs: no spinlock held, interrupts on.
 */
void stage2_flush(struct stage2 *s2);

/* Frames used for tables. */
uint64_t stage2_nr_tables(const struct stage2 *s2);

#endif
