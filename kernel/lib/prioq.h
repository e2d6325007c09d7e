/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Priority queue: an intrusive leftist heap. The least key is found at once;
 * inserting and removing any node take O(log n) steps in the worst case, so
 * that it may be used with interrupts off however many nodes a guest makes.
 *
 * Keys wrap: a precedes b if the way up from a to b is less than 2^63. All
 * keys of one queue must lie within 2^63 of each other.
 */
#ifndef KERNEL_PRIOQ_H
#define KERNEL_PRIOQ_H

#include "kernel/lib/compiler.h"

struct prioq_node {
	struct prioq_node *parent, *left, *right;
	uint64_t key;
	uint32_t rank; /* nodes on the way to the nearest missing child */
};

struct prioq {
	struct prioq_node *root;
};

static inline bool prioq_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static inline void prioq_init(struct prioq *q)
{
	q->root = NULL;
}

/* The node with the least key, or NULL. */
static inline struct prioq_node *prioq_first(const struct prioq *q)
{
	return q->root;
}

/* n must be in no queue. */
void prioq_insert(struct prioq *q, struct prioq_node *n, uint64_t key);
/* n must be in q. */
void prioq_remove(struct prioq *q, struct prioq_node *n);

#endif
