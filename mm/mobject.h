/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory objects: an ordered set of pages, each in one state (page_state.h).
 *
 * A radix tree of 8-byte entries, 512 to a node of one frame. An entry at level
 * 0 is one page, at level 1 it covers 2 MiB, at level 2 1 GiB. An
 * entry above level 0 is either a node or says the state of its whole range:
 * hollow memory and 2 MiB blocks cost no node.
 *
 * Invariants:
 *   sum over states of nr[s] == npages
 *   a node's record: owner = the object, index = its first page, refs =
 *     entries that are not hollow, private = counts by state (mobject_node_*)
 *   a resident entry's frame record: FRAME_DATA, owner = the object, index
 *     = the entry's first page, order = 9 * level
 *
 * The object has no lock: its user's (gspace.lock) guards it.
 */
#ifndef MM_MOBJECT_H
#define MM_MOBJECT_H

#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "mm/frame.h"
#include "mm/page_state.h"

#define MOBJECT_NODE_BITS 9u
#define MOBJECT_FANOUT	  (1u << MOBJECT_NODE_BITS)
#define MOBJECT_MAX_LEVEL 3u

/* An entry: state, flag, and the address of a frame or node. 0: hollow. */
#define MOBJECT_NO_CHUNK (~0ull)

#define MENTRY_STATE 0xfull
#define MENTRY_NODE  0x10ull
#define MENTRY_ADDR  0x000ffffffffff000ull

/* A level-0 table, for who comes back to it; chunk = page >> 9. */
struct mobject_near {
	uint64_t *table;
	uint64_t chunk; /* MOBJECT_NO_CHUNK: none */
};

struct mobject {
	const char *name;	   /* [const] not copied */
	uint64_t npages;	   /* [const] */
	unsigned top;		   /* [const] level of the root entry */
	uint64_t root;		   /* [user's lock] */
	uint64_t nr[PG_NR_STATES]; /* [user's lock] pages */
	/* Resident entries of level 1 and 2 (2 MiB and 1 GiB blocks). */
	uint64_t nr_blocks[MOBJECT_MAX_LEVEL]; /* [user's lock] [0] unused */
	uint64_t nr_nodes;		       /* [user's lock] */
	/* Pages whose state or whose entry's size changed, ever: for audit. */
	uint64_t nr_changes; /* [user's lock] */
	/* The tables walked to last, and before that. [user's lock] */
	struct mobject_near last, other;
};

static inline enum page_state mentry_state(uint64_t e)
{
	return (enum page_state)(e & MENTRY_STATE);
}

static inline hfn_t mentry_frame(uint64_t e)
{
	return hfn((e & MENTRY_ADDR) >> PAGE_SHIFT);
}

static inline uint64_t mentry_make(enum page_state s, hfn_t f)
{
	return f.raw << PAGE_SHIFT | s;
}

/* ---- counts by state of a level-0 node, 16 bits each in frame.private ---- */

/* One page in state s there; 0: that state is not counted. */
static inline uint64_t mobject_node_one(enum page_state s)
{
	static const uint64_t one[PG_NR_STATES] = {
		[PG_RESIDENT] = 1,
		[PG_ZERO] = 1ull << 16,
		[PG_BALLOONED] = 1ull << 32,
	};

	return one[s];
}

/* s is resident, zero or ballooned. */
static inline uint32_t mobject_node_count(const struct frame *node,
					  enum page_state s)
{
	return node->private / mobject_node_one(s) & 0xffff;
}

/* An all-hollow object. */
void mobject_init(struct mobject *o, const char *name, uint64_t npages);

/* True if page idx has an entry of its own in the table walked to last. */
static ALWAYS_INLINE bool mobject_is_near(const struct mobject *o, uint64_t idx)
{
	return idx / MOBJECT_FANOUT == o->last.chunk;
}

/* That entry. */
static ALWAYS_INLINE uint64_t *mobject_near(const struct mobject *o,
					    uint64_t idx)
{
	return o->last.table + idx % MOBJECT_FANOUT;
}

/* The same of the table before that one, which becomes the last again. */
static inline bool mobject_was_near(struct mobject *o, uint64_t idx)
{
	struct mobject_near other = o->other;

	if (idx / MOBJECT_FANOUT != other.chunk)
		return false;
	o->other = o->last;
	o->last = other;
	return true;
}

/*
 * The entry that says the state of page idx, and its level. Never a node.
 * Valid until the object is changed.
 */
