// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that leave a guest-physical space: balloon, discard; and the
 * dividing of blocks on their way.
 *
 * Invariant: see gspace_priv.h for the order in which a frame leaves. One
 * flush for each batch.
 */
#include "kernel/bug.h"
#include "kernel/errno.h"
#include "mm/gspace_priv.h"

/* Pages that one hold of the lock may take back: some 0.1 ms. */
#define DISCARD_BATCH 8192u

/* ---- dividing ---- */

/*
 * Divides the entry that covers g into 512. Its leaf goes first: small leaves
 * over a block are legal, so that nothing need be undone if memory for the
 * object's node runs out then.
 */
static int split_once(struct gspace *gs, const struct region *r, gfn_t g,
		      uint64_t e, unsigned level)
{
	int err;

	if (mentry_state(e) == PG_RESIDENT) {
		err = stage2_split(gs->s2, g, level * MOBJECT_NODE_BITS);
		if (err)
			return err;
	}
	err = mobject_divide(&gs->ram, region_index(r, g));
	if (!err && mentry_state(e) == PG_RESIDENT)
		gs->count.nr_splits++;
	return err;
}

int gspace_split_to_page(struct gspace *gs, const struct region *r, gfn_t g,
			 struct mobject_cursor *c)
{
	uint64_t idx = region_index(r, g);
	int err = 0;

	while (!err && !mobject_seek(&gs->ram, idx, c)) {
		unsigned level;
		uint64_t e = *mobject_walk(&gs->ram, idx, &level);

		err = split_once(gs, r, g, e, level);
	}
	if (err)
		mobject_prune(&gs->ram, idx);
	return err;
}

/* Divides the entry at g until it does not stick out of npages. */
static int split_to_fit(struct gspace *gs, const struct region *r, gfn_t g,
			uint64_t npages, uint32_t states)
{
	for (;;) {
		uint64_t idx = region_index(r, g), n;
		unsigned level;
		uint64_t e = *mobject_walk(&gs->ram, idx, &level);
		int err;

		n = 1ull << level * MOBJECT_NODE_BITS;
		if (!(states & 1u << mentry_state(e)) ||
		    (idx % n == 0 && npages >= n))
			return 0;
		err = split_once(gs, r, g, e, level);
		if (err)
			return err;
	}
}

/* ---- taking ranges ---- */

int gspace_take(struct gspace *gs, const struct region *r, gfn_t g,
		uint64_t npages, uint32_t states, struct frame_chain *ch,
		bool *flush)
{
	while (npages) {
		uint64_t idx = region_index(r, g), n, hollow;
		int err;

		err = split_to_fit(gs, r, g, npages, states);
		if (err)
			return err;
		hollow = gs->ram.nr[PG_HOLLOW];
		n = mobject_take(&gs->ram, idx, npages, states, ch);
		if (gs->ram.nr[PG_HOLLOW] != hollow) {
			bool present = false;

			/* Blocks that stick out were split above. */
			BUG_ON(stage2_unmap_range(gs->s2, g, n, &present));
			*flush |= present;
			mobject_prune(&gs->ram, idx);
		}
		g = gfn_add(g, n);
		npages -= n;
	}
	return 0;
}

/* True if all of [g, g + npages) is RAM. Locked. */
static bool range_is_ram(struct gspace *gs, gfn_t g, uint64_t npages)
{
	if (g.raw + npages < g.raw)
		return false;
	while (npages) {
		struct region *r = region_find_ram(gs, g);
		uint64_t n;

		if (!r)
			return false;
		n = min(npages, r->first.raw + r->npages - g.raw);
		g = gfn_add(g, n);
		npages -= n;
	}
	return true;
}

/* One batch: *g and *npages move on. */
static int discard_batch(struct gspace *gs, gfn_t *g, uint64_t *npages,
			 uint64_t *taken)
{
	const uint32_t states = 1u << PG_RESIDENT | 1u << PG_ZERO;
	struct frame_chain ch = FRAME_CHAIN_INIT;
	struct region *r;
	bool flush = false;
	uint64_t n;
	int err;

	gspace_lock_unfrozen(gs);
	if (!range_is_ram(gs, *g, *npages)) {
		spin_unlock(&gs->lock);
		return -EINVAL;
	}
	r = region_find_ram(gs, *g);
	n = min(*npages, r->first.raw + r->npages - g->raw);
	n = min(n, DISCARD_BATCH - g->raw % DISCARD_BATCH);
	err = gspace_take(gs, r, *g, n, states, &ch, &flush);
	gs->count.nr_discarded += ch.npages;
	spin_unlock(&gs->lock);

	if (flush)
		gspace_flush(gs);
	*taken += ch.npages;
	frame_free_chain(&ch);
	*g = gfn_add(*g, n);
	*npages -= n;
	return err;
}

