/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT tables: the product's mm/stage2.h, apart from invalidation
 * (vmx/ept_flush.c). Pure table walking over frames, so that it is tested on
 * the host as it is.
 *
 * Invariant: an entry above level 1 is zero, a leaf, or points at a table
 * that only this stage 2 uses; tables are of type FRAME_STAGE2.
 */
#include "vmx/ept.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmx/ept_format.h"

struct ept_caps ept_caps;

uint32_t stage2_leaf_orders(void)
{
	return (uint32_t)(BIT(ORDER_4K) |
			  (ept_caps.leaf_2m ? BIT(ORDER_2M) : 0) |
			  (ept_caps.leaf_1g ? BIT(ORDER_1G) : 0));
}

static uint64_t *table_of(uint64_t entry)
{
	return hpa_to_ptr(hpa(entry & EPT_ADDR_MASK));
}

static int table_alloc(struct stage2 *s2, uint64_t **out)
{
	hfn_t f;
	int err;

	err = frame_alloc(0, FRAME_STAGE2, FA_ZERO | FA_RESERVE, &f);
	if (err)
		return err;
	frame_of(f)->owner = s2;
	__atomic_fetch_add(&s2->nr_tables, 1, __ATOMIC_RELAXED);
	*out = hfn_to_ptr(f);
	return 0;
}

/*
 * A table that has been unlinked may still be in a processor's
 * paging-structure cache (SDM, "Caching Translation Information for EPT"), so
 * its frame is freed by the next flush. The link is kept in the frame record:
 * the table itself must go on holding valid entries.
 */
static void table_retire(struct stage2 *s2, uint64_t *table)
{
	struct frame *f = frame_of(hfn_of(ptr_to_hpa(table)));

	s2->last = (struct stage2_cursor)S2_CURSOR_INIT;
	spin_lock(&s2->retired_lock);
	f->index = s2->retired;
	s2->retired = frame_hfn(f).raw;
	spin_unlock(&s2->retired_lock);
}

uint64_t stage2_take_retired(struct stage2 *s2)
{
	uint64_t head;

	if (!READ_ONCE(s2->retired))
		return 0;
	spin_lock(&s2->retired_lock);
	head = s2->retired;
	s2->retired = 0;
	spin_unlock(&s2->retired_lock);
	return head;
}

void stage2_free_retired(struct stage2 *s2, uint64_t head)
{
	while (head) {
		hfn_t f = hfn(head);

		head = frame_of(f)->index;
		__atomic_fetch_sub(&s2->nr_tables, 1, __ATOMIC_RELAXED);
		frame_free(f, 0);
	}
}

/* Retires the tables below `table`, which is of the given level, and itself. */
static void table_retire_below(struct stage2 *s2, uint64_t *table,
			       unsigned level)
{
	/* Depth is bounded by the four levels, so this is a loop over them. */
	uint64_t *tables[EPT_LEVELS + 1] = { [0] = NULL };
	unsigned at[EPT_LEVELS + 1] = { 0 };
	unsigned l = level;

	tables[l] = table;
	while (l <= level) {
		uint64_t e;

		if (l == 1 || at[l] == EPT_ENTRIES) {
			table_retire(s2, tables[l]);
			l++;
			continue;
		}
		e = tables[l][at[l]++];
		if (!ept_present(e) || (e & EPT_LEAF))
			continue;
		l--;
		tables[l] = table_of(e);
		at[l] = 0;
	}
}

int stage2_create(struct stage2 **out)
{
	struct stage2 *s2 = kzalloc(sizeof(*s2));
	int err;

	if (!s2)
		return -ENOMEM;
	s2->last = (struct stage2_cursor)S2_CURSOR_INIT;
	spin_init(&s2->retired_lock, LOCK_STAGE2, "stage2 retired");
	err = table_alloc(s2, &s2->root);
	if (err) {
		kfree(s2);
		return err;
	}
	s2->eptp = ptr_to_hpa(s2->root).raw | EPTP_WB | EPTP_WALK_4 |
		   (ept_caps.accessed_dirty ? EPTP_AD : 0);
	*out = s2;
	return 0;
}

void stage2_destroy(struct stage2 *s2)
{
	table_retire_below(s2, s2->root, EPT_LEVELS);
	stage2_free_retired(s2, stage2_take_retired(s2));
	BUG_ON(s2->nr_tables != 0);
	kfree(s2);
}

uint64_t stage2_nr_tables(const struct stage2 *s2)
{
	return s2->nr_tables;
}

