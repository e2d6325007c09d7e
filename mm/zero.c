// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zeroing of frames, and the pool of clean ones that idle CPUs fill.
 *
 * Invariant: a block is called clean only after its last byte was zeroed.
 */
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/wait.h"
#include "mm/frame_priv.h"

uint64_t nr_zeroed_fault, nr_zeroed_idle;

void zero_frames(hfn_t first, uint64_t npages)
{
	void *p = hfn_to_ptr(first);
	uint64_t nwords = npages * PAGE_SIZE / 8;

	/*
	 * The guest is about to use the page, so it should end up in the
	 * cache. For whole aligned pages `rep stosq` takes the same fast
	 * microcode path as `rep stosb` on CPUs with fast strings, and does
	 * not need ERMS on those without.
	 */
	__asm__ volatile("rep stosq"
			 : "+D"(p), "+c"(nwords)
			 : "a"(0ull)
			 : "memory");
}

void frames_zero(hfn_t first, uint64_t npages)
{
	zero_frames(first, npages);
	__atomic_fetch_add(&nr_zeroed_fault, npages, __ATOMIC_RELAXED);
}

/*
 * Ahead of time nobody wants the lines in this CPU's cache, and the neighbour's
 * should stay there: non-temporal stores.
 */
static void zero_frames_uncached(hfn_t first, uint64_t npages)
{
	uint64_t *p = hfn_to_ptr(first);
	uint64_t *end = p + npages * PAGE_SIZE / 8;

	for (; p < end; p += 8)
		__asm__ volatile("movnti %[z], 0(%[p])\n\t"
				 "movnti %[z], 8(%[p])\n\t"
				 "movnti %[z], 16(%[p])\n\t"
				 "movnti %[z], 24(%[p])\n\t"
				 "movnti %[z], 32(%[p])\n\t"
				 "movnti %[z], 40(%[p])\n\t"
				 "movnti %[z], 48(%[p])\n\t"
				 "movnti %[z], 56(%[p])"
				 :
				 : [p] "r"(p), [z] "r"(0ull)
				 : "memory");
	/*
	 * Weakly ordered stores must be visible before another CPU can get
	 * the block from the lists (SDM Vol. 1, "Caching of Temporal vs.
	 * Non-Temporal Data").
	 */
	__asm__ volatile("sfence" ::: "memory");
}

/* The largest dirty block, cut down to 2 MiB. */
static bool take_dirty(struct zone *z, hfn_t *first, unsigned *order)
{
	uint32_t have;

	spin_lock(&z->lock);
	have = z->nonempty[BLOCK_DIRTY];
	if (have) {
		*order = min(31u - (unsigned)__builtin_clz(have), ORDER_2M);
		BUG_ON(!buddy_take(z, *order, BLOCK_DIRTY, first));
		z->nr_zeroing += 1ull << *order;
	}
	spin_unlock(&z->lock);
	return have != 0;
}

static void put_back(struct zone *z, hfn_t first, uint64_t npages,
		     uint64_t nclean)
{
	spin_lock(&z->lock);
	buddy_put(z, first, nclean, BLOCK_CLEAN);
	buddy_put(z, hfn_add(first, nclean), npages - nclean, BLOCK_DIRTY);
	z->nr_zeroing -= npages;
	spin_unlock(&z->lock);
	__atomic_fetch_add(&nr_zeroed_idle, nclean, __ATOMIC_RELAXED);
}

bool frame_zero_some(void)
{
	const uint64_t step = 16; /* frames between two looks round */

	for (unsigned i = 0; i < nr_zones; i++) {
		uint64_t npages, n = 0;
		unsigned order;
		hfn_t first;

		if (!take_dirty(&zones[i], &first, &order))
			continue;
		npages = 1ull << order;
		while (n < npages && !thread_look_round()) {
			uint64_t now = min(step, npages - n);

			zero_frames_uncached(hfn_add(first, n), now);
			n += now;
		}
		put_back(&zones[i], first, npages, n);
		return true;
	}
	return false;
}

void frames_poison(hfn_t first, uint64_t npages)
{
	/* All of a large run would take seconds: 2 MiB tell enough. */
	memset(hfn_to_ptr(first), 0xa5, min(npages, PAGES_2M) * PAGE_SIZE);
}

bool frames_are_zero(hfn_t first, uint64_t npages)
{
	const uint64_t *p = hfn_to_ptr(first);

	for (uint64_t i = 0; i < npages * PAGE_SIZE / 8; i++)
		if (p[i])
			return false;
	return true;
}
