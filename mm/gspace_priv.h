/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside guest-physical spaces: shared by gspace.c (life), fault.c, balloon.c
 * (pages that leave), guest_copy.c, collapse.c and audit.c.
 *
 * The order in which a frame leaves a guest, everywhere: under the lock change
 * the page's state, clear its stage-2 leaf and put the frame on a chain;
 * unlock; flush; free the chain. gspace_quick_inflate() does it in one hold of
 * the lock, because nobody is waited for: clear the leaf and flush, change the
 * state, free the frame.
 */
#ifndef MM_GSPACE_PRIV_H
#define MM_GSPACE_PRIV_H

#include "kernel/lib/list.h"
#include "kernel/sync/log.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait.h"
#include "mm/gspace.h"
#include "mm/mobject.h"

#define GSPACE_MAX_REGIONS 8u

/* [first, first + npages) shows pages of the RAM object, or one shared frame.
 */
struct region {
	gfn_t first;
	uint64_t npages;
	uint64_t index; /* of the first page in the object, if is_ram */
	hfn_t shared;	/* the frame, if not is_ram */
	unsigned perms; /* S2_* */
	bool is_ram;
};

/* What happened ever. */
struct gspace_counters {
	uint64_t nr_commits, nr_commit_pages, nr_zero_maps, nr_violations;
	uint64_t nr_inflated, nr_deflated, nr_discarded;
	uint64_t nr_splits, nr_collapses;
};

struct gspace {
	struct spinlock lock;	      /* LOCK_GUESTMEM */
	struct list link;	      /* [spaces.lock] */
	const char *name;	      /* [const] */
	struct log_source log;	      /* what its guest provokes */
	struct stage2 *s2;	      /* [const] */
	enum commit_policy commit;    /* [const] */
	uint64_t min, boot, max;      /* [const] pages */
	uint64_t target;	      /* [lock] pages */
	struct mobject ram;	      /* [lock] */
	struct gspace_counters count; /* [lock] */
	/* RAM first and ascending, then shared frames in any order. */
	struct region regions[GSPACE_MAX_REGIONS]; /* [lock] */
	unsigned nr_regions;			   /* [lock] */
	unsigned last_region;	 /* [lock] where region_find() had luck */
	unsigned nr_ram_regions; /* [const after add_ram] */
	bool frozen; /* [lock] somebody works unlocked: keep off the pages */
	struct waitq thawed;	/* woken when `frozen` ends */
	uint32_t nr_users;	/* [gspace_list.lock] destroy waits for 0 */
	uint64_t serial;	/* [const] ascends along the list */
	uint64_t collapse_at;	/* [lock] chunk where the search goes on */
	uint64_t collapse_left; /* [lock] chunks to look at in this pass */
	uint64_t collapse_seen; /* [lock] use_count() when it began */
	bool collapse_put_off;	/* [lock] no memory for it in this period */
	uint64_t nr_flushes;	/* [atomic] */
	uint64_t nr_waits;	/* [atomic] */
	uint32_t nr_waiting;	/* [atomic] */
};

/* The list of all spaces, for audit and collapse. */
struct gspace_list {
	struct spinlock lock;	/* LOCK_VM_LIST */
	struct list head;	/* [lock] */
	uint64_t last_serial;	/* [lock] */
	uint64_t last_collapse; /* [lock] serial of the space served last */
};
extern struct gspace_list gspace_list;

/*
 * Walks all spaces without holding the list's lock: the one behind gs (NULL:
 * the first), which stays alive until it is handed in again or unpinned. NULL:
 * no more. No lock held.
 */
struct gspace *gspace_pin_next(struct gspace *gs);
/* The space whose RAM object is at `owner`, pinned; NULL: none. */
struct gspace *gspace_pin_owner(const void *owner);
void gspace_unpin(struct gspace *gs);

/* The region that g lies in; NULL: none. Locked. */
static inline struct region *region_find(struct gspace *gs, gfn_t g)
{
	struct region *r = &gs->regions[gs->last_region];

	if (likely(g.raw - r->first.raw < r->npages))
		return r;
	for (unsigned i = 0; i < gs->nr_regions; i++) {
		r = &gs->regions[i];
		if (g.raw - r->first.raw < r->npages) {
			gs->last_region = i;
			return r;
		}
	}
	return NULL;
}

/* The same for RAM only. */
static inline struct region *region_find_ram(struct gspace *gs, gfn_t g)
{
	struct region *r = region_find(gs, g);

	return r && r->is_ram ? r : NULL;
}

static inline uint64_t region_index(const struct region *r, gfn_t g)
{
	return g.raw - r->first.raw + r->index;
}

/*
 * True if the naturally aligned block of `order` around g lies in r and is
 * aligned alike in the object.
 */
static inline bool region_holds_block(const struct region *r, gfn_t g,
				      unsigned order)
{
	uint64_t n = 1ull << order, first = round_down(g.raw, n);

	return first >= r->first.raw && first + n <= r->first.raw + r->npages &&
	       (r->first.raw - r->index) % n == 0;
}

/* Takes gs->lock once the space is not frozen. No lock held. */
void gspace_lock_unfrozen(struct gspace *gs);
/*
 * From here on only the caller changes pages, the lock held or not. Who waits
 * for the end is not on the processor meanwhile, so it must be told: thaw.
 * Locked.
 */
void gspace_freeze(struct gspace *gs);
/* The end of that: whoever waits is woken. Locked. */
void gspace_thaw(struct gspace *gs);

/*
 * A range that is being taken back, piece by piece. The pages of [g, g +
 * npages), within r, whose state is in `states` become hollow and lose their
 * leaves.
 */
struct taking {
	const struct region *r;
	gfn_t g;	 /* what is left to do */
	uint64_t npages; /* likewise */
	uint32_t states;
};

/*
 * Takes a piece and moves t on: at least one entry, at most GSPACE_PIECE
 * worth of work, so that nobody waits long for the lock. Frames go to ch;
 * *flush becomes true if any leaf was present. 0, -ENOMEM (t points at what
 * could not be divided). Locked.
 */
MUST_CHECK int gspace_take_piece(struct gspace *gs, struct taking *t,
				 struct frame_chain *ch, bool *flush);

/*
 * What one hold of the lock may cost, in small pages taken back. One costs
 * some 40 ticks, and up to 120 more when its frame is freed alone: with the
 * flush a piece stays far below STRETCH_MAX_TICKS.
 */
#define GSPACE_PIECE 1024u

#endif
