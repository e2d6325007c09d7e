// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Allocation of frames: per-CPU caches of single frames in front of the zones,
 * watermarks, counters by type.
 *
 * Invariant: zones never fall below min_guest through guests, nor below
 * min_kernel through anyone but FA_RESERVE users. Cached frames have left the
 * zone, so taking them needs no check.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/wait.h"
#include "mm/frame_priv.h"
#include "mm/memwait.h"

#define CACHE_SIZE  63u
#define CACHE_ORDER 5u
#define CACHE_BATCH (1u << CACHE_ORDER)

/* Single frames of one kind, the last one in first out. */
struct frame_stack {
	uint32_t nr;
	uint32_t hfn[CACHE_SIZE];
};

/*
 * Owned by its CPU; threads are not preempted inside mm/, and interrupt
 * handlers allocate nothing. The sizes are powers of two, so that finding
 * one's own takes shifts only: each first touch comes through here.
 */
struct frame_cache {
	struct frame_stack stack[BLOCK_NR_KINDS];
	/*
	 * Frames of each type taken minus given back by this CPU; only the
	 * sum over CPUs has a meaning. FRAME_FREE is counted in the zones.
	 */
	int64_t nr_type[FRAME_NR_TYPES]; /* [this CPU; others read] */
	/* Frames taken and given back here, ever. [likewise] */
	uint64_t nr_moves;
} ALIGNED(1024);
_Static_assert(sizeof(struct frame_stack) == 256, "index by shift");
_Static_assert(sizeof(struct frame_cache) == 1024, "index by shift");

static struct frame_cache caches[MAX_CPUS];

struct frame *frame_records;
uint64_t frame_nr_records;
uint64_t frame_nr_ram;
struct zone zones[MAX_NODES];
unsigned nr_zones;

void frame_count(enum frame_type type, int64_t npages)
{
	struct frame_cache *c = &caches[cpu_id()];

	c->nr_type[type] += npages;
	c->nr_moves += (uint64_t)(npages < 0 ? -npages : npages);
}

uint64_t frame_nr_moves(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		n += READ_ONCE(caches[i].nr_moves);
	return n;
}

void frame_init(void)
{
	memset(caches, 0, sizeof(caches));
	frame_nr_bad = 0;
	frame_nr_ram = 0;
}

/* ---- taking ---- */

static void claim(hfn_t first, unsigned order, enum frame_type type)
{
	struct frame *fr = frame_of(first);

	fr->kind = frame_kind(type, order, fr->node, 0);
	fr->refs = 1;
	fr->owner = NULL;
}

/* Frames that a request must leave in the zone. */
static uint64_t watermark(const struct zone *z, unsigned flags)
{
	if (flags & FA_GUEST)
		return z->min_guest;
	return flags & FA_RESERVE ? 0 : z->min_kernel;
}

static bool zone_may_take(const struct zone *z, uint64_t npages, unsigned flags)
{
	return zone_nr_free(z) >= npages + watermark(z, flags);
}

/* Pushes the block's frames so that they are popped in ascending order. */
static void push_block(struct frame_stack *st, struct zone *z, hfn_t first,
		       unsigned order, enum block_kind k)
{
	uint32_t kind = frame_kind(FRAME_FREE, 0, z->node, block_flags(k));

	for (uint64_t i = 1ull << order; i-- > 0;) {
		frame_of(hfn_add(first, i))->kind = kind;
		st->hfn[st->nr++] = (uint32_t)(first.raw + i);
	}
}

/*
 * The order in which to take frames for a cache: whole batches, but rather
 * fragments than a piece of a 2 MiB block.
 */
static unsigned refill_order(const struct zone *z, enum block_kind k)
{
	const uint32_t medium = (1u << ORDER_2M) - CACHE_BATCH;
	const uint32_t fragments = CACHE_BATCH - 1;
	uint32_t have = z->nonempty[k];

	return !(have & medium) && (have & fragments) ? 0 : CACHE_ORDER;
}

