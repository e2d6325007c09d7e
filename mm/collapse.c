// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Putting small pages together again into 2 MiB blocks, in the background: what
 * balloon, discard and scattered first touches took apart.
 *
 * Invariant: while pages are copied, the space is frozen: nobody else changes
 * its pages, and no CPU has a translation for those that are copied.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "mm/gspace_priv.h"

/* Copying needs a block while the small frames are still held. */
#define COPY_HEADROOM (16 * PAGES_2M)

/* A 2 MiB range whose pages are all resident, small, and mapped. */
struct candidate {
	struct gspace *gs;
	gfn_t g;      /* first page */
	uint64_t idx; /* the same in the object */
};

/* True if the aligned range at g could become a block. Locked. */
static bool is_candidate(struct gspace *gs, const struct region *r, gfn_t g)
{
	uint64_t *e;

	if (!region_holds_block(r, g, ORDER_2M))
		return false;
	e = mobject_find_page(&gs->ram, region_index(r, g));
	return e && mobject_node_count(mobject_node_of(e), PG_RESIDENT) ==
			    MOBJECT_FANOUT;
}

/* Looks on from where the last search ended, once through all RAM. Locked. */
static bool find_candidate(struct gspace *gs, struct candidate *out)
{
	uint64_t nr_chunks = gs->ram.npages / PAGES_2M;

	if (gs->commit != COMMIT_HUGE || gs->frozen ||
	    !(stage2_leaf_orders() & 1u << ORDER_2M))
		return false;
	for (uint64_t i = 0; i < nr_chunks; i++) {
		uint64_t idx = gs->collapse_at % nr_chunks * PAGES_2M;

		gs->collapse_at = gs->collapse_at % nr_chunks + 1;
		for (unsigned k = 0; k < gs->nr_ram_regions; k++) {
			const struct region *r = &gs->regions[k];
			gfn_t g = gfn(idx - r->index + r->first.raw);

			if (idx - r->index >= r->npages ||
			    !is_candidate(gs, r, g))
				continue;
			*out = (struct candidate){ gs, g, idx };
			return true;
		}
	}
	return false;
}

/* Takes the small leaves away. Locked; a flush is due. */
static void unmap_small(const struct candidate *c)
{
	bool present;

	/* Covers whole small leaves only: nothing to split. */
	BUG_ON(stage2_unmap_range(c->gs->s2, c->g, PAGES_2M, &present));
}

/*
 * Maps the range's block, whose tables above exist: the small leaves were
 * there a moment ago. Locked.
 */
static void map_block(const struct candidate *c, hfn_t block)
{
	BUG_ON(stage2_map(c->gs->s2, c->g, block, ORDER_2M, S2_RWX));
	c->gs->count.nr_collapses++;
}

/* The frames are one block already: no copy. True if so. Locked. */
static bool collapse_in_place(const struct candidate *c)
{
	unsigned level;

	if (!mobject_unite(&c->gs->ram, c->idx))
		return false;
	unmap_small(c);
	map_block(c, mentry_frame(*mobject_walk(&c->gs->ram, c->idx, &level)));
	return true;
}

/* A frozen space can't change: read without the lock. */
static void copy_pages(const uint64_t *table, hfn_t block)
{
	for (unsigned i = 0; i < MOBJECT_FANOUT; i++)
		memcpy(hfn_to_ptr(hfn_add(block, i)),
		       hfn_to_ptr(mentry_frame(table[i])), PAGE_SIZE);
}

/* Called locked, the range unmapped, the space frozen; returns unlocked. */
static void collapse_by_copy(const struct candidate *c, hfn_t block)
{
	struct frame_chain ch = FRAME_CHAIN_INIT;
	struct gspace *gs = c->gs;
	uint64_t *table = mobject_find_page(&gs->ram, c->idx);

	spin_unlock(&gs->lock);
	gspace_flush(gs);
	copy_pages(table, block);

	spin_lock(&gs->lock);
	mobject_take(&gs->ram, c->idx, PAGES_2M, 1u << PG_RESIDENT, &ch);
	/* The level above exists, and the table is all hollow: can't fail. */
	BUG_ON(mobject_set_block(&gs->ram, c->idx, 1, PG_RESIDENT, block));
	map_block(c, block);
	gs->frozen = false;
	spin_unlock(&gs->lock);
	/* Flushed before the copy, and not mapped since. */
	frame_free_chain(&ch);
}

/* Works on one range of gs, whose lock is held; returns unlocked. */
static void collapse(const struct candidate *c)
{
	struct gspace *gs = c->gs;
	hfn_t block;

	if (collapse_in_place(c)) {
		spin_unlock(&gs->lock);
		gspace_flush(gs);
		return;
	}
	if (!frame_guest_may_take(COPY_HEADROOM) ||
	    frame_alloc(ORDER_2M, FRAME_DATA, FA_GUEST, &block)) {
		spin_unlock(&gs->lock);
		return;
	}
	gs->frozen = true;
	unmap_small(c);
	collapse_by_copy(c, block);
}

/* A space with something to collapse, kept alive and locked; NULL: none. */
static struct gspace *pick(struct candidate *c)
{
	struct gspace *gs;

	spin_lock(&gspace_list.lock);
	list_for_each (gs, &gspace_list.head, link) {
		spin_lock(&gs->lock);
		if (find_candidate(gs, c)) {
			gs->nr_users++;
			spin_unlock(&gs->lock);
			spin_unlock(&gspace_list.lock);
			return gs;
		}
		spin_unlock(&gs->lock);
	}
	spin_unlock(&gspace_list.lock);
	return NULL;
}

bool gspace_collapse_some(void)
{
	struct candidate c;
	struct gspace *gs = pick(&c);

	if (!gs)
		return false;
	gspace_lock_unfrozen(gs);
	/* It was unlocked for a moment: look again. */
	if (is_candidate(gs, region_find_ram(gs, c.g), c.g))
		collapse(&c);
	else
		spin_unlock(&gs->lock);

	spin_lock(&gspace_list.lock);
	gs->nr_users--;
	spin_unlock(&gspace_list.lock);
	return true;
}