int gspace_discard(struct gspace *gs, gfn_t g, uint64_t npages, uint64_t *taken)
{
	int err = 0;

	*taken = 0;
	while (npages && !err)
		err = discard_batch(gs, &g, &npages, taken);
	return err;
}

/* ---- the balloon ---- */

/* What a run over a batch of page numbers carries along. */
struct batch {
	struct gspace *gs;
	const uint64_t *gfns;
	unsigned npages;
	unsigned done;
	uint64_t budget;  /* pages that may still be given up */
	struct region *r; /* of the last page; NULL: none yet */
	struct mobject_cursor c;
	struct stage2_cursor s2c;
	struct frame_chain ch;
	bool flush;
};

static void batch_begin(struct batch *b, struct gspace *gs,
			const uint64_t *gfns, unsigned npages)
{
	const struct mobject *o = &gs->ram;
	uint64_t usable = o->npages - o->nr[PG_UNPLUGGED] - o->nr[PG_BALLOONED];

	*b = (struct batch){
		.gs = gs,
		.gfns = gfns,
		.npages = npages,
		.budget = usable > gs->min ? usable - gs->min : 0,
		.c = MOBJECT_CURSOR_INIT,
		.s2c = S2_CURSOR_INIT,
		.ch = FRAME_CHAIN_INIT,
	};
}

/* Tables may have moved or gone: look them up again. */
static void batch_forget_tables(struct batch *b)
{
	b->c = (struct mobject_cursor)MOBJECT_CURSOR_INIT;
	b->s2c = (struct stage2_cursor)S2_CURSOR_INIT;
}

/* Sets b->r to the RAM region of g. */
static bool batch_find(struct batch *b, gfn_t g)
{
	if (likely(b->r && g.raw - b->r->first.raw < b->r->npages))
		return true;
	b->r = region_find_ram(b->gs, g);
	return b->r != NULL;
}

/*
 * True if the next 512 pages are one aligned range in order, which the object
 * holds as one entry in state s.
 */
static bool next_is_block(struct batch *b, gfn_t g, enum page_state s)
{
	const uint64_t *next = &b->gfns[b->done];
	unsigned level;
	uint64_t e;

	if (g.raw % PAGES_2M || b->npages - b->done < PAGES_2M ||
	    next[PAGES_2M - 1] != g.raw + PAGES_2M - 1 ||
	    !region_holds_block(b->r, g, ORDER_2M))
		return false;
	e = *mobject_walk(&b->gs->ram, region_index(b->r, g), &level);
	if (level != 1 || mentry_state(e) != s)
		return false;
	for (unsigned i = 0; i < PAGES_2M; i++)
		if (next[i] != g.raw + i)
			return false;
	return true;
}

/* The state of g's page; its table becomes b->c's, divided if need be. */
static int batch_open(struct batch *b, gfn_t g, uint64_t **e)
{
	uint64_t idx = region_index(b->r, g);
	int err;

	if (unlikely(!mobject_seek(&b->gs->ram, idx, &b->c))) {
		batch_forget_tables(b);
		err = gspace_split_to_page(b->gs, b->r, g, &b->c);
		if (err)
			return err;
	}
	*e = &b->c.table[idx % MOBJECT_FANOUT];
	return 0;
}

/* A 2 MiB block goes as a whole: no dividing, one entry remembers it. */
static void inflate_block(struct batch *b, gfn_t g)
{
	struct gspace *gs = b->gs;
	uint64_t idx = region_index(b->r, g);
	unsigned level;
	hfn_t f = mentry_frame(*mobject_walk(&gs->ram, idx, &level));
	bool present;

	/* The entry exists and the range is whole: neither can fail. */
	BUG_ON(stage2_unmap_range(gs->s2, g, PAGES_2M, &present));
	b->flush |= present;
	BUG_ON(mobject_set_block(&gs->ram, idx, 1, PG_BALLOONED, hfn(0)));
	frame_chain_add(&b->ch, f, PAGES_2M);
	batch_forget_tables(b);
	b->budget -= PAGES_2M;
	b->done += PAGES_2M;
}

