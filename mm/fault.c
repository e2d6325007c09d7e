// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stage-2 violations: the first touch of hollow memory and everything else that
 * makes a leaf.
 *
 * How much one first write commits (M1, M3, O11):
 *   COMMIT_HUGE    a 1 GiB or 2 MiB block where the aligned range is vacant,
 *                  else as COMMIT_AROUND
 *   COMMIT_AROUND  the hollow pages among the 16 around it, as far as clean
 *                  frames are at hand
 *   COMMIT_SINGLE  the page
 *
 * A read of a hollow page maps the shared zero frame, whatever the policy: a
 * guest that only scans its memory (boot-time probes, /proc/kcore, a dump)
 * must not grow by it, and a page that is going to be used is written first,
 * since kernels zero what they hand out. Zero pages don't spoil a range for
 * a huge block: the first write takes them away again.
 *
 * Invariant: a resident or zero entry of the RAM object has its leaf from the
 * moment it is made until it ends. Small entries have small leaves, blocks
 * have leaves of their size (smaller ones only where memory for dividing the
 * entry ran out after the leaf was split).
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/sync/wait.h"
#include "mm/gspace_priv.h"

#define AROUND_PAGES 16u
/* Zeroing 2 MiB for one touch: only if guests may take this many frames. */
#define PLENTY_PAGES (8 * PAGES_2M)

/* A zeroed 2 MiB block that the slow path gets ready ahead of the lock. */
struct spare_block {
	hfn_t first; /* if there */
	bool there;
	bool denied; /* there is none: don't ask again */
};

struct fault {
	struct gspace *gs;
	struct region *r;
	gfn_t g;
	uint64_t idx;		   /* in the object */
	struct spare_block *spare; /* NULL: atomic, nothing may wait */
};

/* Pages that may still become resident. */
static uint64_t headroom(const struct gspace *gs)
{
	uint64_t used = gs->ram.nr[PG_RESIDENT];

	return used < gs->max ? gs->max - used : 0;
}

static void count_commit(struct gspace *gs, uint64_t npages)
{
	gs->count.nr_commits++;
	gs->count.nr_commit_pages += npages;
}

/*
 * Break before make: takes the small zero leaves of the naturally aligned
 * range around f's page away and waits until no CPU has them. If the new frame
 * came first, a CPU could still read zeros where another one has written
 * since. The lock is given up meanwhile, but the space is frozen: all is as
 * before. Not on the atomic way.
 */
static void break_zero_leaves(const struct fault *f, unsigned order)
{
	gfn_t first = gfn(round_down(f->g.raw, 1ull << order));
	struct gspace *gs = f->gs;
	bool present;

	/* The range holds small leaves only: nothing to split. */
	BUG_ON(stage2_unmap_range(gs->s2, first, 1ull << order, &present));
	gspace_freeze(gs);
	spin_unlock(&gs->lock);
	gspace_flush(gs);
	spin_lock(&gs->lock);
	gspace_thaw(gs);
}

/* ---- small pages ---- */

/* Makes the page of entry e, in state `from`, resident with a zeroed frame. */
static ALWAYS_INLINE int commit_page(struct gspace *gs, gfn_t g, uint64_t idx,
				     uint64_t *e, enum page_state from,
				     unsigned alloc_flags)
{
	hfn_t f;
	int err;

	err = frame_alloc(0, FRAME_DATA, alloc_flags | FA_GUEST, &f);
	if (unlikely(err))
		return err;
	err = stage2_map(gs->s2, g, f, ORDER_4K, S2_RWX);
	if (unlikely(err)) {
		frame_free_clean(f, 0);
		return err;
	}
	mobject_change_page(&gs->ram, e, idx, from, PG_RESIDENT, f);
	return 0;
}

/*
 * Commits hollow neighbours of the page at e; stops when it gets dear.
 * The 16 lie in one table.
 */
