// SPDX-License-Identifier: GPL-2.0-or-later
/* The radix tree of memory objects; invariants in mobject.h. */
#include "mm/mobject.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

static uint64_t level_pages(unsigned level)
{
	return 1ull << MOBJECT_NODE_BITS * level;
}

static unsigned slot_of(uint64_t idx, unsigned level)
{
	return (unsigned)(idx >> MOBJECT_NODE_BITS * level) % MOBJECT_FANOUT;
}

static uint64_t *table_of(uint64_t e)
{
	return hpa_to_ptr(hpa(e & MENTRY_ADDR));
}

/* The record of the node that holds entry e; NULL for the root entry. */
static struct frame *node_of(const struct mobject *o, const uint64_t *e)
{
	return e == &o->root ? NULL : mobject_node_of(e);
}

static bool is_hollow(uint64_t e)
{
	return e == 0;
}

/* Rewrites an entry above level 0, or of any level without state counts. */
static void put_entry(struct mobject *o, uint64_t *e, uint64_t value)
{
	struct frame *node = node_of(o, e);

	if (node)
		node->refs += (uint32_t)!is_hollow(value) - !is_hollow(*e);
	*e = value;
}

void mobject_init(struct mobject *o, const char *name, uint64_t npages)
{
	*o = (struct mobject){ .name = name,
			       .npages = npages,
			       .top = 1,
			       .last.chunk = MOBJECT_NO_CHUNK,
			       .other.chunk = MOBJECT_NO_CHUNK };
	while (level_pages(o->top) < npages)
		o->top++;
	BUG_ON(o->top > MOBJECT_MAX_LEVEL);
	o->nr[PG_HOLLOW] = npages;
}

/* ---- nodes ---- */

static int node_create(struct mobject *o, uint64_t idx, unsigned level,
		       struct frame **out)
{
	struct frame *node;
	hfn_t f;
	int err;

	err = frame_alloc(0, FRAME_MOBJECT, FA_ZERO | FA_RESERVE, &f);
	if (err)
		return err;
	node = frame_of(f);
	node->owner = o;
	node->index = round_down(idx, level_pages(level + 1));
	node->refs = 0;
	node->private = 0;
	o->nr_nodes++;
	o->nr_changes += MOBJECT_FANOUT;
	*out = node;
	return 0;
}

static void node_destroy(struct mobject *o, uint64_t e)
{
	o->nr_nodes--;
	o->nr_changes += MOBJECT_FANOUT;
	if (table_of(e) == o->last.table)
		o->last.chunk = MOBJECT_NO_CHUNK;
	if (table_of(e) == o->other.table)
		o->other.chunk = MOBJECT_NO_CHUNK;
	frame_free(hfn_of(hpa(e & MENTRY_ADDR)), 0);
}

/*
 * The frames of a block become blocks of one level less, each with its own
 * record. The first frame's record goes last: until then whoever walks the
 * records steps over the block as a whole.
 */
static void divide_frames(struct mobject *o, uint64_t first_idx, hfn_t first,
			  unsigned sublevel)
{
	uint64_t step = level_pages(sublevel);
	uint32_t kind = (uint32_t)FRAME_DATA |
			sublevel * MOBJECT_NODE_BITS << 8 |
			(uint32_t)frame_of(first)->node << 16;
	uint64_t left = MOBJECT_FANOUT * step;
	struct frame *fr = frame_of(first) + left;

#pragma GCC unroll 16 /* 512 records for each block that is divided */
	while (left) {
		left -= step;
		fr -= step;
		fr->refs = 1;
		fr->owner = o;
		fr->index = first_idx + left;
		fr->kind = kind;
	}
}

/* Fills a fresh node with what entry e, of level + 1, says of its range. */
static void node_fill(struct mobject *o, struct frame *node, uint64_t e,
		      unsigned level)
{
	enum page_state s = mentry_state(e);
	uint64_t *table = hfn_to_ptr(frame_hfn(node));
	uint64_t step = 0;

	if (is_hollow(e))
		return;
	if (s == PG_RESIDENT) {
		step = level_pages(level) << PAGE_SHIFT;
		divide_frames(o, node->index, mentry_frame(e), level);
	}
#pragma GCC unroll 16
	for (unsigned i = 0; i < MOBJECT_FANOUT; i++, e += step)
		table[i] = e;
	node->refs = MOBJECT_FANOUT;
	if (level == 0)
		node->private = MOBJECT_FANOUT * mobject_node_one(s);
}