/*
 * Locks a zone for taking. With interrupts off (the exit fast path) nobody
 * waits for another CPU: false, and the caller fails; the slow path comes back.
 */
static bool lock_zone(struct zone *z)
{
	if (unlikely(!irqs_enabled()))
		return spin_trylock(&z->lock);
	spin_lock(&z->lock);
	return true;
}

/* True if the stack holds a frame of kind k now. */
static bool refill(struct frame_stack *st, struct zone *z, enum block_kind k,
		   unsigned flags)
{
	unsigned order;
	hfn_t first;

	/* Often there is no clean memory at all: no need to lock for that. */
	if (!READ_ONCE(z->nr_free[k]))
		return false;
	if (!lock_zone(z))
		return false;
	/* A batch taken from the reserve would reach guests later. */
	if (!zone_may_take(z, CACHE_BATCH, FA_GUEST)) {
		if (zone_may_take(z, 1, flags) && buddy_take(z, 0, k, &first))
			push_block(st, z, first, 0, k);
	} else {
		do {
			order = refill_order(z, k);
			if (order && st->nr)
				break;
			if (!buddy_take(z, order, k, &first))
				break;
			push_block(st, z, first, order, k);
		} while (st->nr < CACHE_BATCH);
	}
	spin_unlock(&z->lock);
	return st->nr != 0;
}

static struct zone *nth_zone(unsigned i)
{
	/* Node 0 first, until CPUs know their node. */
	return &zones[i];
}

/* The stack is empty, or has a faulty frame. */
static NOINLINE bool take_one_afresh(struct frame_stack *st, enum block_kind k,
				     unsigned flags, hfn_t *out)
{
	for (unsigned i = 0; !st->nr && i < nr_zones; i++)
		if (refill(st, nth_zone(i), k, flags))
			break;
	while (st->nr) {
		*out = hfn(st->hfn[--st->nr]);
		if (likely(!frame_is_bad(*out)))
			return true;
		frame_set_retired(*out);
	}
	return false;
}

static ALWAYS_INLINE bool take_one(enum block_kind k, unsigned flags,
				   hfn_t *out)
{
	struct frame_stack *st = &caches[cpu_id()].stack[k];

	if (unlikely(!st->nr || frame_nr_bad))
		return take_one_afresh(st, k, flags, out);
	*out = hfn(st->hfn[--st->nr]);
	return true;
}

/*
 * *more: false, or it is worth another try, as some buddies of both kinds have
 * been joined and others not looked at. The zone's lock is held.
 */
static bool take_or_join(struct zone *z, unsigned order, enum block_kind k,
			 hfn_t *out, bool *more)
{
	if (buddy_take(z, order, k, out))
		return true;
	*more = k == BLOCK_DIRTY && buddy_join_some(z, order);
	return *more && buddy_take(z, order, k, out);
}

/*
 * One piece of joining at a time, without the lock in between. A guest does
 * without a large block if the first piece gives none.
 */
static bool take_block_of(struct zone *z, unsigned order, enum block_kind k,
			  unsigned flags, hfn_t *out)
{
	for (;;) {
		bool more = false, ok;

		if (!lock_zone(z))
			return false;
		ok = zone_may_take(z, 1ull << order, flags) &&
		     take_or_join(z, order, k, out, &more);
		spin_unlock(&z->lock);
		if (ok || !more || flags & FA_GUEST || !irqs_enabled())
			return ok;
		if (!spin_any_held())
			thread_give_way();
	}
}

static NOINLINE bool take_block(unsigned order, enum block_kind k,
				unsigned flags, hfn_t *out)
{
	for (unsigned i = 0; i < nr_zones; i++)
		if (take_block_of(nth_zone(i), order, k, flags, out))
			return true;
	return false;
}

static ALWAYS_INLINE bool take(unsigned order, enum block_kind k,
			       unsigned flags, hfn_t *out)
{
	if (likely(order == 0))
		return take_one(k, flags, out);
	return take_block(order, k, flags, out);
}