static NOINLINE uint64_t commit_neighbours(struct fault *f, uint64_t *e)
{
	struct gspace *gs = f->gs;
	uint64_t back = f->g.raw % AROUND_PAGES, n = 0, room = headroom(gs);

	for (uint64_t i = 0; i < AROUND_PAGES; i++) {
		gfn_t g = gfn(f->g.raw - back + i);

		if (g.raw - f->r->first.raw >= f->r->npages ||
		    mentry_state(e[i - back]) != PG_HOLLOW)
			continue;
		if (n == room ||
		    commit_page(gs, g, f->idx - back + i, &e[i - back],
				PG_HOLLOW, FA_CLEAN_ONLY))
			break;
		n++;
	}
	return n;
}

/* The page of entry e got a frame: so do neighbours if that is the policy. */
static ALWAYS_INLINE void commit_done(struct fault *f, uint64_t *e)
{
	uint64_t n = 1;

	if (f->gs->commit != COMMIT_SINGLE)
		n += commit_neighbours(f, e);
	count_commit(f->gs, n);
}

/* Commits the hollow page of entry e. */
static ALWAYS_INLINE int commit_small(struct fault *f, uint64_t *e)
{
	int err = commit_page(f->gs, f->g, f->idx, e, PG_HOLLOW, FA_ZERO);

	if (likely(!err))
		commit_done(f, e);
	return err;
}

/* ---- blocks ---- */

#define FALL_BACK 1 /* no error: commit small pages in the place of a block */

/*
 * True if a block of 2^order pages may be committed around f's page: inside the
 * region, within the limit, mappable by the CPU, and nothing lives there.
 */
static bool block_fits(const struct fault *f, unsigned order, bool *has_zero)
{
	uint64_t npages = 1ull << order;

	return region_holds_block(f->r, f->g, order) &&
	       stage2_leaf_orders() & 1u << order &&
	       headroom(f->gs) >= npages &&
	       mobject_is_vacant(&f->gs->ram, round_down(f->idx, npages),
				 order / MOBJECT_NODE_BITS, has_zero);
}

/*
 * A zeroed block: from the clean pool. If that has none, zeroing 2 MiB now is
 * worth it only while memory is plentiful, and not under the lock: -EAGAIN
 * makes fault_patient() do it and come back with a spare block.
 */
static int get_block(struct fault *f, unsigned order, hfn_t *out)
{
	int err;

	if (f->spare && f->spare->there && order == ORDER_2M) {
		*out = f->spare->first;
		f->spare->there = false;
		frame_take_up(*out);
		return 0;
	}
	err = frame_alloc(order, FRAME_DATA, FA_CLEAN_ONLY | FA_GUEST, out);
	if (!err)
		return 0;
	if (order != ORDER_2M || (f->spare && f->spare->denied) ||
	    !frame_guest_may_take(PLENTY_PAGES))
		return FALL_BACK;
	return -EAGAIN;
}

/* Puts a block where f's page is. On error the range stays vacant. */
static int install_block(struct fault *f, unsigned order, hfn_t block)
{
	struct gspace *gs = f->gs;
	unsigned level = order / MOBJECT_NODE_BITS;
	gfn_t first = gfn(round_down(f->g.raw, 1ull << order));
	uint64_t idx = round_down(f->idx, 1ull << order);
	int err;

	err = mobject_set_block(&gs->ram, idx, level, PG_RESIDENT, block);
	if (err)
		return err;
	err = stage2_map(gs->s2, first, block, order, S2_RWX);
	if (err) {
		/* One entry of that level again: can't fail. */
		BUG_ON(mobject_set_block(&gs->ram, idx, level, PG_HOLLOW,
					 hfn(0)));
		mobject_prune(&gs->ram, idx);
	}
	return err;
}

/* 0, FALL_BACK, -EAGAIN (not in this context), -ENOMEM. */
static int commit_block(struct fault *f, unsigned order)
{
	struct gspace *gs = f->gs;
	bool has_zero;
	hfn_t block;
	int err;

	if (!block_fits(f, order, &has_zero))
		return FALL_BACK;
	if (has_zero && !f->spare)
		return -EAGAIN;
	err = get_block(f, order, &block);
	if (err)
		return err;
	if (has_zero)
		break_zero_leaves(f, order);
	err = install_block(f, order, block);
	if (err) {
		frame_free_clean(block, order);
		return err;
	}
	count_commit(gs, 1ull << order);
	return 0;
}

