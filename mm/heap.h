/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel heap: power-of-two-ish size classes in slabs, larger requests straight
 * from the buddy. Alignment: 16 bytes, and natural alignment for power-of-two
 * sizes up to 4096.
 */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include "kernel/lib/compiler.h"

/* An empty heap; from mm_init(). */
void heap_init(void);

/*
 * NULL when memory ran out. Thread context; takes LOCK_HEAP. More than a page
 * may give way, as frame_alloc() does.
 */
MUST_CHECK void *kmalloc(size_t nbytes);
MUST_CHECK void *kzalloc(size_t nbytes);
void kfree(void *p); /* NULL is fine */

struct heap_stats {
	uint64_t nr_allocs, nr_frees, nbytes_used, nbytes_held;
};
void heap_get_stats(struct heap_stats *out);

#endif
