// SPDX-License-Identifier: GPL-2.0-or-later
/* The pedantic stage 2 of fake_stage2.h: one array element for each page. */
#include <stdlib.h>
#include <string.h>

#include "fake_stage2.h"
#include "fakes.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "mm/frame.h"

#define MAX_GFN (1ull << 21) /* 8 GiB */
#define CHUNK	PAGES_2M

struct leaf {
	uint32_t hfn; /* of this very page */
	uint8_t order, perms;
	bool present;
	bool stale; /* `old` may still be cached */
	uint32_t old;
};

struct stage2 {
	struct leaf *leaf;		     /* MAX_GFN of them */
	hfn_t table[MAX_GFN / CHUNK];	     /* leaf tables; 0: none */
	hfn_t directory[MAX_GFN / PAGES_1G]; /* 0: none */
	hfn_t root;
	uint64_t nr_tables;
	uint64_t nr_stale;
	uint32_t *stale; /* gfns, nr_stale of them, room for MAX_GFN */
};

bool fake_stage2_busy;
uint32_t fake_leaf_orders = 1u << 0 | 1u << 9 | 1u << 18;

uint32_t stage2_leaf_orders(void)
{
	return fake_leaf_orders;
}

static int new_table(struct stage2 *s2, hfn_t *out)
{
	int err;

	if (out->raw)
		return 0;
	err = frame_alloc(0, FRAME_STAGE2, FA_ZERO | FA_RESERVE, out);
	if (err)
		out->raw = 0;
	else
		s2->nr_tables++;
	return err;
}

static void drop_table(struct stage2 *s2, hfn_t *t)
{
	if (!t->raw)
		return;
	frame_free(*t, 0);
	t->raw = 0;
	s2->nr_tables--;
}

int stage2_create(struct stage2 **out)
{
	struct stage2 *s2 = calloc(1, sizeof(*s2));
	int err = new_table(s2, &s2->root);

	if (err) {
		free(s2);
		return err;
	}
	s2->leaf = calloc(MAX_GFN, sizeof(*s2->leaf));
	s2->stale = calloc(MAX_GFN, sizeof(*s2->stale));
	*out = s2;
	return 0;
}

void stage2_destroy(struct stage2 *s2)
{
	if (s2->nr_stale)
		panic("stage 2 destroyed before it was flushed");
	for (uint64_t i = 0; i < ARRAY_SIZE(s2->table); i++)
		drop_table(s2, &s2->table[i]);
	for (uint64_t i = 0; i < ARRAY_SIZE(s2->directory); i++)
		drop_table(s2, &s2->directory[i]);
	drop_table(s2, &s2->root);
	free(s2->leaf);
	free(s2->stale);
	free(s2);
}

/*
 * The type of the block that contains f. From large to small: an aligned frame
 * heads a block as soon as no larger block contains it.
 */
static enum frame_type type_at(uint32_t f)
{
	for (unsigned o = FRAME_MAX_ORDER; o > 0; o--) {
		uint32_t head = f & ~((1u << o) - 1);
		const struct frame *fr = &frame_records[head];

		if (fr->order == o ||
		    (fr->flags & FRAME_F_LEAVING && head + fr->refs > f))
			return (enum frame_type)fr->type;
	}
	return (enum frame_type)frame_records[f].type;
}

static void check_frame(uint32_t f, const char *what)
{
	enum frame_type t = type_at(f);

	if (t == FRAME_FREE || t == FRAME_ABSENT)
		panic("frame %#x is free but %s", f, what);
}

void fake_stage2_check(struct stage2 *s2)
{
	for (uint64_t i = 0; i < s2->nr_stale; i++)
		check_frame(s2->leaf[s2->stale[i]].old, "stale");
	for (uint64_t i = 0; i < MAX_GFN; i++) {
		if (i % CHUNK == 0 && !s2->directory[i / PAGES_1G].raw) {
			i += CHUNK - 1;
			continue;
		}
		if (s2->leaf[i].present)
			check_frame(s2->leaf[i].hfn, "mapped");
	}
}

