// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The buddy lists of one zone.
 *
 * Invariant: two free buddies of the same order and kind are never both on a
 * list, they are merged. A buddy's record can always be trusted: the frame at
 * first ^ (1 << order) heads a block of at most that order, for a larger
 * one would contain `first` as well.
 */
#include "kernel/lib/bug.h"
#include "mm/frame_priv.h"

void zone_init(struct zone *z, uint8_t node)
{
	*z = (struct zone){ .node = node };
	spin_init(&z->lock, LOCK_FRAMES, "frames");
	for (unsigned k = 0; k < BLOCK_NR_KINDS; k++)
		for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
			z->head[k][o] = z->tail[k][o] = FRAME_NIL;
}

static ALWAYS_INLINE void list_block(struct zone *z, hfn_t first,
				     unsigned order, enum block_kind k)
{
	struct frame *fr = frame_of(first);
	uint32_t next = z->head[k][order];

	fr->kind = frame_kind(FRAME_FREE, order, z->node,
			      FRAME_F_LISTED | block_flags(k));
	fr->free.next = next;
	fr->free.prev = FRAME_NIL;
	if (next != FRAME_NIL)
		frame_records[next].free.prev = (uint32_t)first.raw;
	else
		z->tail[k][order] = (uint32_t)first.raw;
	z->head[k][order] = (uint32_t)first.raw;
	z->nonempty[k] |= 1u << order;
	z->nr_blocks[k][order]++;
}

static void unlist_block(struct zone *z, hfn_t first, unsigned order,
			 enum block_kind k)
{
	struct frame *fr = frame_of(first);
	uint32_t next = fr->free.next, prev = fr->free.prev;

	if (next != FRAME_NIL)
		frame_records[next].free.prev = prev;
	else
		z->tail[k][order] = prev;
	if (prev != FRAME_NIL) {
		frame_records[prev].free.next = next;
	} else {
		z->head[k][order] = next;
		if (next == FRAME_NIL)
			z->nonempty[k] &= ~(1u << order);
	}
	fr->flags &= (uint8_t)~FRAME_F_LISTED;
	z->nr_blocks[k][order]--;
}

/* True if first heads a listed block of exactly that order and kind. */
static bool is_listed(const struct zone *z, hfn_t first, unsigned order,
		      enum block_kind k)
{
	return first.raw < frame_nr_records &&
	       frame_of(first)->kind ==
		       frame_kind(FRAME_FREE, order, z->node,
				  FRAME_F_LISTED | block_flags(k));
}

static hfn_t buddy_of(hfn_t first, unsigned order)
{
	return hfn(first.raw ^ 1ull << order);
}

static void put_block(struct zone *z, hfn_t first, unsigned order,
		      enum block_kind k)
{
	while (order < FRAME_MAX_ORDER) {
		hfn_t buddy = buddy_of(first, order);

		if (!is_listed(z, buddy, order, k))
			break;
		unlist_block(z, buddy, order, k);
		first.raw &= ~(1ull << order);
		order++;
	}
	list_block(z, first, order, k);
}

static void put_run(struct zone *z, hfn_t first, uint64_t npages,
		    enum block_kind k)
{
	z->nr_free[k] += npages;
	z->nr_freed_ever += npages;
	while (npages) {
		unsigned order = 63u - (unsigned)__builtin_clzll(npages);

		if (first.raw)
			order = min(order,
				    (unsigned)__builtin_ctzll(first.raw));
		order = min(order, FRAME_MAX_ORDER);
		put_block(z, first, order, k);
		first.raw += 1ull << order;
		npages -= 1ull << order;
	}
}

/* The same, where some may be faulty. */
static NOINLINE void put_good(struct zone *z, hfn_t first, uint64_t npages,
			      enum block_kind k)
{
	/* Almost always there are no faulty frames at all. */
	while (unlikely(frame_nr_bad) && npages) {
		uint64_t good = frame_next_bad(first, npages);

		if (good == npages)
			break;
		put_run(z, first, good, k);
		frame_set_retired(hfn_add(first, good));
		first = hfn_add(first, good + 1);
		npages -= good + 1;
	}
	put_run(z, first, npages, k);
}