static unsigned level_of_order(unsigned order)
{
	return order / 9 + 1;
}

/*
 * The entry for g at `level`, or at a higher level if a leaf or a hole is
 * met there; *at says which.
 */
static uint64_t *walk(struct stage2 *s2, gfn_t g, unsigned level, unsigned *at)
{
	uint64_t *table = s2->root;
	unsigned l = EPT_LEVELS;

	for (;;) {
		uint64_t *e = &table[ept_index(g, l)];

		if (l == level || !ept_present(*e) || (*e & EPT_LEAF)) {
			*at = l;
			return e;
		}
		table = table_of(*e);
		l--;
	}
}

/* As walk(), but makes missing tables. -EEXIST: a larger leaf is in the way. */
static int walk_alloc(struct stage2 *s2, gfn_t g, unsigned level,
		      uint64_t **out)
{
	uint64_t *table = s2->root;
	unsigned l;

	for (l = EPT_LEVELS; l > level; l--) {
		uint64_t *e = &table[ept_index(g, l)];

		if (!ept_present(*e)) {
			uint64_t *below;
			int err = table_alloc(s2, &below);

			if (err)
				return err;
			WRITE_ONCE(*e, ptr_to_hpa(below).raw | EPT_RWX);
		} else if (l <= 3 && (*e & EPT_LEAF)) {
			return -EEXIST;
		}
		table = table_of(*e);
	}
	*out = &table[ept_index(g, level)];
	return 0;
}

static uint64_t leaf_entry(hfn_t h, unsigned order, unsigned perms)
{
	/*
	 * Write-back whatever the guest's PAT says: all of it is RAM, no
	 * device of the host reads it uncached.
	 */
	return hpa_of(h).raw | perms | EPT_MEMTYPE_WB | EPT_IGNORE_PAT |
	       (order ? EPT_LEAF : 0);
}

static bool table_is_empty(const uint64_t *table)
{
	unsigned i;

	for (i = 0; i < EPT_ENTRIES; i++)
		if (ept_present(table[i]))
			return false;
	return true;
}

static NOINLINE int map_large(struct stage2 *s2, gfn_t g, hfn_t h,
			      unsigned order, unsigned perms)
{
	uint64_t *e, old, *below = NULL;
	int err = walk_alloc(s2, g, level_of_order(order), &e);

	if (err)
		return err;
	old = *e;
	if (ept_present(old) && !(old & EPT_LEAF)) {
		below = table_of(old);
		if (order != ORDER_2M || !table_is_empty(below))
			return -EEXIST;
	}
	WRITE_ONCE(*e, leaf_entry(h, order, perms));
	/*
	 * Only now: another CPU's flush may free it from here on. A processor
	 * may still use the cached pointer to the empty table until a flush.
	 * The worst it sees there is a violation, which also drops that cached
	 * pointer.
	 */
	if (below)
		table_retire(s2, below);
	return 0;
}

/* Outside the table of the last one. */
static NOINLINE int map_page_afar(struct stage2 *s2, gfn_t g, hfn_t h,
				  unsigned perms)
{
	uint64_t *e;
	int err = walk_alloc(s2, g, 1, &e);

	if (err)
		return err;
	s2->last.base = g.raw >> 9;
	s2->last.table = e - (g.raw & (EPT_ENTRIES - 1));
	WRITE_ONCE(*e, leaf_entry(h, 0, perms));
	return 0;
}

/* The rare ways are functions of their own, whose registers cost nothing here.
 */
int stage2_map(struct stage2 *s2, gfn_t g, hfn_t h, unsigned order,
	       unsigned perms)
{
	if (unlikely(order != ORDER_4K))
		return map_large(s2, g, h, order, perms);
	if (unlikely(s2->last.base != g.raw >> 9))
		return map_page_afar(s2, g, h, perms);
	WRITE_ONCE(s2->last.table[g.raw & (EPT_ENTRIES - 1)],
		   leaf_entry(h, 0, perms));
	return 0;
}

/* The 4 KiB leaf at g, present or not; NULL: no table, or a larger leaf. */
static uint64_t *find_leaf(struct stage2 *s2, struct stage2_cursor *c, gfn_t g)
{
	uint64_t *e;
	unsigned level;

	if (likely(c->base == g.raw >> 9))
		return &c->table[g.raw & (EPT_ENTRIES - 1)];
	e = walk(s2, g, 1, &level);
	if (level != 1)
		return NULL;
	c->base = g.raw >> 9;
	c->table = e - (g.raw & (EPT_ENTRIES - 1));
	return e;
}

