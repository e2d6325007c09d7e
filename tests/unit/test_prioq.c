// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The priority queue against a naive model, and its promise that no operation
 * walks more than a few nodes, in whatever order a guest makes them.
 * Sources: kernel/lib/prioq.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/prioq.h"

#define NR 4096u

static struct prioq_node nodes[NR];
static bool queued[NR];

/* Returns the number of nodes below n, n included; checks each of them. */
static unsigned check_below(const struct prioq_node *n,
			    const struct prioq_node *parent)
{
	uint32_t left, right;

	if (!n)
		return 0;
	left = n->left ? n->left->rank : 0;
	right = n->right ? n->right->rank : 0;
	assert_ptr_equal(n->parent, parent);
	assert_true(left >= right);
	assert_int_equal(n->rank, right + 1);
	if (parent)
		assert_false(prioq_before(n->key, parent->key));
	return 1 + check_below(n->left, n) + check_below(n->right, n);
}

static const struct prioq_node *least_queued(void)
{
	const struct prioq_node *best = NULL;

	for (unsigned i = 0; i < NR; i++)
		if (queued[i] &&
		    (!best || prioq_before(nodes[i].key, best->key)))
			best = &nodes[i];
	return best;
}

static void random_operations_keep_the_order(void **state)
{
	/* Around the wrap of the keys. */
	const uint64_t base = UINT64_MAX - 500;
	struct prioq q;
	unsigned n = 0;

	(void)state;
	srand(11);
	prioq_init(&q);
	for (unsigned round = 0; round < 20000; round++) {
		/* Few nodes at first, so that it is empty now and then. */
		unsigned i = (unsigned)rand() % (round < 5000 ? 8 : 300);

		if (queued[i]) {
			prioq_remove(&q, &nodes[i]);
			n--;
		} else {
			prioq_insert(&q, &nodes[i],
				     base + (unsigned)rand() % 1000);
			n++;
		}
		queued[i] = !queued[i];
		if (round % 16 == 0)
			assert_int_equal(check_below(q.root, NULL), n);
		if (!n)
			assert_null(prioq_first(&q));
		else
			assert_int_equal(prioq_first(&q)->key,
					 least_queued()->key);
	}
}

static unsigned rightmost_way(const struct prioq_node *n)
{
	unsigned steps = 0;

	for (; n; n = n->right)
		steps++;
	return steps;
}

/* The ways that insert and remove walk, for orders that suit lists badly. */
static void no_order_makes_it_walk_far(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		struct prioq q;
		uint64_t last = 0;

		prioq_init(&q);
		for (unsigned i = 0; i < NR; i++) {
			uint64_t key = order == 0   ? i
				       : order == 1 ? NR - i
						    : (i * 2654435761u) % NR;

			prioq_insert(&q, &nodes[i], key);
			assert_true(rightmost_way(q.root) <= 13);
		}
		assert_int_equal(check_below(q.root, NULL), NR);
		for (unsigned i = 0; i < NR; i++) {
			struct prioq_node *n = prioq_first(&q);

			assert_true(n->key >= last);
			last = n->key;
			prioq_remove(&q, n);
			assert_true(rightmost_way(q.root) <= 13);
		}
		assert_null(prioq_first(&q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_keep_the_order),
		cmocka_unit_test(no_order_makes_it_walk_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