void buddy_put(struct zone *z, hfn_t first, uint64_t npages, enum block_kind k)
{
	if (unlikely(npages != 1 || frame_nr_bad)) {
		put_good(z, first, npages, k);
		return;
	}
	/* By far the most: a small page, kept small in its cost. */
	z->nr_free[k]++;
	z->nr_freed_ever++;
	put_block(z, first, 0, k);
}

bool buddy_cut_out(struct zone *z, hfn_t f)
{
	for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++)
		for (unsigned k = 0; k < BLOCK_NR_KINDS; k++) {
			hfn_t first = hfn(f.raw & ~((1ull << order) - 1));

			if (!is_listed(z, first, order, (enum block_kind)k))
				continue;
			unlist_block(z, first, order, (enum block_kind)k);
			z->nr_free[k] -= 1ull << order;
			buddy_put(z, first, 1ull << order, (enum block_kind)k);
			return true;
		}
	return false;
}

bool buddy_take(struct zone *z, unsigned order, enum block_kind k, hfn_t *out)
{
	uint32_t fits = z->nonempty[k] & ~0u << order;
	unsigned from;
	hfn_t first;

	if (!fits)
		return false;
	from = (unsigned)__builtin_ctz(fits);
	first = hfn(z->head[k][from]);
	unlist_block(z, first, from, k);
	while (from > order) {
		from--;
		list_block(z, hfn_add(first, 1ull << from), from, k);
	}
	frame_of(first)->kind =
		frame_kind(FRAME_FREE, order, z->node, block_flags(k));
	z->nr_free[k] -= 1ull << order;
	*out = first;
	return true;
}

/* ---- joining blocks of both kinds ---- */

/* The first block of a list, of two or more, becomes the last one. */
static void rotate(struct zone *z, unsigned order, enum block_kind k)
{
	uint32_t first = z->head[k][order], last = z->tail[k][order];
	struct frame *fr = &frame_records[first];

	z->head[k][order] = fr->free.next;
	frame_records[fr->free.next].free.prev = FRAME_NIL;
	frame_records[last].free.next = first;
	fr->free.prev = last;
	fr->free.next = FRAME_NIL;
	z->tail[k][order] = first;
}

/*
 * Looks at the first clean block of the order: joined with its buddy, if that
 * is dirty (true), else put last.
 */
static bool join_first(struct zone *z, unsigned order)
{
	hfn_t first = hfn(z->head[BLOCK_CLEAN][order]);
	hfn_t buddy = buddy_of(first, order);

	if (!is_listed(z, buddy, order, BLOCK_DIRTY)) {
		if (z->nr_blocks[BLOCK_CLEAN][order] > 1)
			rotate(z, order, BLOCK_CLEAN);
		return false;
	}
	unlist_block(z, first, order, BLOCK_CLEAN);
	unlist_block(z, buddy, order, BLOCK_DIRTY);
	z->nr_free[BLOCK_CLEAN] -= 1ull << order;
	z->nr_free[BLOCK_DIRTY] += 1ull << order;
	first.raw &= ~(1ull << order);
	put_block(z, first, order + 1, BLOCK_DIRTY);
	return true;
}

static void join_at_order(struct zone *z, unsigned order)
{
	z->join_order = order;
	z->join_left = z->nr_blocks[BLOCK_CLEAN][order];
}

/*
 * Useless when little was freed since the last sweep began: a first touch under
 * fragmentation must not pay for one each time.
 */
static bool may_begin_to_join(const struct zone *z)
{
	return !z->joined_at || z->nr_freed_ever - z->joined_at >= PAGES_2M;
}

bool buddy_join_some(struct zone *z, unsigned order)
{
	unsigned budget = JOIN_BUDGET;

	if (!z->joining) {
		if (!may_begin_to_join(z))
			return false;
		z->joined_at = z->nr_freed_ever;
		z->joining = true;
		join_at_order(z, 0);
	}
	while (z->join_order < order) {
		if (budget < JOIN_COST || z->nonempty[BLOCK_DIRTY] >> order)
			return true;
		/* Others took some meanwhile. */
		z->join_left = min(z->join_left,
				   z->nr_blocks[BLOCK_CLEAN][z->join_order]);
		if (!z->join_left) {
			join_at_order(z, z->join_order + 1);
			continue;
		}
		z->join_left--;
		budget -= join_first(z, z->join_order) ? JOIN_COST : 1;
	}
	z->joining = false;
	return z->nonempty[BLOCK_DIRTY] >> order != 0;
}