/* The leaf stops to be; CPUs may still have it. */
static void make_stale(struct stage2 *s2, uint64_t g)
{
	struct leaf *l = &s2->leaf[g];

	if (!l->stale)
		s2->stale[s2->nr_stale++] = (uint32_t)g;
	l->stale = true;
	l->old = l->hfn;
	l->present = false;
}

static void require_aligned(gfn_t g, hfn_t h, unsigned order)
{
	uint64_t mask = (1ull << order) - 1;

	if ((g.raw | h.raw) & mask)
		panic("map of order %u: gfn %#lx, hfn %#lx not aligned", order,
		      g.raw, h.raw);
	if (!(fake_leaf_orders & 1u << order) || g.raw > MAX_GFN - mask - 1)
		panic("map of order %u at gfn %#lx: impossible", order, g.raw);
}

/*
 * Break before make: a CPU that still uses the old frame would not see what
 * another one writes to the new one.
 */
static void check_replaced(struct stage2 *s2, uint64_t g, uint32_t h)
{
	const struct leaf *l = &s2->leaf[g];

	if (l->present && l->hfn != h)
		panic("gfn %#lx: another frame in the place of a present one",
		      g);
	if (l->stale && l->old != h)
		panic("gfn %#lx: another frame before the flush", g);
}

int stage2_map(struct stage2 *s2, gfn_t g, hfn_t h, unsigned order,
	       unsigned perms)
{
	uint64_t n = 1ull << order;
	int err;

	require_aligned(g, h, order);
	for (uint64_t i = g.raw; i < g.raw + n; i++)
		if (s2->leaf[i].present && s2->leaf[i].order < order)
			return -EEXIST;
	if (s2->leaf[g.raw].present && s2->leaf[g.raw].order > order)
		return -EEXIST;
	err = order < ORDER_1G ? new_table(s2, &s2->directory[g.raw / PAGES_1G])
			       : 0;
	if (!err && order == 0)
		err = new_table(s2, &s2->table[g.raw / CHUNK]);
	if (err)
		return err;
	for (uint64_t i = 0; i < n; i++) {
		struct leaf *l = &s2->leaf[g.raw + i];

		check_replaced(s2, g.raw + i, (uint32_t)(h.raw + i));
		if (l->present && l->perms & ~perms)
			make_stale(s2, g.raw + i);
		l->hfn = (uint32_t)(h.raw + i);
		l->order = (uint8_t)order;
		l->perms = (uint8_t)perms;
		l->present = true;
	}
	return 0;
}

bool stage2_unmap_page(struct stage2 *s2, struct stage2_cursor *c, gfn_t g)
{
	struct leaf *l = &s2->leaf[g.raw];

	if (c->table && c->base == g.raw / CHUNK &&
	    c->table != hfn_to_ptr(s2->table[g.raw / CHUNK]))
		panic("cursor of a table that is gone, gfn %#lx", g.raw);
	if (!l->present)
		return false;
	if (l->order)
		panic("unmap of gfn %#lx inside order %u", g.raw, l->order);
	c->table = hfn_to_ptr(s2->table[g.raw / CHUNK]);
	c->base = g.raw / CHUNK;
	make_stale(s2, g.raw);
	return true;
}

bool stage2_unmap_pages(struct stage2 *s2, const uint64_t *gfns, unsigned n)
{
	struct stage2_cursor c = S2_CURSOR_INIT;
	bool any = false;

	for (unsigned i = 0; i < n; i++) {
		if (gfns[i] / CHUNK != gfns[0] / CHUNK)
			panic("unmap of pages in two tables");
		any |= stage2_unmap_page(s2, &c, gfn(gfns[i]));
	}
	return any;
}