static inline uint64_t *mobject_walk(struct mobject *o, uint64_t idx,
				     unsigned *level)
{
	unsigned l = o->top;
	uint64_t *e = &o->root, *table;

	ASSERT(idx < o->npages);
	*level = 0;
	if (likely(mobject_is_near(o, idx)))
		return mobject_near(o, idx);
	if (mobject_was_near(o, idx))
		return mobject_near(o, idx);
	while (*e & MENTRY_NODE) {
		table = hpa_to_ptr(hpa(*e & MENTRY_ADDR));
		l--;
		e = table + (idx >> MOBJECT_NODE_BITS * l) % MOBJECT_FANOUT;
		if (l == 0) {
			o->other = o->last;
			o->last.table = table;
			o->last.chunk = idx / MOBJECT_FANOUT;
		}
	}
	*level = l;
	return e;
}

/* Page idx's own entry; NULL: it belongs to a larger one. */
static inline uint64_t *mobject_find_page(struct mobject *o, uint64_t idx)
{
	unsigned level;
	uint64_t *e = mobject_walk(o, idx, &level);

	return level ? NULL : e;
}

/*
 * The same, making nodes as needed; larger entries are divided, which keeps
 * every page's state. 0, -ENOMEM (all states as before).
 */
MUST_CHECK int mobject_open(struct mobject *o, uint64_t idx, uint64_t **e);

/* The record of the node that holds e, which is not the root entry. */
static inline struct frame *mobject_node_of(const uint64_t *e)
{
	return frame_of(hfn_of(ptr_to_hpa(e)));
}

/* n pages of that node changed from one state to another: all counters. */
static ALWAYS_INLINE void mobject_count_move(struct mobject *o,
					     struct frame *node,
					     enum page_state from,
					     enum page_state to, uint32_t n)
{
	o->nr[from] -= n;
	o->nr[to] += n;
	o->nr_changes += n;
	node->refs += ((to != PG_HOLLOW) - (uint32_t)(from != PG_HOLLOW)) * n;
	node->private += (mobject_node_one(to) - mobject_node_one(from)) * n;
}

/*
 * Gives page idx, whose own entry is e, a new state; f is its frame if
 * resident. The caller deals with the old frame, and knows the old state.
 */
static ALWAYS_INLINE void mobject_change_page(struct mobject *o, uint64_t *e,
					      uint64_t idx,
					      enum page_state from,
					      enum page_state s, hfn_t f)
{
	ASSERT(mentry_state(*e) == from);
	mobject_count_move(o, mobject_node_of(e), from, s, 1);
	*e = mentry_make(s, f);
	if (s == PG_RESIDENT) {
		frame_of(f)->owner = o;
		frame_of(f)->index = idx;
	}
}

/* The same, whatever the old state was. */
static ALWAYS_INLINE void mobject_set_page(struct mobject *o, uint64_t *e,
					   uint64_t idx, enum page_state s,
					   hfn_t f)
{
	mobject_change_page(o, e, idx, mentry_state(*e), s, f);
}

/*
 * True if the aligned range of 512^level pages at idx holds only hollow and
 * zero pages; *has_zero: some of the latter.
 */
bool mobject_is_vacant(struct mobject *o, uint64_t idx, unsigned level,
		       bool *has_zero);

/*
 * Gives the aligned range of 512^level pages at idx one state, in one entry of
 * that level; f: its first frame if resident (a block of order 9 * level).
 * Its pages must be vacant, or one entry of that level. 0, -ENOMEM (no
 * node for the level above; nothing changed).
 */
MUST_CHECK int mobject_set_block(struct mobject *o, uint64_t idx,
				 unsigned level, enum page_state s, hfn_t f);

/* Divides the entry of level >= 1 that covers idx. 0, -ENOMEM. */
MUST_CHECK int mobject_divide(struct mobject *o, uint64_t idx);

/*
 * The reverse, for a level-0 table at idx whose pages are all resident in one
 * aligned block of frames. False: they are not.
 */
bool mobject_unite(struct mobject *o, uint64_t idx);

/*
 * Pages of [idx, idx + npages) in a state of `states` (bits 1 << state; no
 * hollow) become hollow. Their frames go to ch. Stops at the end of the entry
 * or table that idx lies in; returns how many pages it looked at. An entry
 * above level 0 must lie wholly in the range, or not be in `states`.
 */
uint64_t mobject_take(struct mobject *o, uint64_t idx, uint64_t npages,
		      uint32_t states, struct frame_chain *ch);

/*
 * Frees nodes above idx that hold nothing but hollow pages, and folds a
 * wholly ballooned table into one entry.
 */
void mobject_prune(struct mobject *o, uint64_t idx);

#endif
