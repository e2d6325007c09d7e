// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leftist heap. Invariants: no node's key precedes its parent's; a left
 * child's rank is at least the right one's. So the rightmost way down has at
 * most log2(n + 1) nodes, and only such ways are walked.
 */
#include "kernel/lib/prioq.h"

static uint32_t rank_of(const struct prioq_node *n)
{
	return n ? n->rank : 0;
}

/* Makes the invariant of n true, whose children are; its rank follows. */
static void fix(struct prioq_node *n)
{
	if (rank_of(n->left) < rank_of(n->right)) {
		struct prioq_node *left = n->left;

		n->left = n->right;
		n->right = left;
	}
	n->rank = rank_of(n->right) + 1;
}

/* Merges two heaps into one, whose root has no parent. */
static struct prioq_node *merge(struct prioq_node *a, struct prioq_node *b)
{
	struct prioq_node *root = NULL, *parent = NULL;
	struct prioq_node **link = &root;

	while (a && b) {
		if (prioq_before(b->key, a->key)) {
			struct prioq_node *other = a;

			a = b;
			b = other;
		}
		*link = a;
		a->parent = parent;
		parent = a;
		link = &a->right;
		a = a->right;
	}
	*link = a ? a : b;
	if (*link)
		(*link)->parent = parent;
	for (; parent; parent = parent->parent)
		fix(parent);
	return root;
}

void prioq_insert(struct prioq *q, struct prioq_node *n, uint64_t key)
{
	*n = (struct prioq_node){ .key = key, .rank = 1 };
	q->root = merge(q->root, n);
}

void prioq_remove(struct prioq *q, struct prioq_node *n)
{
	struct prioq_node *parent = n->parent;
	struct prioq_node *rest = merge(n->left, n->right);

	if (rest)
		rest->parent = parent;
	if (!parent)
		q->root = rest;
	else if (parent->left == n)
		parent->left = rest;
	else
		parent->right = rest;
	/*
	 * A rank that changes was the smaller one of its parent's children or
	 * becomes it, so ranks rise by one with each step: O(log n) of them.
	 */
	while (parent) {
		uint32_t before = parent->rank;

		fix(parent);
		if (parent->rank == before)
			break;
		parent = parent->parent;
	}
}