/* Puts a node in the place of e, an entry of `level` that covers idx. */
static int divide_entry(struct mobject *o, uint64_t idx, uint64_t *e,
			unsigned level)
{
	struct frame *node;
	int err;

	err = node_create(o, idx, level - 1, &node);
	if (err)
		return err;
	node_fill(o, node, *e, level - 1);
	if (mentry_state(*e) == PG_RESIDENT) {
		o->nr_blocks[level]--;
		if (level > 1)
			o->nr_blocks[level - 1] += MOBJECT_FANOUT;
	}
	put_entry(o, e, hpa_of(frame_hfn(node)).raw | MENTRY_NODE);
	return 0;
}

int mobject_divide(struct mobject *o, uint64_t idx)
{
	unsigned level;
	uint64_t *e = mobject_walk(o, idx, &level);

	BUG_ON(level == 0);
	return divide_entry(o, idx, e, level);
}

int mobject_open(struct mobject *o, uint64_t idx, uint64_t **e)
{
	unsigned level;
	int err;

	*e = mobject_walk(o, idx, &level);
	while (level) {
		err = divide_entry(o, idx, *e, level);
		if (err) {
			mobject_prune(o, idx);
			return err;
		}
		*e = mobject_walk(o, idx, &level);
	}
	return 0;
}

/* ---- from the bottom up ---- */

/* The node entry just above `level` on the path to idx; NULL: none. */
static uint64_t *node_entry(struct mobject *o, uint64_t idx, unsigned level)
{
	uint64_t *e = &o->root;

	for (unsigned l = o->top; l > level + 1; l--) {
		if (!(*e & MENTRY_NODE))
			return NULL;
		e = table_of(*e) + slot_of(idx, l - 1);
	}
	return *e & MENTRY_NODE ? e : NULL;
}

void mobject_prune(struct mobject *o, uint64_t idx)
{
	for (unsigned level = 0; level < o->top; level++) {
		uint64_t *e = node_entry(o, idx, level);
		uint64_t old, value = 0;
		struct frame *node;

		if (!e)
			continue;
		old = *e;
		node = frame_of(hfn_of(hpa(old & MENTRY_ADDR)));
		if (level == 0 &&
		    mobject_node_count(node, PG_BALLOONED) == MOBJECT_FANOUT)
			value = PG_BALLOONED;
		else if (node->refs)
			return;
		put_entry(o, e, value);
		node_destroy(o, old);
	}
}

bool mobject_unite(struct mobject *o, uint64_t idx)
{
	uint64_t *e = node_entry(o, idx, 0), *table, first, old;
	struct frame *fr;

	if (!e)
		return false;
	table = table_of(*e);
	first = table[0];
	if (mentry_frame(first).raw % MOBJECT_FANOUT)
		return false;
	for (unsigned i = 0; i < MOBJECT_FANOUT; i++)
		if (table[i] != first + i * PAGE_SIZE ||
		    mentry_state(table[i]) != PG_RESIDENT)
			return false;
	fr = frame_of(mentry_frame(first));
	fr->order = ORDER_2M;
	old = *e;
	put_entry(o, e, first);
	o->nr_blocks[1]++;
	node_destroy(o, old);
	return true;
}

/* ---- whole ranges ---- */

bool mobject_is_vacant(struct mobject *o, uint64_t idx, unsigned level,
		       bool *has_zero)
{
	unsigned at;
	uint64_t *e = mobject_walk(o, idx, &at);
	struct frame *node;

	*has_zero = false;
	if (at >= level)
		return is_hollow(*e);
	if (level > 1)
		return false; /* 1 GiB of scattered zero pages: not worth it */
	node = node_of(o, e);
	*has_zero = node->refs != 0;
	return node->refs == mobject_node_count(node, PG_ZERO);
}