static int take_zeroed(unsigned order, unsigned flags, hfn_t *out)
{
	if (take(order, BLOCK_CLEAN, flags, out)) {
		ASSERT(frames_are_zero(*out, 1ull << order));
		return 0;
	}
	if (flags & FA_CLEAN_ONLY)
		return -EAGAIN;
	if (!take(order, BLOCK_DIRTY, flags, out))
		return -ENOMEM;
	frames_zero(*out, 1ull << order);
	return 0;
}

static NOINLINE int alloc_slow(unsigned order, enum frame_type type,
			       unsigned flags, hfn_t *out)
{
	int err = 0;

	BUG_ON(order > FRAME_MAX_ORDER || type == FRAME_FREE);
	if (flags & (FA_ZERO | FA_CLEAN_ONLY))
		err = take_zeroed(order, flags, out);
	else if (!take(order, BLOCK_DIRTY, flags, out) &&
		 !take(order, BLOCK_CLEAN, flags, out))
		err = -ENOMEM;
	if (err)
		return err;
	claim(*out, order, type);
	frame_count(type, 1ll << order);
	return 0;
}

int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
		hfn_t *out)
{
	struct frame_cache *c = &caches[cpu_id()];
	bool clean = (flags & (FA_ZERO | FA_CLEAN_ONLY)) != 0;
	struct frame_stack *st = &c->stack[clean ? BLOCK_CLEAN : BLOCK_DIRTY];
	struct frame *fr;

	/* What is rare is a last call, so that nothing is kept for it. */
	if (unlikely(order || !st->nr || READ_ONCE(frame_nr_bad)))
		return alloc_slow(order, type, flags, out);
	*out = hfn(st->hfn[--st->nr]);
	fr = frame_of(*out);
	ASSERT(!clean || frames_are_zero(*out, 1));
	/* As claim(), but order and node are right already. */
	fr->type = (uint8_t)type;
	fr->flags = 0;
	fr->refs = 1;
	fr->owner = NULL;
	c->nr_type[type]++;
	c->nr_moves++;
	return 0;
}

bool frame_guest_may_take(uint64_t npages)
{
	/* Unlocked reads: the answer is old anyway when the caller has it. */
	for (unsigned i = 0; i < nr_zones; i++)
		if (zone_may_take(&zones[i], npages, FA_GUEST))
			return true;
	return false;
}

/* ---- giving back ---- */

static void put_run(hfn_t first, uint64_t npages, enum block_kind k)
{
	while (npages) {
		/* Nodes begin at multiples of 1 GiB; a run may span two. */
		uint64_t n = min(npages, PAGES_1G - first.raw % PAGES_1G);
		struct zone *z = zone_of(first);

		spin_lock(&z->lock);
		buddy_put(z, first, n, k);
		spin_unlock(&z->lock);
		first = hfn_add(first, n);
		npages -= n;
	}
	if (unlikely(memwait_pending()))
		memwait_wake();
}

/*
 * The oldest of the stack's frames go back to their zones, a batch of them; the
 * youngest are warm. With interrupts off (the exit fast path) only as many as
 * need no waiting for a zone's lock.
 */
static NOINLINE void spill(struct frame_stack *st, enum block_kind k)
{
	struct zone *z = NULL;
	unsigned n = 0;

	for (; n < CACHE_BATCH; n++) {
		hfn_t f = hfn(st->hfn[n]);

		if (zone_of(f) != z) {
			if (z)
				spin_unlock(&z->lock);
			z = zone_of(f);
			if (!lock_zone(z)) {
				z = NULL;
				break;
			}
		}
		buddy_put(z, f, 1, k);
	}
	if (z)
		spin_unlock(&z->lock);
	st->nr -= n;
	memmove(st->hfn, st->hfn + n, st->nr * sizeof(st->hfn[0]));
	if (unlikely(memwait_pending()))
		memwait_wake();
}