/* The last page of a 2 MiB range went: neither side needs its table now. */
static void fold_ballooned(struct batch *b, gfn_t g)
{
	bool present;

	mobject_prune(&b->gs->ram, region_index(b->r, g));
	if (region_holds_block(b->r, g, ORDER_2M)) {
		/* No leaf is there any more: nothing to split. */
		BUG_ON(stage2_unmap_range(b->gs->s2,
					  gfn(round_down(g.raw, PAGES_2M)),
					  PAGES_2M, &present));
		b->flush |= present;
	}
	batch_forget_tables(b);
}

static int inflate_page(struct batch *b, gfn_t g)
{
	enum page_state old;
	uint64_t *e;
	int err;

	err = batch_open(b, g, &e);
	if (unlikely(err))
		return err;
	old = mentry_state(*e);
	if (unlikely(old == PG_BALLOONED))
		return -EINVAL;
	if (old == PG_RESIDENT)
		frame_chain_add(&b->ch, mentry_frame(*e), 1);
	if (old != PG_HOLLOW)
		b->flush |= stage2_unmap_page(b->gs->s2, &b->s2c, g);
	mobject_set_page(&b->gs->ram, &b->c, region_index(b->r, g),
			 PG_BALLOONED, hfn(0));
	if (unlikely(mobject_node_count(b->c.node, PG_BALLOONED) ==
		     MOBJECT_FANOUT))
		fold_ballooned(b, g);
	b->budget--;
	b->done++;
	return 0;
}

static int inflate_next(struct batch *b)
{
	gfn_t g = gfn(b->gfns[b->done]);

	if (unlikely(!batch_find(b, g)))
		return -EINVAL;
	if (unlikely(!b->budget))
		return -ENOSPC;
	if (b->budget >= PAGES_2M && next_is_block(b, g, PG_RESIDENT)) {
		inflate_block(b, g);
		return 0;
	}
	return inflate_page(b, g);
}

int gspace_inflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	struct batch b;
	int err = 0;

	BUG_ON(npages > GSPACE_BATCH_MAX);
	gspace_lock_unfrozen(gs);
	batch_begin(&b, gs, gfns, npages);
	while (b.done < npages && !err)
		err = inflate_next(&b);
	gs->count.nr_inflated += b.done;
	spin_unlock(&gs->lock);

	if (b.flush)
		gspace_flush(gs);
	frame_free_chain(&b.ch);
	*done = b.done;
	return err;
}

static int deflate_page(struct batch *b, gfn_t g)
{
	uint64_t *e;
	int err;

	err = batch_open(b, g, &e);
	if (unlikely(err))
		return err;
	if (unlikely(mentry_state(*e) != PG_BALLOONED))
		return -EINVAL;
	mobject_set_page(&b->gs->ram, &b->c, region_index(b->r, g), PG_HOLLOW,
			 hfn(0));
	if (unlikely(!b->c.node->refs)) {
		mobject_prune(&b->gs->ram, region_index(b->r, g));
		batch_forget_tables(b);
	}
	b->done++;
	return 0;
}

static int deflate_next(struct batch *b)
{
	gfn_t g = gfn(b->gfns[b->done]);

	if (unlikely(!batch_find(b, g)))
		return -EINVAL;
	if (!next_is_block(b, g, PG_BALLOONED))
		return deflate_page(b, g);
	/* The entry exists: can't fail. */
	BUG_ON(mobject_set_block(&b->gs->ram, region_index(b->r, g), 1,
				 PG_HOLLOW, hfn(0)));
	batch_forget_tables(b);
	b->done += PAGES_2M;
	return 0;
}

int gspace_deflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	struct batch b;
	int err = 0;

	BUG_ON(npages > GSPACE_BATCH_MAX);
	gspace_lock_unfrozen(gs);
	batch_begin(&b, gs, gfns, npages);
	while (b.done < npages && !err)
		err = deflate_next(&b);
	gs->count.nr_deflated += b.done;
	spin_unlock(&gs->lock);
	*done = b.done;
	return err;
}
