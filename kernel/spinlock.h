/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranked spinlocks. Each CPU keeps the stack of held levels; taking a level
 * that is not above the highest one held panics with both names.
 *
 * spin_lock() does not touch the interrupt flag: a lock that an interrupt
 * handler takes must be taken with spin_lock_irqsave() everywhere.
 * The kernel never preempts a thread that did not ask for it, so a plain
 * spin_lock() section is not interrupted by another thread of this CPU.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include "kernel/compiler.h"
#include "kernel/lock_order.h"

struct spinlock {
	uint32_t locked;  /* [atomic] 0 or 1 */
	uint32_t level;	  /* enum lock_level [const] */
	const char *name; /* [const] */
};

#define SPINLOCK_INIT(lvl, nm)                                                 \
	{                                                                      \
		.locked = 0, .level = (lvl), .name = (nm)                      \
	}

static inline void spin_init(struct spinlock *l, enum lock_level level,
			     const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(level, name);
}

void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_trylock(struct spinlock *l) MUST_CHECK;
uint64_t spin_lock_irqsave(struct spinlock *l); /* returns RFLAGS */
void spin_unlock_irqrestore(struct spinlock *l, uint64_t rflags);

/* True if this CPU holds l. For ASSERT. */
bool spin_held(const struct spinlock *l);

#endif
