// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames whose memory is faulty. A retired frame stays with its owner until the
 * owner gives it up; on its way into the free lists it is taken out of them for
 * good. Invariant: no frame of the list below is ever handed out again.
 */
#include "kernel/lib/errno.h"
#include "mm/frame_priv.h"

/* Memory with more faults than this should be replaced, not worked around. */
#define RETIRED_MAX 256u

static uint64_t bad[RETIRED_MAX]; /* append-only */
uint32_t frame_nr_bad;		  /* [atomic] */

bool frame_is_on_bad_list(hfn_t f)
{
	uint32_t n = __atomic_load_n(&frame_nr_bad, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (bad[i] == f.raw)
			return true;
	return false;
}

uint64_t frame_next_bad(hfn_t first, uint64_t npages)
{
	uint32_t n = __atomic_load_n(&frame_nr_bad, __ATOMIC_ACQUIRE);
	uint64_t next = npages;

	for (uint32_t i = 0; i < n; i++)
		if (bad[i] >= first.raw)
			next = min(next, bad[i] - first.raw);
	return next;
}

void frame_set_retired(hfn_t f)
{
	struct frame *fr = frame_of(f);

	fr->kind = frame_kind(FRAME_RETIRED, 0, fr->node, 0);
	fr->refs = 1;
	fr->owner = NULL;
	frame_count(FRAME_RETIRED, 1);
}

int frame_retire(hfn_t f)
{
	struct zone *z;

	if (f.raw >= frame_limit().raw || frame_of(f)->type == FRAME_ABSENT)
		return -EINVAL;
	if (frame_is_bad(f))
		return 0;
	if (frame_nr_bad == RETIRED_MAX)
		return -ENOSPC;
	bad[frame_nr_bad] = f.raw;
	__atomic_store_n(&frame_nr_bad, frame_nr_bad + 1, __ATOMIC_RELEASE);

	z = zone_of(f);
	spin_lock(&z->lock);
	/* If it is in a per-CPU cache, or on its way there: who takes looks. */
	(void)buddy_cut_out(z, f);
	spin_unlock(&z->lock);
	return 0;
}
