/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmx/ needs from a stage 2 beyond mm/stage2.h. */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "kernel/sync/spinlock.h"
#include "mm/stage2.h"

struct vm;

struct stage2 {
	uint64_t *root;		      /* [const] */
	uint64_t eptp;		      /* [const] */
	uint64_t nr_tables;	      /* [gspace lock] */
	struct stage2_cursor last;    /* [gspace lock] last leaf table used */
	struct spinlock retired_lock; /* LOCK_STAGE2 */
	uint64_t retired;	      /* [retired_lock] hfn of first, 0: none */
	struct vm *vm;		      /* whose vCPUs run here; NULL: none yet */
};

/* Who has to be told of a flush. Before the first vCPU runs. */
void stage2_set_vm(struct stage2 *s2, struct vm *vm);

/*
 * For stage2_flush(): detaches the unlinked tables before the invalidation
 * and frees them after it. The list is linked by frame number, 0 ends it.
 */
uint64_t stage2_take_retired(struct stage2 *s2);
void stage2_free_retired(struct stage2 *s2, uint64_t head);

/*
 * For stage2_unmap_at_once(): clears the 4 KiB leaf at g and returns it, 0 if
 * there is none; puts it back, in the same hold of the gspace lock.
 */
uint64_t stage2_leaf_take(struct stage2 *s2, gfn_t g);
void stage2_leaf_put_back(struct stage2 *s2, gfn_t g, uint64_t leaf);

/* What the processor can do; set once by vmx_init() before any VM exists. */
struct ept_caps {
	bool leaf_2m, leaf_1g, accessed_dirty;
};
extern struct ept_caps ept_caps;

#endif