/* ---- by state ---- */

/* Blocks first, by the policy. FALL_BACK: none is to be had. */
static NOINLINE int commit_huge(struct fault *f)
{
	int err = FALL_BACK;

	if (frame_guest_may_take(4 * PAGES_1G))
		err = commit_block(f, ORDER_1G);
	return err == FALL_BACK ? commit_block(f, ORDER_2M) : err;
}

/* First write to a hollow page, whose entry e has that level. */
static ALWAYS_INLINE int commit(struct fault *f, uint64_t *e, unsigned level)
{
	int err;

	if (unlikely(!headroom(f->gs)))
		return -ENOSPC;
	if (f->gs->commit == COMMIT_HUGE) {
		err = commit_huge(f);
		if (err != FALL_BACK)
			return err;
	}
	if (unlikely(level)) {
		err = mobject_open(&f->gs->ram, f->idx, &e);
		if (err)
			return err;
	}
	err = commit_small(f, e);
	if (unlikely(err && level))
		mobject_prune(&f->gs->ram, f->idx);
	return err;
}

/* A frame for the zero page of entry e. */
static int replace_zero_page(struct fault *f, uint64_t *e)
{
	struct gspace *gs = f->gs;
	hfn_t frame;
	int err = frame_alloc(0, FRAME_DATA, FA_ZERO | FA_GUEST, &frame);

	if (err)
		return err;
	break_zero_leaves(f, ORDER_4K);
	/* The table is there: can't fail. */
	BUG_ON(stage2_map(gs->s2, f->g, frame, ORDER_4K, S2_RWX));
	mobject_set_page(&gs->ram, e, f->idx, PG_RESIDENT, frame);
	return 0;
}

static NOINLINE int write_to_zero_page(struct fault *f, uint64_t *e)
{
	int err = FALL_BACK;

	if (!f->spare)
		return -EAGAIN;
	if (!headroom(f->gs))
		return -ENOSPC;
	if (f->gs->commit == COMMIT_HUGE)
		err = commit_huge(f);
	if (err != FALL_BACK)
		return err;
	err = replace_zero_page(f, e);
	if (!err)
		commit_done(f, e);
	return err;
}

static int read_vacant_page(struct fault *f, enum page_state now)
{
	struct gspace *gs = f->gs;
	uint64_t *e;
	int err;

	err = mobject_open(&gs->ram, f->idx, &e);
	if (err)
		return err;
	/* Executable as well: zeros are an instruction, not a fault. */
	err = stage2_map(gs->s2, f->g, frame_zero(), ORDER_4K,
			 S2_READ | S2_EXEC);
	if (err) {
		mobject_prune(&gs->ram, f->idx);
		return err;
	}
	if (now != PG_ZERO) {
		mobject_set_page(&gs->ram, e, f->idx, PG_ZERO, hfn(0));
		gs->count.nr_zero_maps++;
	}
	return 0;
}

/* The guest uses a page that it gave away: it gets one, and is counted. */
static int touch_ballooned(struct fault *f)
{
	struct gspace *gs = f->gs;
	uint64_t *e;
	int err;

	if (!headroom(gs))
		return -ENOSPC;
	err = mobject_open(&gs->ram, f->idx, &e);
	if (err)
		return err;
	err = commit_page(gs, f->g, f->idx, e, PG_BALLOONED, FA_ZERO);
	if (err) {
		mobject_prune(&gs->ram, f->idx);
		return err;
	}
	gs->count.nr_violations++;
	count_commit(gs, 1);
	return 0;
}

/*
 * The leaf is there already (another vCPU was faster), or was dropped. Mapping
 * the same frame again is harmless and needs no flush.
 */
