// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest-physical spaces: their life, regions, limits and statistics.
 * Invariants in gspace.h and gspace_priv.h.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/sync/log.h"
#include "kernel/sync/wait.h"
#include "mm/gspace_priv.h"
#include "mm/heap.h"
#include "mm/memwait.h"

/* The guest-physical map, as PCs have had it since 1981 and 1996. */
#define VGA_HOLE_FIRST	0xa0ull	    /* legacy video memory and ROMs, */
#define VGA_HOLE_END	0xc0ull	    /* 640 KiB to 768 KiB */
#define DEVICE_HOLE	0xc0000ull  /* 3 GiB: PCI, APICs up to */
#define DEVICE_HOLE_END 0x100000ull /* 4 GiB */

#define ALL_BUT_UNPLUGGED                                                      \
	(((1u << PG_NR_STATES) - 1) & ~(1u << PG_HOLLOW | 1u << PG_UNPLUGGED))

struct gspace_list gspace_list = {
	.lock = SPINLOCK_INIT(LOCK_VM_LIST, "gspace list"),
	.head = LIST_INIT(gspace_list.head),
};

/* ---- life ---- */

int gspace_create(const struct gspace_params *p, struct gspace **out)
{
	struct gspace *gs = kzalloc(sizeof(*gs));
	int err;

	if (!gs)
		return -ENOMEM;
	err = stage2_create(&gs->s2);
	if (err) {
		kfree(gs);
		return err;
	}
	spin_init(&gs->lock, LOCK_GUESTMEM, "gspace");
	waitq_init(&gs->thawed);
	gs->name = p->name;
	gs->commit = p->commit;
	gs->min = p->mem_min >> PAGE_SHIFT;
	gs->boot = p->mem_boot >> PAGE_SHIFT;
	gs->max = p->mem_max >> PAGE_SHIFT;
	WRITE_ONCE(gs->target, gs->boot);
	mobject_init(&gs->ram, p->name, 0);

	spin_lock(&gspace_list.lock);
	gs->serial = ++gspace_list.last_serial;
	list_push_back(&gspace_list.head, &gs->link);
	spin_unlock(&gspace_list.lock);
	*out = gs;
	return 0;
}

/* One piece of t; 0, or an error of gspace_take_piece(). */
static int take_and_free(struct gspace *gs, struct taking *t)
{
	struct frame_chain ch = FRAME_CHAIN_INIT;
	bool flush = false;
	int err;

	gspace_lock_unfrozen(gs);
	err = gspace_take_piece(gs, t, &ch, &flush);
	spin_unlock(&gs->lock);
	if (flush)
		gspace_flush(gs);
	frame_free_chain(&ch);
	return err;
}

/*
 * Everything that was RAM becomes hollow; `states` as in mobject_take(). RAM
 * regions never change, so that no lock need be held between pieces.
 */
static void hollow_out(struct gspace *gs, uint32_t states)
{
	for (unsigned i = 0; i < gs->nr_ram_regions; i++) {
		struct region *r = &gs->regions[i];
		struct taking t = { .r = r,
				    .g = r->first,
				    .npages = r->npages,
				    .states = states };

		while (t.npages) {
			/* Whole regions: nothing sticks out or is split. */
			BUG_ON(take_and_free(gs, &t));
			thread_give_way();
		}
	}
}

/* The unplugged pages are in no region. */
static void forget_unplugged(struct gspace *gs)
{
	struct frame_chain none = FRAME_CHAIN_INIT;
	uint64_t idx = 0;

	spin_lock(&gs->lock);
	while (idx < gs->ram.npages && gs->ram.nr[PG_UNPLUGGED]) {
		uint64_t n = mobject_take(&gs->ram, idx, gs->ram.npages - idx,
					  1u << PG_UNPLUGGED, &none);

		mobject_prune(&gs->ram, idx);
		idx += n;
	}
	spin_unlock(&gs->lock);
}