bool stage2_unmap_page(struct stage2 *s2, struct stage2_cursor *c, gfn_t g)
{
	uint64_t *e = find_leaf(s2, c, g);

	if (!e) {
		struct stage2_leaf larger;

		BUG_ON(stage2_lookup(s2, g, &larger));
		return false;
	}
	if (!ept_present(*e))
		return false;
	WRITE_ONCE(*e, 0);
	return true;
}

bool stage2_unmap_pages(struct stage2 *s2, const uint64_t *gfns, unsigned n)
{
	uint64_t any = 0;

	/* The first call finds the table, if there is one. */
	if (!n)
		return false;
	any = stage2_unmap_page(s2, &s2->last, gfn(gfns[0]));
	if (s2->last.base != gfns[0] >> 9)
		return false;
	for (unsigned i = 1; i < n; i++) {
		uint64_t *e = &s2->last.table[gfns[i] & (EPT_ENTRIES - 1)];

		any |= *e & EPT_RWX;
		WRITE_ONCE(*e, 0);
	}
	return any != 0;
}

uint64_t stage2_leaf_take(struct stage2 *s2, gfn_t g)
{
	uint64_t *e = find_leaf(s2, &s2->last, g);

	/* Atomic: a processor may set the bits of this entry meanwhile. */
	return e ? __atomic_exchange_n(e, 0, __ATOMIC_RELAXED) : 0;
}

void stage2_leaf_put_back(struct stage2 *s2, gfn_t g, uint64_t leaf)
{
	BUG_ON(s2->last.base != g.raw >> 9);
	WRITE_ONCE(s2->last.table[g.raw & (EPT_ENTRIES - 1)], leaf);
}

/* The highest level whose whole entry lies in [g, end). */
static unsigned covered_level(uint64_t g, uint64_t end)
{
	unsigned level = 1;

	while (level < 3) {
		uint64_t span = 1ull << (9 * level);

		if ((g & (span - 1)) || end - g < span)
			break;
		level++;
	}
	return level;
}

int stage2_unmap_range(struct stage2 *s2, gfn_t g, uint64_t npages,
		       bool *was_present)
{
	uint64_t at = g.raw, end = g.raw + npages;

	*was_present = false;
	while (at < end) {
		unsigned want = covered_level(at, end), level;
		uint64_t *e = walk(s2, gfn(at), want, &level);
		uint64_t span = 1ull << (9 * (level - 1)), old = *e;

		if (ept_present(old) && level > want) {
			int err = stage2_split(s2, gfn(at), 9 * (level - 1));

			if (err)
				return err;
			continue;
		}
		at = round_down(at, span) + span;
		if (!ept_present(old))
			continue;
		*was_present = true;
		WRITE_ONCE(*e, 0);
		if (level > 1 && !(old & EPT_LEAF))
			table_retire_below(s2, table_of(old), level - 1);
	}
	return 0;
}

int stage2_split(struct stage2 *s2, gfn_t g, unsigned order)
{
	unsigned level, i, below_order = order - 9;
	uint64_t *e = walk(s2, g, level_of_order(order), &level);
	uint64_t *below, leaf = *e, step;
	int err;

	if (level != level_of_order(order) || !ept_present(leaf) ||
	    !(leaf & EPT_LEAF))
		return 0;
	err = table_alloc(s2, &below);
	if (err)
		return err;
	if (below_order == ORDER_4K)
		leaf &= ~EPT_LEAF;
	step = PAGE_SIZE << below_order;
#pragma GCC unroll 16
	for (i = 0; i < EPT_ENTRIES; i++, leaf += step)
		below[i] = leaf;
	WRITE_ONCE(*e, ptr_to_hpa(below).raw | EPT_RWX);
	s2->last = (struct stage2_cursor)S2_CURSOR_INIT;
	return 0;
}

bool stage2_lookup(struct stage2 *s2, gfn_t g, struct stage2_leaf *out)
{
	unsigned level;
	uint64_t e = *walk(s2, g, 1, &level);

	out->order = 9 * (level - 1);
	out->gfn = gfn(round_down(g.raw, 1ull << out->order));
	if (!ept_present(e))
		return false;
	out->first = hfn_of(hpa(e & EPT_ADDR_MASK));
	out->perms = (unsigned)(e & EPT_RWX);
	return true;
}
