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
#include "kernel/sync/wait.h"
#include "mm/gspace_priv.h"

/* Copying needs a block while the small frames are still held. */
#define COPY_HEADROOM (16 * PAGES_2M)
/* How many 2 MiB ranges one call looks at: some 10 us. */
#define SEARCH_CHUNKS 256u
/* Pages that are copied before others get their turn. */
#define COPY_BITE 32u

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

/* Grows with each page that comes to be; ranges fill up no other way. */
static uint64_t use_count(const struct gspace *gs)
{
	return gs->count.nr_commit_pages + gs->count.nr_splits;
}

/* A range of RAM that begins at page idx of the object, or NULL. Locked. */
static const struct region *region_at(const struct gspace *gs, uint64_t idx)
{
	for (unsigned k = 0; k < gs->nr_ram_regions; k++) {
		const struct region *r = &gs->regions[k];

		if (idx - r->index < r->npages)
			return r;
	}
	return NULL;
}

/* The next chunk of the pass; true if it is a candidate. Locked. */
static bool look_at_next(struct gspace *gs, struct candidate *out)
{
	uint64_t idx = gs->collapse_at * PAGES_2M;
	const struct region *r = region_at(gs, idx);
	gfn_t g;

	gs->collapse_left--;
	if (++gs->collapse_at >= gs->ram.npages / PAGES_2M)
		gs->collapse_at = 0;
	if (!r)
		return false;
	g = gfn(idx - r->index + r->first.raw);
	*out = (struct candidate){ gs, g, idx };
	return is_candidate(gs, r, g);
}

/* Begins a pass through all RAM if pages have come since the last one. */
static bool has_work(struct gspace *gs)
{
	uint64_t use = use_count(gs);

	if (gs->commit != COMMIT_HUGE || gs->frozen || gs->collapse_put_off ||
	    !(stage2_leaf_orders() & 1u << ORDER_2M))
		return false;
	if (!gs->collapse_left && gs->collapse_seen != use) {
		gs->collapse_seen = use;
		gs->collapse_left = gs->ram.npages / PAGES_2M;
	}
	return gs->collapse_left != 0;
}

/* COLLAPSE_DONE: *out is a candidate. Locked. */
static enum gspace_collapse search(struct gspace *gs, struct candidate *out)
{
	if (!has_work(gs))
		return COLLAPSE_NOTHING;
	for (unsigned i = 0; i < SEARCH_CHUNKS && gs->collapse_left; i++)
		if (look_at_next(gs, out))
			return COLLAPSE_DONE;
	return COLLAPSE_MORE;
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

/* Its memory is faulty somewhere: its VM is about to end. Locked. */
static bool has_bad_frame(const struct candidate *c)
{
	const uint64_t *table = mobject_find_page(&c->gs->ram, c->idx);
	bool bad = false;

	for (unsigned i = 0; i < MOBJECT_FANOUT; i++)
		bad |= frame_is_bad(mentry_frame(table[i]));
	return bad;
}

/* A frozen space can't change: read without the lock. Gives way. */
static void copy_pages(const uint64_t *table, hfn_t block)
{
	for (unsigned i = 0; i < MOBJECT_FANOUT; i++) {
		memcpy(hfn_to_ptr(hfn_add(block, i)),
		       hfn_to_ptr(mentry_frame(table[i])), PAGE_SIZE);
		if (i % COPY_BITE == COPY_BITE - 1)
			thread_yield();
	}
}

/* Called locked, the range unmapped, the space frozen; returns unlocked. */
static void collapse_by_copy(const struct candidate *c, hfn_t block)
{
	struct frame_chain ch = FRAME_CHAIN_INIT;
	struct gspace *gs = c->gs;
	uint64_t *table = mobject_find_page(&gs->ram, c->idx);

	frame_set_aside(block);
	spin_unlock(&gs->lock);
	gspace_flush(gs);
	copy_pages(table, block);

	spin_lock(&gs->lock);
	frame_take_up(block);
	mobject_take(&gs->ram, c->idx, PAGES_2M, 1u << PG_RESIDENT, &ch);
	/* The level above exists, and the table is all hollow: can't fail. */
	BUG_ON(mobject_set_block(&gs->ram, c->idx, 1, PG_RESIDENT, block));
	map_block(c, block);
	gspace_thaw(gs);
	spin_unlock(&gs->lock);
	/* Flushed before the copy, and not mapped since. */
	frame_free_chain(&ch);
}

/*
 * Works on one range of gs, whose lock is held; returns unlocked.
 * COLLAPSE_MORE: memory is too short to copy; others may need none.
 */
static enum gspace_collapse collapse(const struct candidate *c)
{
	struct gspace *gs = c->gs;
	hfn_t block;