void gspace_destroy(struct gspace *gs)
{
	/* While it can still be found: its frames have a known owner. */
	hollow_out(gs, ALL_BUT_UNPLUGGED);
	forget_unplugged(gs);
	BUG_ON(gs->ram.nr_nodes || gs->ram.nr[PG_HOLLOW] != gs->ram.npages);

	spin_lock(&gspace_list.lock);
	list_remove(&gs->link);
	while (gs->nr_users) {
		spin_unlock(&gspace_list.lock);
		thread_yield();
		spin_lock(&gspace_list.lock);
	}
	spin_unlock(&gspace_list.lock);
	stage2_destroy(gs->s2);
	kfree(gs);
}

struct gspace *gspace_pin_next(struct gspace *gs)
{
	uint64_t behind = gs ? gs->serial : 0;
	struct gspace *next = NULL, *at;

	spin_lock(&gspace_list.lock);
	if (gs)
		gs->nr_users--;
	/* gs may have left the list meanwhile: its place is known. */
	list_for_each (at, &gspace_list.head, link)
		if (at->serial > behind) {
			next = at;
			next->nr_users++;
			break;
		}
	spin_unlock(&gspace_list.lock);
	return next;
}

struct gspace *gspace_pin_owner(const void *owner)
{
	struct gspace *found = NULL, *at;

	spin_lock(&gspace_list.lock);
	list_for_each (at, &gspace_list.head, link)
		if (owner == &at->ram) {
			found = at;
			found->nr_users++;
		}
	spin_unlock(&gspace_list.lock);
	return found;
}

void gspace_unpin(struct gspace *gs)
{
	spin_lock(&gspace_list.lock);
	gs->nr_users--;
	spin_unlock(&gspace_list.lock);
}

void gspace_reset(struct gspace *gs)
{
	hollow_out(gs, ALL_BUT_UNPLUGGED);
}

struct stage2 *gspace_stage2(struct gspace *gs)
{
	return gs->s2;
}

/* ---- regions ---- */

static void add_ram_region(struct gspace *gs, uint64_t first, uint64_t index,
			   uint64_t end_index)
{
	/* Pages of a 2 MiB range lie in one table, at their place in it. */
	BUG_ON((first - index) % MOBJECT_FANOUT);
	if (index >= end_index)
		return;
	gs->regions[gs->nr_regions++] = (struct region){
		.first = gfn(first),
		.npages = end_index - index,
		.index = index,
		.perms = S2_RWX,
		.is_ram = true,
	};
	gs->nr_ram_regions = gs->nr_regions;
}

int gspace_add_ram(struct gspace *gs)
{
	uint64_t low = min(gs->boot, DEVICE_HOLE), *e;
	int err = 0;

	BUG_ON(gs->nr_regions);
	spin_lock(&gs->lock);
	mobject_init(&gs->ram, gs->name, gs->boot);
	for (uint64_t i = VGA_HOLE_FIRST; i < min(low, VGA_HOLE_END); i++) {
		/* All in one table: only the first one can fail. */
		err = mobject_open(&gs->ram, i, &e);
		if (err)
			goto unlock;
		mobject_set_page(&gs->ram, e, i, PG_UNPLUGGED, hfn(0));
	}
	add_ram_region(gs, 0, 0, min(low, VGA_HOLE_FIRST));
	add_ram_region(gs, VGA_HOLE_END, VGA_HOLE_END, low);
	add_ram_region(gs, DEVICE_HOLE_END, DEVICE_HOLE, gs->boot);
unlock:
	spin_unlock(&gs->lock);
	return err;
}

bool gspace_ram_region(struct gspace *gs, unsigned i, gpa_t *base,
		       uint64_t *nbytes)
{
	if (i >= gs->nr_ram_regions)
		return false;
	*base = gpa_of(gs->regions[i].first);
	*nbytes = gs->regions[i].npages << PAGE_SHIFT;
	return true;
}