static int map_resident(struct fault *f, uint64_t e, unsigned level)
{
	unsigned order = level * MOBJECT_NODE_BITS;
	uint64_t npages = 1ull << order;
	gfn_t first = gfn(round_down(f->g.raw, npages));
	int err;

	err = stage2_map(f->gs->s2, first, mentry_frame(e), order, S2_RWX);
	if (err != -EEXIST)
		return err;
	/* A block whose leaf was split when memory ran out. */
	err = stage2_map(f->gs->s2, f->g,
			 hfn_add(mentry_frame(e), f->idx % npages), ORDER_4K,
			 S2_RWX);
	/* A 1 GiB block: g lies in a leaf of 2 MiB, and it is there. */
	return err == -EEXIST ? 0 : err;
}

/* All but the first write to a hollow page. */
static NOINLINE int fault_by_state(struct fault *f, enum gspace_access a,
				   uint64_t *e, unsigned level)
{
	switch (mentry_state(*e)) {
	case PG_HOLLOW: return read_vacant_page(f, PG_HOLLOW);
	case PG_RESIDENT: return map_resident(f, *e, level);
	case PG_ZERO:
		return a == GA_WRITE ? write_to_zero_page(f, e)
				     : read_vacant_page(f, PG_ZERO);
	case PG_BALLOONED: return touch_ballooned(f);
	default: BUG(); /* unplugged pages are in no region */
	}
}

static ALWAYS_INLINE int fault_in_ram(struct fault *f, enum gspace_access a)
{
	unsigned level;
	uint64_t *e;

	f->idx = region_index(f->r, f->g);
	e = mobject_walk(&f->gs->ram, f->idx, &level);
	if (likely(a == GA_WRITE && mentry_state(*e) == PG_HOLLOW))
		return commit(f, e, level);
	return fault_by_state(f, a, e, level);
}

static NOINLINE int fault_in_shared(struct fault *f, enum gspace_access a)
{
	static const unsigned needs[] = {
		[GA_READ] = S2_READ,
		[GA_WRITE] = S2_WRITE,
		[GA_EXEC] = S2_EXEC,
	};

	if (!(f->r->perms & needs[a]))
		return -EACCES;
	return stage2_map(f->gs->s2, f->g, f->r->shared, ORDER_4K, f->r->perms);
}

static ALWAYS_INLINE int resolve(struct fault *f, enum gspace_access a)
{
	f->r = region_find(f->gs, f->g);
	if (unlikely(!f->r))
		return -ENOENT;
	return likely(f->r->is_ram) ? fault_in_ram(f, a)
				    : fault_in_shared(f, a);
}

/* ---- the two ways in ---- */

/* Zeroing it takes as long as all else together: piece by piece. */
static void get_spare(struct spare_block *spare)
{
	const uint64_t piece = PAGES_2M / 8;

	if (frame_alloc(ORDER_2M, FRAME_DATA, FA_GUEST, &spare->first)) {
		spare->denied = true;
		return;
	}
	frame_set_aside(spare->first);
	for (uint64_t at = 0; at < PAGES_2M; at += piece) {
		frames_zero(hfn_add(spare->first, at), piece);
		thread_give_way();
	}
	spare->there = true;
}

static NOINLINE int fault_patient(struct fault *f, enum gspace_access a)
{
	struct spare_block spare = { .there = false };
	int err;

	/* *f is not used after this function has returned. */
	/* cppcheck-suppress autoVariables */
	f->spare = &spare;
	for (;;) {
		gspace_lock_unfrozen(f->gs);
		err = resolve(f, a);
		spin_unlock(&f->gs->lock);
		if (err != -EAGAIN)
			break;
		/* It wants a block. Then from the start: all may change. */
		get_spare(&spare);
	}
	if (spare.there)
		frame_free_clean(spare.first, ORDER_2M);
	return err;
}

int gspace_fault(struct gspace *gs, gfn_t g, enum gspace_access a,
		 unsigned flags)
{
	struct fault f = { .gs = gs, .g = g };
	int err = -EAGAIN;

	if (!(flags & GF_ATOMIC))
		return fault_patient(&f, a);
	/* Who holds it may be at work on a whole piece. */
	if (unlikely(!spin_trylock(&gs->lock)))
		return -EAGAIN;
	if (likely(!gs->frozen))
		err = resolve(&f, a);
	spin_unlock(&gs->lock);
	return err;
}
