/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: the product's spinlocks are inline and live on %gs; here the
 * same functions are ordinary ones, defined by fake_kernel.c.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include "../../../../../kernel/lib/compiler.h"
#include "../../../../../kernel/sync/lock_order.h"

struct spinlock {
	uint32_t locked;
	uint32_t level;
	const char *name;
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
uint64_t spin_lock_irqsave(struct spinlock *l);
void spin_unlock_irqrestore(struct spinlock *l, uint64_t rflags);
bool spin_any_held(void);
const struct spinlock *spin_chain(void); /* the one taken last */
extern struct spinlock spin_chain_end;

#endif