int gspace_map_shared(struct gspace *gs, gfn_t g, hfn_t h, unsigned perms)
{
	int err;

	spin_lock(&gs->lock);
	if (region_find(gs, g))
		err = -EEXIST;
	else if (gs->nr_regions == GSPACE_MAX_REGIONS)
		err = -ENOMEM;
	else
		err = stage2_map(gs->s2, g, h, ORDER_4K, perms);
	if (!err)
		gs->regions[gs->nr_regions++] = (struct region){
			.first = g, .npages = 1, .shared = h, .perms = perms
		};
	spin_unlock(&gs->lock);
	return err;
}

/* True if a region lies in the aligned 2 MiB around g. Locked. */
static bool has_neighbours(const struct gspace *gs, gfn_t g)
{
	uint64_t first = round_down(g.raw, PAGES_2M);

	for (unsigned i = 0; i < gs->nr_regions; i++) {
		const struct region *r = &gs->regions[i];

		if (r->first.raw < first + PAGES_2M &&
		    first < r->first.raw + r->npages)
			return true;
	}
	return false;
}

void gspace_unmap_shared(struct gspace *gs, gfn_t g)
{
	struct stage2_cursor s2c = S2_CURSOR_INIT;
	struct region *r;
	bool present;

	spin_lock(&gs->lock);
	r = region_find(gs, g);
	BUG_ON(!r || r->is_ram);
	*r = gs->regions[--gs->nr_regions];
	gs->regions[gs->nr_regions].npages = 0;
	if (has_neighbours(gs, g))
		stage2_unmap_page(gs->s2, &s2c, g);
	else /* With its table: a guest may move a page all over the hole. */
		BUG_ON(stage2_unmap_range(gs->s2,
					  gfn(round_down(g.raw, PAGES_2M)),
					  PAGES_2M, &present));
	spin_unlock(&gs->lock);
}

/* ---- small things that the other files share ---- */

void gspace_lock_unfrozen(struct gspace *gs)
{
	spin_lock(&gs->lock);
	while (unlikely(gs->frozen)) {
		spin_unlock(&gs->lock);
		wait_event(&gs->thawed, !READ_ONCE(gs->frozen));
		spin_lock(&gs->lock);
	}
}

void gspace_freeze(struct gspace *gs)
{
	WRITE_ONCE(gs->frozen, true);
}

void gspace_thaw(struct gspace *gs)
{
	WRITE_ONCE(gs->frozen, false);
	waitq_wake_all(&gs->thawed);
}

void gspace_flush(struct gspace *gs)
{
	__atomic_fetch_add(&gs->nr_flushes, 1, __ATOMIC_RELAXED);
	stage2_flush(gs->s2);
}

int gspace_set_target(struct gspace *gs, uint64_t nbytes)
{
	uint64_t npages = nbytes >> PAGE_SHIFT;

	if (npages < gs->min || npages > gs->boot)
		return -ERANGE;
	spin_lock(&gs->lock);
	WRITE_ONCE(gs->target, npages);
	spin_unlock(&gs->lock);
	return 0;
}

const uint64_t *gspace_target(const struct gspace *gs)
{
	return &gs->target;
}

bool gspace_is_at_target(const struct gspace *gs)
{
	return READ_ONCE(gs->ram.nr[PG_BALLOONED]) ==
	       gs->ram.npages - READ_ONCE(gs->target);
}

int gspace_set_min(struct gspace *gs, uint64_t nbytes)
{
	uint64_t npages = nbytes >> PAGE_SHIFT;
	int err = 0;

	spin_lock(&gs->lock);
	if (npages <= gs->target)
		gs->min = npages;
	else
		err = -ERANGE;
	spin_unlock(&gs->lock);
	return err;
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	__atomic_fetch_add(&gs->nr_waits, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&gs->nr_waiting, 1, __ATOMIC_RELAXED);
	memwait_wait(&gs->log, gs->name, READ_ONCE(gs->ram.nr[PG_RESIDENT]),
		     stop, arg);
	__atomic_fetch_sub(&gs->nr_waiting, 1, __ATOMIC_RELAXED);
}