	if (collapse_in_place(c)) {
		spin_unlock(&gs->lock);
		gspace_flush(gs);
		return COLLAPSE_DONE;
	}
	if (has_bad_frame(c)) {
		spin_unlock(&gs->lock);
		return COLLAPSE_DONE;
	}
	if (!frame_guest_may_take(COPY_HEADROOM) ||
	    frame_alloc(ORDER_2M, FRAME_DATA, FA_GUEST, &block)) {
		/* Another pass, later, even if nothing else changes. */
		gs->collapse_left = 0;
		gs->collapse_seen = ~0ull;
		gs->collapse_put_off = true;
		spin_unlock(&gs->lock);
		return COLLAPSE_MORE;
	}
	gspace_freeze(gs);
	unmap_small(c);
	collapse_by_copy(c, block);
	return COLLAPSE_DONE;
}

/* COLLAPSE_DONE: *c is a candidate, and gs is kept alive. List locked. */
static enum gspace_collapse look_into(struct gspace *gs, struct candidate *c)
{
	enum gspace_collapse found;

	spin_lock(&gs->lock);
	found = search(gs, c);
	if (found == COLLAPSE_DONE)
		gs->nr_users++;
	spin_unlock(&gs->lock);
	if (found != COLLAPSE_NOTHING)
		gspace_list.last_collapse = gs->serial;
	return found;
}

/* Who was put off is looked at again in the next period. List locked. */
static void end_round(void)
{
	struct gspace *gs;

	list_for_each (gs, &gspace_list.head, link) {
		spin_lock(&gs->lock);
		gs->collapse_put_off = false;
		spin_unlock(&gs->lock);
	}
}

/*
 * The next space, in turn, with something to do or to look at. COLLAPSE_DONE:
 * *c is a candidate, whose space is kept alive.
 */
static enum gspace_collapse pick(struct candidate *c)
{
	enum gspace_collapse found = COLLAPSE_NOTHING;
	struct gspace *gs;
	uint64_t last;

	spin_lock(&gspace_list.lock);
	last = gspace_list.last_collapse;
	/* Those behind the one served last, then those up to it. */
	for (unsigned half = 0; half < 2 && found == COLLAPSE_NOTHING; half++)
		list_for_each (gs, &gspace_list.head, link) {
			if ((gs->serial <= last) != half)
				continue;
			found = look_into(gs, c);
			if (found != COLLAPSE_NOTHING)
				break;
		}
	if (found == COLLAPSE_NOTHING)
		end_round();
	spin_unlock(&gspace_list.lock);
	return found;
}

enum gspace_collapse gspace_collapse_some(void)
{
	struct candidate c = { 0 };
	enum gspace_collapse found = pick(&c);
	struct gspace *gs = c.gs;

	if (found != COLLAPSE_DONE)
		return found;
	gspace_lock_unfrozen(gs);
	/* It was unlocked for a moment: look again. */
	if (!is_candidate(gs, region_find_ram(gs, c.g), c.g)) {
		spin_unlock(&gs->lock);
		found = COLLAPSE_MORE;
	} else {
		found = collapse(&c);
	}

	spin_lock(&gspace_list.lock);
	gs->nr_users--;
	spin_unlock(&gspace_list.lock);
	return found;
}
