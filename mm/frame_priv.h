/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the frame allocator: zones with their buddy lists (buddy.c), shared by
 * frame.c (allocation, per-CPU caches), zero.c (the clean pool) and init.c.
 */
#ifndef MM_FRAME_PRIV_H
#define MM_FRAME_PRIV_H

#include "kernel/sync/spinlock.h"
#include "mm/frame.h"

#define MAX_NODES 8u
#define FRAME_NIL UINT32_MAX /* end of a list of hfns */

/* What a block holds decides which lists it lives on. */
enum block_kind { BLOCK_DIRTY, BLOCK_CLEAN, BLOCK_NR_KINDS };

/*
 * Free memory of one NUMA node.
 *
 *   nr_free[k] == sum over orders of (blocks on head[k][order] << order)
 *   nr_blocks[k][order] == blocks from head[k][order] to tail[k][order]
 *   nonempty[k] has bit n set if and only if head[k][n] != FRAME_NIL
 */
struct zone {
	struct spinlock lock;				    /* LOCK_FRAMES */
	uint32_t head[BLOCK_NR_KINDS][FRAME_MAX_ORDER + 1]; /* [lock] */
	uint32_t tail[BLOCK_NR_KINDS][FRAME_MAX_ORDER + 1]; /* [lock] */
	uint32_t nonempty[BLOCK_NR_KINDS];		    /* [lock] */
	uint64_t nr_blocks[BLOCK_NR_KINDS][FRAME_MAX_ORDER + 1]; /* [lock] */
	uint64_t nr_free[BLOCK_NR_KINDS]; /* [lock] frames */
	uint64_t nr_zeroing;	/* [lock] off the lists, in zero.c's hands */
	uint64_t nr_freed_ever; /* [lock] */
	uint64_t joined_at; /* [lock] nr_freed_ever when a sweep last began */
	/* The sweep of buddy_join_some(): where it is. */
	bool joining;	     /* [lock] it is not through */
	unsigned join_order; /* [lock] at the clean blocks of this order */
	uint64_t join_left;  /* [lock] of which it has to look at so many */
	uint64_t min_guest;  /* [const] guests leave this many free */
	uint64_t min_kernel; /* [const] all but FA_RESERVE leave these */
	uint8_t node;	     /* [const] */
};

extern struct zone zones[MAX_NODES];
extern unsigned nr_zones;     /* [const after mm_init] */
extern uint64_t frame_nr_ram; /* records not ABSENT [const after mm_init] */

static inline struct zone *zone_of(hfn_t f)
{
	return &zones[frame_of(f)->node];
}

static inline uint64_t zone_nr_free(const struct zone *z)
{
	return z->nr_free[BLOCK_DIRTY] + z->nr_free[BLOCK_CLEAN];
}

/* The word `kind` of a frame record. */
static inline uint32_t frame_kind(enum frame_type type, unsigned order,
				  unsigned node, unsigned flags)
{
	return (uint32_t)type | order << 8 | node << 16 | flags << 24;
}

static inline unsigned block_flags(enum block_kind k)
{
	return k == BLOCK_CLEAN ? FRAME_F_CLEAN : 0;
}

/* ---- buddy.c: the zone lock is held ---- */

void zone_init(struct zone *z, uint8_t node);

/*
 * Takes a block of the given kind and order: the smallest that is large
 * enough, its rest put back. Its record says FRAME_FREE, not listed.
 */
MUST_CHECK bool buddy_take(struct zone *z, unsigned order, enum block_kind k,
			   hfn_t *out);

/*
 * Puts [first, first + npages) back as blocks as large as alignment allows,
 * each merged with free buddies of the same kind. Only first records are
 * written.
 */
void buddy_put(struct zone *z, hfn_t first, uint64_t npages, enum block_kind k);

/* Takes f, if it is on a list, out of its block for good. Locked. */
bool buddy_cut_out(struct zone *z, hfn_t f);

/*
 * Merges clean blocks with dirty buddies, which makes them dirty, until there
 * is a dirty block of `order`. Never done on the normal free path: it would
 * throw zeroing away, and idle zeroing lets the halves merge anyway.
 *
 * One call looks at JOIN_BUDGET blocks at most, the next one goes on behind
 * them. True: there is such a block now, or there are blocks left to look at.
 * False: a sweep is through, and another one does not begin until something was
 * freed.
 */
MUST_CHECK bool buddy_join_some(struct zone *z, unsigned order);

/*
 * For 200 us at most (kernel/sched/stretch.h): a look touches up to four
 * records, a join, which may go on merging up to the largest order, up to
 * sixty; each may miss the caches.
 */
#define JOIN_BUDGET 256u /* looks */
#define JOIN_COST   16u	 /* looks that a join counts for */

/* ---- frame.c ---- */

/* Empty caches and counters, for mm_init() (again and again in host tests). */
void frame_init(void);

/* Counts npages more (or fewer) frames of a type on this CPU. */
void frame_count(enum frame_type type, int64_t npages);

/* Frames that were taken or given back, ever: what audit can't see at once. */
uint64_t frame_nr_moves(void);

/* ---- mm/retire.c: faulty frames ---- */
/* How far behind first the next faulty frame is; npages: none in the run. */
uint64_t frame_next_bad(hfn_t first, uint64_t npages);
/* A faulty frame that was free, and is in no list, is counted as retired. */
void frame_set_retired(hfn_t f);

/* ---- zero.c ---- */

/* Fills the block with zeros: at a fault, where the data is used next. */
void zero_frames(hfn_t first, uint64_t npages);
/* Debug builds: the junk that freed frames hold, and the proof of zeros. */
void frames_poison(hfn_t first, uint64_t npages);
bool frames_are_zero(hfn_t first, uint64_t npages);

extern uint64_t nr_zeroed_fault, nr_zeroed_idle; /* [atomic] */

#endif