/* Ends the level-0 table at idx, whose pages are vacant: now hollow. */
static void drop_vacant_table(struct mobject *o, uint64_t idx)
{
	uint64_t *e = node_entry(o, idx, 0), old;
	uint32_t nr_zero;

	if (!e)
		return;
	old = *e;
	nr_zero = mobject_node_count(frame_of(hfn_of(hpa(old & MENTRY_ADDR))),
				     PG_ZERO);
	o->nr[PG_ZERO] -= nr_zero;
	o->nr[PG_HOLLOW] += nr_zero;
	put_entry(o, e, 0);
	node_destroy(o, old);
}

int mobject_set_block(struct mobject *o, uint64_t idx, unsigned level,
		      enum page_state s, hfn_t f)
{
	uint64_t npages = level_pages(level);
	enum page_state old;
	unsigned at;
	uint64_t *e;
	int err;

	BUG_ON(level == 0 || idx % npages || idx + npages > o->npages);
	e = mobject_walk(o, idx, &at);
	while (at > level) {
		err = divide_entry(o, idx, e, at);
		if (err) {
			mobject_prune(o, idx);
			return err;
		}
		e = mobject_walk(o, idx, &at);
	}
	if (at < level) {
		drop_vacant_table(o, idx);
		e = mobject_walk(o, idx, &at);
	}
	BUG_ON(at != level);
	old = mentry_state(*e);
	o->nr[old] -= npages;
	o->nr[s] += npages;
	o->nr_changes += npages;
	o->nr_blocks[level] +=
		(uint64_t)(s == PG_RESIDENT) - (old == PG_RESIDENT);
	put_entry(o, e, mentry_make(s, f));
	if (s == PG_RESIDENT) {
		frame_of(f)->owner = o;
		frame_of(f)->index = idx;
	}
	return 0;
}

static uint64_t take_block(struct mobject *o, uint64_t idx, uint64_t npages,
			   uint64_t *e, unsigned level, uint32_t states,
			   struct frame_chain *ch)
{
	uint64_t all = level_pages(level);
	uint64_t rest = all - idx % all;
	enum page_state s = mentry_state(*e);

	if (!(states & 1u << s))
		return min(npages, rest);
	BUG_ON(idx % all || npages < all);
	o->nr[s] -= all;
	o->nr[PG_HOLLOW] += all;
	o->nr_changes += all;
	if (s == PG_RESIDENT) {
		o->nr_blocks[level]--;
		frame_chain_add(ch, mentry_frame(*e), (uint32_t)all);
	}
	put_entry(o, e, 0);
	return all;
}

static uint64_t take_pages(struct mobject *o, uint64_t idx, uint64_t npages,
			   uint64_t *e, uint32_t states, struct frame_chain *ch)
{
	uint32_t taken[PG_NR_STATES] = { 0 }, all = 0;
	struct frame *node = node_of(o, e);
	uint64_t *end;

	npages = min(npages, MOBJECT_FANOUT - idx % MOBJECT_FANOUT);
	for (end = e + npages; e < end; e++) {
		enum page_state s = mentry_state(*e);

		if (!(states & 1u << s))
			continue;
		taken[s]++;
		if (s == PG_RESIDENT)
			frame_chain_add(ch, mentry_frame(*e), 1);
		*e = 0;
	}
	for (unsigned s = PG_RESIDENT; s < PG_NR_STATES; s++) {
		o->nr[s] -= taken[s];
		node->private -=
			taken[s] * mobject_node_one((enum page_state)s);
		all += taken[s];
	}
	o->nr[PG_HOLLOW] += all;
	o->nr_changes += all;
	node->refs -= all;
	return npages;
}

uint64_t mobject_take(struct mobject *o, uint64_t idx, uint64_t npages,
		      uint32_t states, struct frame_chain *ch)
{
	unsigned level;
	uint64_t *e = mobject_walk(o, idx, &level);

	ASSERT(!(states & 1u << PG_HOLLOW));
	npages = min(npages, o->npages - idx);
	if (level)
		return take_block(o, idx, npages, e, level, states, ch);
	return take_pages(o, idx, npages, e, states, ch);
}