int stage2_unmap_range(struct stage2 *s2, gfn_t g, uint64_t npages,
		       bool *was_present)
{
	*was_present = false;
	for (uint64_t i = g.raw; i < g.raw + npages; i++) {
		struct leaf *l = &s2->leaf[i];
		uint64_t n = 1ull << l->order, first = i & ~(n - 1);

		if (!l->present)
			continue;
		if (first < g.raw || first + n > g.raw + npages)
			panic("unmap: leaf of gfn %#lx sticks out", i);
		*was_present = true;
		make_stale(s2, i);
	}
	for (uint64_t c = round_up(g.raw, CHUNK) / CHUNK;
	     (c + 1) * CHUNK <= g.raw + npages; c++)
		drop_table(s2, &s2->table[c]);
	return 0;
}

int stage2_split(struct stage2 *s2, gfn_t g, unsigned order)
{
	uint64_t first = round_down(g.raw, 1ull << order);
	hfn_t *t = order == ORDER_1G ? &s2->directory[g.raw / PAGES_1G]
				     : &s2->table[g.raw / CHUNK];
	int err;

	if (!s2->leaf[first].present || s2->leaf[first].order != order)
		return 0;
	err = new_table(s2, t);
	if (err)
		return err;
	for (uint64_t i = 0; i < 1ull << order; i++)
		s2->leaf[first + i].order = (uint8_t)(order - 9);
	return 0;
}

bool stage2_lookup(struct stage2 *s2, gfn_t g, struct stage2_leaf *out)
{
	const struct leaf *l = &s2->leaf[g.raw];
	uint64_t off = g.raw & ((1ull << l->order) - 1);

	if (!l->present) {
		*out = (struct stage2_leaf){ .gfn = g };
		return false;
	}
	*out = (struct stage2_leaf){ .first = hfn(l->hfn - off),
				     .gfn = gfn(g.raw - off),
				     .order = l->order,
				     .perms = l->perms };
	return true;
}

/* Nobody uses what was removed before. */
static void drop_stale(struct stage2 *s2)
{
	for (uint64_t i = 0; i < s2->nr_stale; i++) {
		struct leaf *l = &s2->leaf[s2->stale[i]];

		check_frame(l->old, "not flushed yet");
		l->stale = false;
	}
	s2->nr_stale = 0;
}

void stage2_flush(struct stage2 *s2)
{
	if (fake_locks_held())
		panic("flush with a lock held");
	drop_stale(s2);
}

bool stage2_unmap_at_once(struct stage2 *s2, gfn_t g)
{
	struct stage2_cursor c = S2_CURSOR_INIT;

	if (fake_stage2_busy || !stage2_unmap_page(s2, &c, g))
		return false;
	drop_stale(s2);
	return true;
}

uint64_t stage2_nr_tables(const struct stage2 *s2)
{
	return s2->nr_tables;
}

/* A guest's byte; a stale translation is what a CPU would use. */
static uint8_t *guest_byte(struct stage2 *s2, gpa_t a, unsigned perm)
{
	const struct leaf *l = &s2->leaf[gfn_of(a).raw];

	if (!l->present || !(l->perms & perm))
		return NULL;
	if (l->stale)
		panic("gfn %#lx retried before the flush", gfn_of(a).raw);
	check_frame(l->hfn, "mapped");
	return (uint8_t *)hfn_to_ptr(hfn(l->hfn)) + (a.raw & PAGE_MASK);
}

bool fake_guest_store(struct stage2 *s2, gpa_t a, uint8_t value)
{
	uint8_t *p = guest_byte(s2, a, S2_WRITE);

	if (p)
		*p = value;
	return p != NULL;
}

bool fake_guest_load(struct stage2 *s2, gpa_t a, uint8_t *value)
{
	uint8_t *p = guest_byte(s2, a, S2_READ);

	if (p)
		*value = *p;
	return p != NULL;
}

void fake_stage2_corrupt(struct stage2 *s2, gfn_t g, hfn_t h, unsigned perms)
{
	s2->leaf[g.raw].hfn = (uint32_t)h.raw;
	s2->leaf[g.raw].perms = (uint8_t)perms;
	s2->leaf[g.raw].present = perms != 0;
}

void fake_stage2_forget(struct stage2 *s2)
{
	free(s2->leaf);
	free(s2->stale);
	free(s2);
}
