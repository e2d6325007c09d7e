// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The uncommon half of spinlocks. Invariant: levels strictly fall along the
 * chain from cpu->held over ->prev to spin_chain_end.
 */
#include "kernel/sync/spinlock.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/x86.h"

struct spinlock spin_chain_end = SPINLOCK_INIT(LOCK_NONE, "none");

NOINLINE void spin_lock_contended(struct spinlock *l)
{
	do {
		/* Read only until it looks free: no bouncing cache line. */
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			cpu_pause();
	} while (__atomic_exchange_n(&l->locked, 1u, __ATOMIC_ACQUIRE));
}

void spin_order_panic(const struct spinlock *l, const struct spinlock *held)
{
	panic("lock order: taking %s (level %u) while holding %s (level %u)",
	      l->name, l->level, held->name, held->level);
}

NOINLINE void spin_unlink_older(struct spinlock *l)
{
	struct spinlock *newer = spin_chain();

	while (newer->prev && newer->prev != l)
		newer = newer->prev;
	if (!newer->prev)
		panic("unlocking %s, which this CPU does not hold", l->name);
	newer->prev = l->prev;
}
