/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranked spinlocks. The locks that a CPU holds form a chain, newest first;
 * taking one whose level is not above the newest one's panics with both names.
 *
 * spin_lock() does not touch the interrupt flag: a lock that an interrupt
 * handler takes must be taken with spin_lock_irqsave() everywhere.
 * The kernel never preempts a thread that did not ask for it, so a plain
 * spin_lock() section is not interrupted by another thread of this CPU.
 * The rank holds across interrupts too: a handler may only take locks above
 * those of the code that it interrupted, else two CPUs could deadlock.
 *
 * Locking and unlocking are inline, because every VM exit may do it.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include "kernel/lib/compiler.h"
#include "kernel/sync/lock_order.h"

struct spinlock {
	uint32_t locked;       /* [atomic] 0 or 1 */
	uint32_t level;	       /* enum lock_level [const] */
	const char *name;      /* [const] */
	struct spinlock *prev; /* next older lock of the holder [holder] */
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

/* The end of every chain: level LOCK_NONE, never taken. */
extern struct spinlock spin_chain_end;

/* The slow paths: contention, wrong order, unlocking not the newest one. */
void spin_lock_contended(struct spinlock *l);
NORETURN COLD void spin_order_panic(const struct spinlock *l,
				    const struct spinlock *held);
void spin_unlink_older(struct spinlock *l);

static ALWAYS_INLINE struct spinlock *spin_chain(void)
{
	struct spinlock *l;

	__asm__ volatile("movq %%gs:24, %0" : "=r"(l));
	return l;
}

static ALWAYS_INLINE void spin_chain_set(struct spinlock *l)
{
	__asm__ volatile("movq %0, %%gs:24" : : "r"(l) : "memory");
}

static ALWAYS_INLINE void spin_lock(struct spinlock *l)
{
	struct spinlock *held = spin_chain();

	if (unlikely(held->level >= l->level))
		spin_order_panic(l, held);
	if (unlikely(__atomic_exchange_n(&l->locked, 1u, __ATOMIC_ACQUIRE)))
		spin_lock_contended(l);
	l->prev = held;
	spin_chain_set(l);
}

static ALWAYS_INLINE void spin_unlock(struct spinlock *l)
{
	if (likely(spin_chain() == l))
		spin_chain_set(l->prev);
	else
		spin_unlink_older(l);
	__atomic_store_n(&l->locked, 0u, __ATOMIC_RELEASE);
}

static ALWAYS_INLINE MUST_CHECK bool spin_trylock(struct spinlock *l)
{
	struct spinlock *held = spin_chain();

	if (unlikely(held->level >= l->level))
		spin_order_panic(l, held);
	if (__atomic_exchange_n(&l->locked, 1u, __ATOMIC_ACQUIRE))
		return false;
	l->prev = held;
	spin_chain_set(l);
	return true;
}

/* Returns RFLAGS as they were. */
static ALWAYS_INLINE uint64_t spin_lock_irqsave(struct spinlock *l)
{
	uint64_t rflags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(rflags) : : "memory");
	spin_lock(l);
	return rflags;
}

static ALWAYS_INLINE void spin_unlock_irqrestore(struct spinlock *l,
						 uint64_t rflags)
{
	spin_unlock(l);
	if (rflags & BIT(9)) /* RFLAGS.IF */
		__asm__ volatile("sti" : : : "memory");
}

/* True if this CPU holds any spinlock: blocking would be a bug. */
static inline bool spin_any_held(void)
{
	return spin_chain() != &spin_chain_end;
}

#endif