void gspace_get_stats(struct gspace *gs, struct gspace_stats *out)
{
	const struct gspace_counters *n = &gs->count;
	const struct mobject *o = &gs->ram;

	spin_lock(&gs->lock);
	*out = (struct gspace_stats){
		.size = o->npages,
		.target = gs->target,
		.min = gs->min,
		.boot = gs->boot,
		.max = gs->max,
		/* Every resident or zero entry has its leaf: see fault.c. */
		.nr_leaf_4k = o->nr[PG_ZERO] + o->nr[PG_RESIDENT] -
			      o->nr_blocks[1] * PAGES_2M -
			      o->nr_blocks[2] * PAGES_1G,
		.nr_leaf_2m = o->nr_blocks[1],
		.nr_leaf_1g = o->nr_blocks[2],
		.nr_commits = n->nr_commits,
		.nr_commit_pages = n->nr_commit_pages,
		.nr_zero_maps = n->nr_zero_maps,
		.nr_violations = n->nr_violations,
		.nr_inflated = n->nr_inflated,
		.nr_deflated = n->nr_deflated,
		.nr_discarded = n->nr_discarded,
		.nr_splits = n->nr_splits,
		.nr_collapses = n->nr_collapses,
		.nr_flushes = READ_ONCE(gs->nr_flushes),
		.nr_waits = READ_ONCE(gs->nr_waits),
		.meta_frames = o->nr_nodes + stage2_nr_tables(gs->s2),
		.waiting = READ_ONCE(gs->nr_waiting) != 0,
	};
	for (unsigned s = 0; s < PG_NR_STATES; s++)
		out->state[s] = o->nr[s];
	spin_unlock(&gs->lock);
}

/* ---- faulty frames ---- */

/* True if the block that `head` heads is f's, and in the object. Locked. */
static bool block_holds(struct gspace *gs, hfn_t head, unsigned level, hfn_t f)
{
	const struct frame *fr = frame_of(head);
	unsigned found;
	uint64_t e;

	if (fr->type != FRAME_DATA || fr->owner != &gs->ram ||
	    fr->index >= gs->ram.npages)
		return false;
	/* Records inside a block may be old: the object decides. */
	e = *mobject_walk(&gs->ram, fr->index, &found);
	return found == level && mentry_state(e) == PG_RESIDENT &&
	       mentry_frame(e).raw == head.raw &&
	       f.raw - head.raw < 1ull << MOBJECT_NODE_BITS * level;
}

struct gspace *gspace_of_frame(hfn_t f)
{
	struct gspace *gs, *found = NULL;

	if (f.raw >= frame_limit().raw)
		return NULL;
	spin_lock(&gspace_list.lock);
	list_for_each (gs, &gspace_list.head, link) {
		spin_lock(&gs->lock);
		for (unsigned l = 0; l < MOBJECT_MAX_LEVEL; l++) {
			uint64_t n = 1ull << MOBJECT_NODE_BITS * l;

			if (block_holds(gs, hfn(round_down(f.raw, n)), l, f))
				found = gs;
		}
		spin_unlock(&gs->lock);
		if (found)
			break;
	}
	spin_unlock(&gspace_list.lock);
	return found;
}

int gspace_frame_at(struct gspace *gs, gfn_t g, hfn_t *out)
{
	struct region *r;
	int err = -ENOENT;

	spin_lock(&gs->lock);
	r = region_find_ram(gs, g);
	if (r) {
		uint64_t idx = region_index(r, g);
		unsigned level;
		uint64_t e = *mobject_walk(&gs->ram, idx, &level);
		uint64_t n = 1ull << MOBJECT_NODE_BITS * level;

		if (mentry_state(e) == PG_RESIDENT) {
			*out = hfn_add(mentry_frame(e), idx % n);
			err = 0;
		}
	}
	spin_unlock(&gs->lock);
	return err;
}
