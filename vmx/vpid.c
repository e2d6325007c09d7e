/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VPIDs are taken: a bit for each. */
#include "vmx/vpid.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/spinlock.h"

#define NR_WORDS (VPID_MAX / 64 + 1)

static struct spinlock lock = SPINLOCK_INIT(LOCK_VM_LIST, "vpid");
static uint64_t used[NR_WORDS] = { 1 }; /* [lock] */

/* The first clear bit; NR_WORDS * 64: none. Locked. */
static uint32_t find_free(void)
{
	for (uint32_t w = 0; w < NR_WORDS; w++)
		if (~used[w])
			return w * 64 + (uint32_t)__builtin_ctzll(~used[w]);
	return NR_WORDS * 64;
}

int vpid_take(uint32_t *out)
{
	uint32_t id;

	spin_lock(&lock);
	id = find_free();
	if (id <= VPID_MAX)
		used[id / 64] |= BIT(id % 64);
	spin_unlock(&lock);
	if (id > VPID_MAX)
		return -ENOSPC;
	*out = id;
	return 0;
}

void vpid_give(uint32_t id)
{
	BUG_ON(id < 1 || id > VPID_MAX);
	spin_lock(&lock);
	BUG_ON(!(used[id / 64] & BIT(id % 64)));
	used[id / 64] &= ~BIT(id % 64);
	spin_unlock(&lock);
}