/* There is room. */
static ALWAYS_INLINE void stack_push(struct frame_stack *st, hfn_t f,
				     enum block_kind k)
{
	struct frame *fr = frame_of(f);

	fr->kind = frame_kind(FRAME_FREE, 0, fr->node, block_flags(k));
	st->hfn[st->nr++] = (uint32_t)f.raw;
}

static void cache_put(struct frame_cache *c, hfn_t first, enum block_kind k)
{
	struct frame_stack *st = &c->stack[k];

	if (unlikely(st->nr == CACHE_SIZE))
		spill(st, k);
	if (likely(st->nr < CACHE_SIZE))
		stack_push(st, first, k);
	else
		put_run(first, 1, k);
}

static void free_block(hfn_t first, unsigned order, enum block_kind k)
{
	struct frame_cache *c = &caches[cpu_id()];
	struct frame *fr = frame_of(first);

	BUG_ON(fr->type <= FRAME_FREE || fr->order != order);
	c->nr_type[fr->type] -= 1ll << order;
	c->nr_moves += 1ull << order;
	if (order == 0 && !memwait_pending() && !frame_nr_bad)
		cache_put(c, first, k);
	else
		put_run(first, 1ull << order, k);
}

void frame_free(hfn_t first, unsigned order)
{
	ASSERT((frames_poison(first, 1ull << order), true));
	free_block(first, order, BLOCK_DIRTY);
}

void frame_free_clean(hfn_t first, unsigned order)
{
	ASSERT(frames_are_zero(first, 1ull << order));
	free_block(first, order, BLOCK_CLEAN);
}

bool frame_quick_free_begin(void)
{
	struct frame_stack *st = &caches[cpu_id()].stack[BLOCK_DIRTY];

	if (unlikely(memwait_pending() || frame_nr_bad))
		return false;
	if (likely(st->nr < CACHE_SIZE))
		return true;
	spill(st, BLOCK_DIRTY);
	/* Who began to wait just now may have been woken: see to that. */
	return st->nr < CACHE_SIZE && !memwait_pending();
}

void frame_quick_free(hfn_t f)
{
	struct frame_cache *c = &caches[cpu_id()];
	struct frame *fr = frame_of(f);

	ASSERT((frames_poison(f, 1), true));
	BUG_ON(fr->type <= FRAME_FREE || fr->order ||
	       c->stack[BLOCK_DIRTY].nr == CACHE_SIZE);
	c->nr_type[fr->type]--;
	c->nr_moves++;
	stack_push(&c->stack[BLOCK_DIRTY], f, BLOCK_DIRTY);
}

void frame_free_run(hfn_t first, uint64_t npages, enum frame_type type)
{
	ASSERT((frames_poison(first, npages), true));
	frame_count(type, -(int64_t)npages);
	put_run(first, npages, BLOCK_DIRTY);
}

/* ---- chains of leaving frames ---- */

void frame_chain_begin(struct frame_chain *ch, struct frame *fr,
		       uint32_t npages)
{
	uint64_t at = frame_hfn(fr).raw % PAGES_2M;
	uint32_t room = (uint32_t)(PAGES_2M - at);

	BUG_ON(fr->type != FRAME_DATA || fr->flags & FRAME_F_LEAVING);
	if (at && npages > room) {
		/* Not a block: at most as many again begin the next 2 MiB. */
		frame_chain_add(ch, frame_hfn(fr), room);
		fr += room;
		npages -= room;
		BUG_ON(npages > PAGES_2M);
	}
	/* Whoever walks the records sees a block of that size throughout. */
	WRITE_ONCE(fr->refs, npages);
	WRITE_ONCE(fr->kind,
		   frame_kind(FRAME_DATA, 0, fr->node, FRAME_F_LEAVING));
	fr->free.next =
		ch->last ? (uint32_t)frame_hfn(ch->last).raw : FRAME_NIL;
	ch->last = fr;
}

/* Runs that are given back in one hold of the zone's lock. */
#define CHAIN_PIECE 32u

