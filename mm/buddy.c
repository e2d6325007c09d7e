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
			z->head[k][o] = FRAME_NIL;
}

static void list_block(struct zone *z, hfn_t first, unsigned order,
		       enum block_kind k)
{
	struct frame *fr = frame_of(first);
	uint32_t next = z->head[k][order];

	fr->kind = frame_kind(FRAME_FREE, order, z->node,
			      FRAME_F_LISTED | block_flags(k));
	fr->free.next = next;
	fr->free.prev = FRAME_NIL;
	if (next != FRAME_NIL)
		frame_records[next].free.prev = (uint32_t)first.raw;
	z->head[k][order] = (uint32_t)first.raw;
	z->nonempty[k] |= 1u << order;
	z->nr_blocks[order]++;
}

static void unlist_block(struct zone *z, hfn_t first, unsigned order,
			 enum block_kind k)
{
	struct frame *fr = frame_of(first);
	uint32_t next = fr->free.next, prev = fr->free.prev;

	if (next != FRAME_NIL)
		frame_records[next].free.prev = prev;
	if (prev != FRAME_NIL) {
		frame_records[prev].free.next = next;
	} else {
		z->head[k][order] = next;
		if (next == FRAME_NIL)
			z->nonempty[k] &= ~(1u << order);
	}
	fr->flags &= (uint8_t)~FRAME_F_LISTED;
	z->nr_blocks[order]--;
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

void buddy_put(struct zone *z, hfn_t first, uint64_t npages, enum block_kind k)
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

/* Joins each clean block of one order whose buddy is dirty. */
static void join_mixed_of(struct zone *z, unsigned order)
{
	uint32_t next = z->head[BLOCK_CLEAN][order];

	while (next != FRAME_NIL) {
		hfn_t first = hfn(next), buddy = buddy_of(first, order);

		next = frame_of(first)->free.next;
		if (!is_listed(z, buddy, order, BLOCK_DIRTY))
			continue;
		unlist_block(z, first, order, BLOCK_CLEAN);
		unlist_block(z, buddy, order, BLOCK_DIRTY);
		z->nr_free[BLOCK_CLEAN] -= 1ull << order;
		z->nr_free[BLOCK_DIRTY] += 1ull << order;
		first.raw &= ~(1ull << order);
		put_block(z, first, order + 1, BLOCK_DIRTY);
	}
}

bool buddy_join_mixed(struct zone *z, unsigned order)
{
	/*
	 * Walking every list is dear, and useless when little was freed since
	 * the last walk; a first touch under fragmentation must not pay for
	 * it each time.
	 */
	if (z->joined_at && z->nr_freed_ever - z->joined_at < PAGES_2M)
		return false;
	z->joined_at = z->nr_freed_ever;
	for (unsigned o = 0; o < order; o++)
		join_mixed_of(z, o);
	return z->nonempty[BLOCK_DIRTY] >> order != 0;
}
