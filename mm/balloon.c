// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that leave a guest-physical space: balloon, discard; and the
 * dividing of blocks on their way.
 *
 * Invariant: see gspace_priv.h for the order in which a frame leaves. One
 * flush for each batch.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/sync/wait.h"
#include "mm/gspace_priv.h"

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

/*
 * Divides the leaf and the object entry that cover g until g has an entry of
 * its own, *e. 0, -ENOMEM (every page as before). Locked.
 */
static int split_to_page(struct gspace *gs, const struct region *r, gfn_t g,
			 uint64_t **e)
{
	uint64_t idx = region_index(r, g);
	unsigned level;

	*e = mobject_walk(&gs->ram, idx, &level);
	while (level) {
		int err = split_once(gs, r, g, **e, level);

		if (err) {
			mobject_prune(&gs->ram, idx);
			return err;
		}
		*e = mobject_walk(&gs->ram, idx, &level);
	}
	return 0;
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

/* Dealing with a block or a hole costs as much as so many small pages. */
#define ENTRY_COST 8u

int gspace_take_piece(struct gspace *gs, struct taking *t,
		      struct frame_chain *ch, bool *flush)
{
	uint64_t cost = 0;

	while (t->npages && cost < GSPACE_PIECE) {
		uint64_t idx = region_index(t->r, t->g), n, hollow;
		int err;

		err = split_to_fit(gs, t->r, t->g, t->npages, t->states);
		if (err)
			return err;
		hollow = gs->ram.nr[PG_HOLLOW];
		cost += mobject_find_page(&gs->ram, idx) ? MOBJECT_FANOUT
							 : ENTRY_COST;
		n = mobject_take(&gs->ram, idx, t->npages, t->states, ch);
		if (gs->ram.nr[PG_HOLLOW] != hollow) {
			bool present = false;

			/* Blocks that stick out were split above. */
			BUG_ON(stage2_unmap_range(gs->s2, t->g, n, &present));
			*flush |= present;
			mobject_prune(&gs->ram, idx);
		}
		t->g = gfn_add(t->g, n);
		t->npages -= n;
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

/* One piece: *g and *npages move on. */
static int discard_piece(struct gspace *gs, gfn_t *g, uint64_t *npages,
			 uint64_t *taken)
{
	struct taking t = { .g = *g,
			    .states = 1u << PG_RESIDENT | 1u << PG_ZERO };
	struct frame_chain ch = FRAME_CHAIN_INIT;
	bool flush = false;
	int err;

	gspace_lock_unfrozen(gs);
	if (!range_is_ram(gs, *g, *npages)) {
		spin_unlock(&gs->lock);
		return -EINVAL;
	}
	t.r = region_find_ram(gs, *g);
	t.npages = min(*npages, t.r->first.raw + t.r->npages - g->raw);
	err = gspace_take_piece(gs, &t, &ch, &flush);
	gs->count.nr_discarded += ch.npages;
	spin_unlock(&gs->lock);

	if (flush)
		gspace_flush(gs);
	*taken += ch.npages;
	frame_free_chain(&ch);
	*npages -= t.g.raw - g->raw;
	*g = t.g;
	return err;
}

int gspace_discard(struct gspace *gs, gfn_t g, uint64_t npages, uint64_t *taken)
{
	int err = 0;

	*taken = 0;
	while (npages && !err) {
		err = discard_piece(gs, &g, &npages, taken);
		thread_give_way();
	}
	return err;
}

/* ---- the balloon ---- */

/* What a run over a batch of page numbers carries along. */
struct batch {
	struct gspace *gs;
	const uint64_t *gfns;
	unsigned npages; /* of which the limits allow */
	unsigned done;
	unsigned nr_divided; /* tables made in this piece */
	struct frame_chain ch;
	bool flush;
};

/*
 * A batch whose pages lie in as many 2 MiB blocks divides them all, at some
 * 10,000 ticks each: after so many the lock and the CPU are let go.
 */
#define PIECE_DIVISIONS 8u

static void piece_begin(struct batch *b)
{
	b->nr_divided = 0;
}

static bool piece_is_over(const struct batch *b)
{
	return b->nr_divided >= PIECE_DIVISIONS;
}

/*
 * The pages of the batch that come next lie in one 2 MiB range: those whose
 * numbers are in [lo, lo + span) have their entries in one table.
 */
struct stretch {
	const struct region *r;
	uint64_t lo, span;
	uint64_t *table;
};

/*
 * True if the next 512 pages are one aligned range in order, which the object
 * holds as one entry in state s.
 */
static bool next_is_block(struct batch *b, const struct region *r,
			  enum page_state s)
{
	const uint64_t *next = &b->gfns[b->done];
	unsigned level;
	uint64_t e;

	if (*next % PAGES_2M || b->npages - b->done < PAGES_2M ||
	    next[PAGES_2M - 1] != *next + PAGES_2M - 1 ||
	    !region_holds_block(r, gfn(*next), ORDER_2M))
		return false;
	e = *mobject_walk(&b->gs->ram, region_index(r, gfn(*next)), &level);
	if (level != 1 || mentry_state(e) != s)
		return false;
	for (unsigned i = 0; i < PAGES_2M; i++)
		if (next[i] != *next + i)
			return false;
	return true;
}

/*
 * The next page's state, looked at before anything is divided for it: a bad
 * request must not take a block apart.
 */
static bool next_is_ballooned(struct batch *b, const struct region *r)
{
	uint64_t idx = region_index(r, gfn(b->gfns[b->done]));
	unsigned level;

	return mentry_state(*mobject_walk(&b->gs->ram, idx, &level)) ==
	       PG_BALLOONED;
}

/* Finds the stretch that begins with the next page, dividing blocks. */
static int stretch_open(struct batch *b, const struct region *r,
			struct stretch *st)
{
	gfn_t g = gfn(b->gfns[b->done]);
	uint64_t end = min(round_down(g.raw, PAGES_2M) + PAGES_2M,
			   r->first.raw + r->npages);
	uint64_t *e;
	int err;

	b->nr_divided += !mobject_find_page(&b->gs->ram, region_index(r, g));
	err = split_to_page(b->gs, r, g, &e);
	if (err)
		return err;
	st->r = r;
	st->lo = max(round_down(g.raw, PAGES_2M), r->first.raw);
	st->span = end - st->lo;
	st->table = e - g.raw % MOBJECT_FANOUT;
	return 0;
}

/* All pages of the range are ballooned: neither side needs its table now. */
static void fold_ballooned(struct batch *b, const struct stretch *st)
{
	bool present;

	mobject_prune(&b->gs->ram, region_index(st->r, gfn(st->lo)));
	/* No leaf is there any more: nothing to split. */
	BUG_ON(stage2_unmap_range(b->gs->s2, gfn(st->lo), st->span, &present));
	b->flush |= present;
}

/*
 * The page numbers of the batch that belong to the stretch get ballooned
 * entries, up to the first one that is ballooned already; their frames go to
 * the chain. Counts them by the state that they leave.
 */
static unsigned inflate_entries(struct batch *b, const struct stretch *st,
				uint32_t *from)
{
	const uint64_t *gfns = b->gfns, lo = st->lo, span = st->span;
	uint64_t first = 0, next = 0; /* frames of the run so far */
	unsigned i, n = b->npages;

	for (i = b->done; i < n && gfns[i] - lo < span; i++) {
		uint64_t *e = &st->table[gfns[i] % MOBJECT_FANOUT];
		enum page_state s = mentry_state(*e);
		uint64_t f = mentry_frame(*e).raw;

		if (unlikely(s == PG_BALLOONED))
			break;
		*e = PG_BALLOONED;
		if (unlikely(s != PG_RESIDENT)) {
			from[s]++;
			continue;
		}
		if (f != next) {
			if (first != next)
				frame_chain_add(&b->ch, hfn(first),
						(uint32_t)(next - first));
			first = f;
		}
		next = f + 1;
	}
	if (first != next)
		frame_chain_add(&b->ch, hfn(first), (uint32_t)(next - first));
	n = i - b->done;
	from[PG_RESIDENT] = n - from[PG_HOLLOW] - from[PG_ZERO];
	return n;
}

static void inflate_stretch(struct batch *b, const struct stretch *st)
{
	struct frame *node = mobject_node_of(st->table);
	uint32_t from[PG_NR_STATES] = { 0 };
	unsigned n = inflate_entries(b, st, from);

	b->flush |= stage2_unmap_pages(b->gs->s2, b->gfns + b->done, n);
	for (unsigned s = PG_HOLLOW; s <= PG_ZERO; s++)
		if (from[s])
			mobject_count_move(&b->gs->ram, node,
					   (enum page_state)s, PG_BALLOONED,
					   from[s]);
	if (mobject_node_count(node, PG_BALLOONED) == MOBJECT_FANOUT)
		fold_ballooned(b, st);
	b->done += n;
}

/* A 2 MiB block goes as a whole: no dividing, one entry remembers it. */
static void inflate_block(struct batch *b, const struct region *r)
{
	struct gspace *gs = b->gs;
	gfn_t g = gfn(b->gfns[b->done]);
	uint64_t idx = region_index(r, g);
	unsigned level;
	hfn_t f = mentry_frame(*mobject_walk(&gs->ram, idx, &level));
	bool present;

	/* The entry exists and the range is whole: neither can fail. */
	BUG_ON(stage2_unmap_range(gs->s2, g, PAGES_2M, &present));
	BUG_ON(mobject_set_block(&gs->ram, idx, 1, PG_BALLOONED, hfn(0)));
	frame_chain_add(&b->ch, f, PAGES_2M);
	b->flush |= present;
	b->done += PAGES_2M;
}

static int inflate_next(struct batch *b)
{
	struct region *r = region_find_ram(b->gs, gfn(b->gfns[b->done]));
	struct stretch st;
	int err;

	if (!r || next_is_ballooned(b, r))
		return -EINVAL;
	if (next_is_block(b, r, PG_RESIDENT)) {
		inflate_block(b, r);
		return 0;
	}
	err = stretch_open(b, r, &st);
	if (!err)
		inflate_stretch(b, &st);
	return err;
}

/* Pages that may still be given up. Locked. */
static uint64_t balloon_room(const struct gspace *gs)
{
	uint64_t usable = gs->ram.npages - gs->ram.nr[PG_UNPLUGGED] -
			  gs->ram.nr[PG_BALLOONED];

	return usable > gs->min ? usable - gs->min : 0;
}

/* One hold of the lock: as much of the batch as it may cost. */
static int inflate_piece(struct batch *b, unsigned npages)
{
	struct gspace *gs = b->gs;
	unsigned before = b->done;
	uint64_t room;
	int err = 0;

	gspace_lock_unfrozen(gs);
	room = balloon_room(gs);
	b->npages = before + (unsigned)min((uint64_t)npages - before, room);
	piece_begin(b);
	while (b->done < b->npages && !err && !piece_is_over(b))
		err = inflate_next(b);
	if (!err && b->done == b->npages && b->done < npages)
		err = -ENOSPC;
	gs->count.nr_inflated += b->done - before;
	spin_unlock(&gs->lock);

	if (b->flush)
		gspace_flush(gs);
	b->flush = false;
	frame_free_chain(&b->ch);
	return err;
}

int gspace_inflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	struct batch b = { .gs = gs, .gfns = gfns };
	int err;

	BUG_ON(npages > GSPACE_BATCH_MAX);
	for (;;) {
		err = inflate_piece(&b, npages);
		if (err || b.done == npages)
			break;
		thread_give_way();
	}
	*done = b.done;
	return err;
}

bool gspace_quick_inflate(struct gspace *gs, gfn_t g)
{
	struct region *r = region_find_ram(gs, g);
	uint64_t idx, *e;
	hfn_t f;

	if (unlikely(gs->frozen || !r || !balloon_room(gs)))
		return false;
	idx = region_index(r, g);
	e = mobject_find_page(&gs->ram, idx);
	if (unlikely(!e || mentry_state(*e) != PG_RESIDENT))
		return false;
	/* With the last one its table goes: see fold_ballooned(). */
	if (unlikely(mobject_node_count(mobject_node_of(e), PG_BALLOONED) ==
		     MOBJECT_FANOUT - 1))
		return false;
	f = mentry_frame(*e);
	if (!frame_quick_free_begin() || !stage2_unmap_at_once(gs->s2, g))
		return false;
	/* From here on nothing can fail, and no CPU uses the frame. */
	mobject_change_page(&gs->ram, e, idx, PG_RESIDENT, PG_BALLOONED,
			    hfn(0));
	gs->count.nr_inflated++;
	__atomic_fetch_add(&gs->nr_flushes, 1, __ATOMIC_RELAXED);
	frame_quick_free(f);
	return true;
}

/* Up to the first page that is not ballooned. */
static void deflate_stretch(struct batch *b, const struct stretch *st)
{
	struct frame *node = mobject_node_of(st->table);
	unsigned i = b->done;

	for (; i < b->npages && b->gfns[i] - st->lo < st->span; i++) {
		uint64_t *e = &st->table[b->gfns[i] % MOBJECT_FANOUT];

		if (unlikely(mentry_state(*e) != PG_BALLOONED))
			break;
		*e = PG_HOLLOW;
	}
	mobject_count_move(&b->gs->ram, node, PG_BALLOONED, PG_HOLLOW,
			   i - b->done);
	if (!node->refs)
		mobject_prune(&b->gs->ram, region_index(st->r, gfn(st->lo)));
	b->done = i;
}

static int deflate_next(struct batch *b)
{
	struct region *r = region_find_ram(b->gs, gfn(b->gfns[b->done]));
	struct stretch st;
	int err;

	if (!r || !next_is_ballooned(b, r))
		return -EINVAL;
	if (next_is_block(b, r, PG_BALLOONED)) {
		/* The entry exists: can't fail. */
		BUG_ON(mobject_set_block(&b->gs->ram,
					 region_index(r, gfn(b->gfns[b->done])),
					 1, PG_HOLLOW, hfn(0)));
		b->done += PAGES_2M;
		return 0;
	}
	err = stretch_open(b, r, &st);
	if (!err)
		deflate_stretch(b, &st);
	return err;
}

static int deflate_piece(struct batch *b)
{
	struct gspace *gs = b->gs;
	unsigned before = b->done;
	int err = 0;

	gspace_lock_unfrozen(gs);
	piece_begin(b);
	while (b->done < b->npages && !err && !piece_is_over(b))
		err = deflate_next(b);
	gs->count.nr_deflated += b->done - before;
	spin_unlock(&gs->lock);
	return err;
}

int gspace_deflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	struct batch b = { .gs = gs, .gfns = gfns, .npages = npages };
	int err;

	BUG_ON(npages > GSPACE_BATCH_MAX);
	for (;;) {
		err = deflate_piece(&b);
		if (err || b.done == npages)
			break;
		thread_give_way();
	}
	*done = b.done;
	return err;
}