/*
 * Gives back some runs of a chain that lie in one zone; returns the next one.
 * A run spans no two: it lies within 2 MiB or is an aligned block.
 */
static struct frame *free_some(struct frame *fr)
{
	struct zone *z = zone_of(frame_hfn(fr));
	int64_t npages = 0;

	spin_lock(&z->lock);
	for (unsigned n = 0; fr && fr->node == z->node && n < CHAIN_PIECE;
	     n++) {
		uint32_t next = fr->free.next;

		ASSERT((frames_poison(frame_hfn(fr), fr->refs), true));
		npages += fr->refs;
		buddy_put(z, frame_hfn(fr), fr->refs, BLOCK_DIRTY);
		fr = next == FRAME_NIL ? NULL : &frame_records[next];
	}
	frame_count(FRAME_DATA, -npages);
	spin_unlock(&z->lock);
	return fr;
}

void frame_free_chain(struct frame_chain *ch)
{
	struct frame *fr = ch->last;

	while (fr)
		fr = free_some(fr);
	if (unlikely(memwait_pending()))
		memwait_wake();
	*ch = (struct frame_chain)FRAME_CHAIN_INIT;
}

/* ---- what there is ---- */

static uint64_t nr_of_type(enum frame_type type)
{
	int64_t n = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		n += READ_ONCE(caches[i].nr_type[type]);
	return (uint64_t)n;
}

static void add_zone(struct frame_stats *out, struct zone *z)
{
	spin_lock(&z->lock);
	out->nr_free_clean += z->nr_free[BLOCK_CLEAN];
	out->nr_free_dirty += z->nr_free[BLOCK_DIRTY] + z->nr_zeroing;
	out->reserve += z->min_guest;
	for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
		out->nr_free_order[o] += z->nr_blocks[BLOCK_DIRTY][o] +
					 z->nr_blocks[BLOCK_CLEAN][o];
	spin_unlock(&z->lock);
}

void frame_get_stats(struct frame_stats *out)
{
	*out = (struct frame_stats){
		.nr_total = frame_nr_ram,
		.nr_zeroed_idle = READ_ONCE(nr_zeroed_idle),
		.nr_zeroed_fault = READ_ONCE(nr_zeroed_fault),
	};
	for (unsigned i = 0; i < nr_zones; i++)
		add_zone(out, &zones[i]);
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		uint32_t clean = READ_ONCE(caches[i].stack[BLOCK_CLEAN].nr);
		uint32_t dirty = READ_ONCE(caches[i].stack[BLOCK_DIRTY].nr);

		out->nr_free_clean += clean;
		out->nr_free_dirty += dirty;
		out->nr_cached += clean + dirty;
	}
	for (unsigned t = 0; t < FRAME_NR_TYPES; t++)
		if (t != FRAME_FREE && t != FRAME_ABSENT)
			out->nr_type[t] = nr_of_type((enum frame_type)t);
	out->nr_type[FRAME_FREE] = out->nr_free_clean + out->nr_free_dirty;
}

const char *frame_type_name(enum frame_type type)
{
	static const char *const names[FRAME_NR_TYPES] = {
		[FRAME_ABSENT] = "absent",     [FRAME_FREE] = "free",
		[FRAME_FIRMWARE] = "firmware", [FRAME_IMAGE] = "image",
		[FRAME_RECORDS] = "records",   [FRAME_LOADER] = "loader",
		[FRAME_LOW] = "low",	       [FRAME_FILE] = "file",
		[FRAME_HEAP] = "heap",	       [FRAME_HOSTPT] = "hostpt",
		[FRAME_STACK] = "stack",       [FRAME_STAGE2] = "stage2",
		[FRAME_VMX] = "vmx",	       [FRAME_MOBJECT] = "mobject",
		[FRAME_DATA] = "data",	       [FRAME_ZERO] = "zero",
		[FRAME_SHARED] = "shared",     [FRAME_RETIRED] = "retired",
	};

	return type < FRAME_NR_TYPES ? names[type] : "?";
}
