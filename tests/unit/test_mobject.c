// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory objects: nodes only where pages differ, blocks divided and united,
 * failing allocations; random transitions against a plain array of states.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

static struct mobject o;

static enum page_state state_of(uint64_t idx)
{
	unsigned level;

	return mentry_state(*mobject_walk(&o, idx, &level));
}

static void set(uint64_t idx, enum page_state s)
{
	uint64_t *e;
	hfn_t f = hfn(0);

	assert_int_equal(mobject_open(&o, idx, &e), 0);
	if (s == PG_RESIDENT)
		assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f), 0);
	mobject_set_page(&o, e, idx, s, f);
}

/* All pages of [idx, idx + n) hollow, frames freed, nodes pruned. */
static void take_all(uint64_t idx, uint64_t n)
{
	const uint32_t all = ((1u << PG_NR_STATES) - 1) & ~1u;
	struct frame_chain ch = FRAME_CHAIN_INIT;
	uint64_t end = idx + n;

	while (idx < end) {
		uint64_t k = mobject_take(&o, idx, end - idx, all, &ch);

		mobject_prune(&o, idx);
		idx += k;
	}
	frame_free_chain(&ch);
}

static void a_hollow_object_of_any_size_has_no_node(void **state)
{
	static const uint64_t npages[] = { 1,	   512,	   513,
					   262144, 262145, 1ull << 27 };

	(void)state;
	world_boot(64 * MIB);
	for (unsigned i = 0; i < ARRAY_SIZE(npages); i++) {
		mobject_init(&o, "o", npages[i]);
		assert_int_equal(o.nr_nodes, 0);
		assert_int_equal(state_of(0), PG_HOLLOW);
		assert_int_equal(state_of(npages[i] - 1), PG_HOLLOW);
		set(npages[i] - 1, PG_RESIDENT);
		assert_int_equal(state_of(npages[i] - 1), PG_RESIDENT);
		assert_int_equal(o.nr_nodes, o.top);
		take_all(npages[i] - 1, 1);
		assert_int_equal(o.nr_nodes, 0);
		assert_int_equal(o.nr[PG_HOLLOW], npages[i]);
	}
	world_audit();
}

static void a_block_costs_no_table_until_it_is_divided(void **state)
{
	uint64_t *e;
	hfn_t f;

	(void)state;
	world_boot(64 * MIB);
	mobject_init(&o, "o", 4 * PAGES_2M);
	assert_int_equal(frame_alloc(ORDER_2M, FRAME_DATA, 0, &f), 0);
	assert_int_equal(mobject_set_block(&o, 512, 1, PG_RESIDENT, f), 0);
	assert_int_equal(o.nr_nodes, 1);
	assert_int_equal(o.nr_blocks[1], 1);
	assert_null(mobject_find_page(&o, 600));
	assert_int_equal(mobject_open(&o, 600, &e), 0);
	assert_int_equal(o.nr_nodes, 2);
	assert_int_equal(o.nr_blocks[1], 0);
	for (unsigned i = 0; i < 512; i++) {
		struct frame *fr = frame_of(hfn_add(f, i));

		e = mobject_find_page(&o, 512 + i);
		assert_int_equal(mentry_frame(*e).raw, f.raw + i);
		assert_int_equal(fr->type, FRAME_DATA);
		assert_int_equal(fr->order, 0);
		assert_ptr_equal(fr->owner, &o);
		assert_int_equal(fr->index, 512 + i);
	}
	assert_true(mobject_unite(&o, 600));
	assert_int_equal(o.nr_nodes, 1);
	assert_int_equal(o.nr_blocks[1], 1);
	assert_int_equal(frame_of(f)->order, ORDER_2M);
	assert_false(mobject_unite(&o, 600));
	take_all(0, 4 * PAGES_2M);
	assert_int_equal(o.nr_nodes, 0);
	world_audit();
}

/* Two tables are remembered: neither outlives its node. */
static void a_table_that_is_gone_is_not_walked_to(void **state)
{
	unsigned level;

	(void)state;
	world_boot(64 * MIB);
	for (unsigned walked_behind = 0; walked_behind < 2; walked_behind++) {
		mobject_init(&o, "o", 2 * PAGES_2M);
		for (unsigned i = 0; i < PAGES_2M; i++)
			set(PAGES_2M + i, PG_BALLOONED);
		if (walked_behind)
			set(0, PG_ZERO);
		assert_int_equal(state_of(PAGES_2M), PG_BALLOONED);
		if (walked_behind)
			assert_int_equal(state_of(0), PG_ZERO);
		mobject_prune(&o, PAGES_2M); /* folds it into one entry */
		(void)mobject_walk(&o, PAGES_2M, &level);
		assert_int_equal(level, 1);
		take_all(0, 2 * PAGES_2M);
		assert_int_equal(o.nr_nodes, 0);
	}
	world_audit();
}

static void scattered_frames_do_not_unite(void **state)
{
	(void)state;
	world_boot(64 * MIB);
	mobject_init(&o, "o", 4 * PAGES_2M);
	for (unsigned i = 0; i < 512; i++)
		set(i ^ 1, PG_RESIDENT);
	assert_int_equal(o.nr[PG_RESIDENT], 512);
	assert_false(mobject_unite(&o, 0));
	take_all(0, 512);
	assert_int_equal(o.nr_nodes, 0);
	world_audit();
}

static void opening_fails_without_a_trace(void **state)
{
	hfn_t *held = malloc(20000 * sizeof(*held)), f;
	uint64_t n = 0, *e;

	(void)state;
	world_boot(16 * MIB);
	mobject_init(&o, "o", PAGES_1G + 1); /* two levels of nodes */
	while (!frame_alloc(0, FRAME_VMX, FA_RESERVE, &f))
		held[n++] = f;
	for (unsigned have = 0; have < 3; have++) {
		assert_int_equal(mobject_open(&o, 7, &e), -ENOMEM);
		assert_int_equal(o.nr_nodes, 0);
		assert_int_equal(o.root, 0);
		frame_free(held[--n], 0);
	}
	assert_int_equal(mobject_open(&o, 7, &e), 0);
	assert_int_equal(o.nr_nodes, 3);
	mobject_prune(&o, 7);
	assert_int_equal(o.nr_nodes, 0);
	while (n)
		frame_free(held[--n], 0);
	free(held);
	world_audit();
}

/* ---- random transitions ---- */

#define MODEL_PAGES (6 * 512u)
static const enum page_state used[] = { PG_HOLLOW, PG_RESIDENT, PG_ZERO,
					PG_BALLOONED, PG_UNPLUGGED };
static enum page_state model[MODEL_PAGES];

static void step_page(void)
{
	uint64_t idx = (uint64_t)rand() % MODEL_PAGES;
	enum page_state s = used[(unsigned)rand() % ARRAY_SIZE(used)];

	if (model[idx] == PG_RESIDENT) {
		struct frame_chain ch = FRAME_CHAIN_INIT;
		uint64_t *e;

		assert_int_equal(mobject_open(&o, idx, &e), 0);
		assert_int_equal(
			mobject_take(&o, idx, 1, 1u << PG_RESIDENT, &ch), 1);
		assert_int_equal(ch.npages, 1);
		frame_free_chain(&ch);
	}
	set(idx, s);
	mobject_prune(&o, idx);
	model[idx] = s;
}

static void step_block(void)
{
	uint64_t idx = (uint64_t)rand() % (MODEL_PAGES / 512) * 512;
	enum page_state s = rand() % 2 ? PG_RESIDENT : PG_BALLOONED;
	bool vacant = true, has_zero, zeros = false;
	hfn_t f = hfn(0);

	for (unsigned i = 0; i < 512; i++) {
		vacant &= model[idx + i] == PG_HOLLOW ||
			  model[idx + i] == PG_ZERO;
		zeros |= model[idx + i] == PG_ZERO;
	}
	assert_int_equal(mobject_is_vacant(&o, idx, 1, &has_zero), vacant);
	if (!vacant)
		return;
	assert_int_equal(has_zero, zeros);
	if (s == PG_RESIDENT)
		assert_int_equal(frame_alloc(9, FRAME_DATA, 0, &f), 0);
	assert_int_equal(mobject_set_block(&o, idx, 1, s, f), 0);
	for (unsigned i = 0; i < 512; i++)
		model[idx + i] = s;
}

static void step_take(void)
{
	uint64_t idx = (uint64_t)rand() % (MODEL_PAGES / 512) * 512;

	take_all(idx, 512);
	for (unsigned i = 0; i < 512; i++)
		model[idx + i] = PG_HOLLOW;
}

static void check_model(void)
{
	uint64_t n[PG_NR_STATES] = { 0 };

	for (uint64_t i = 0; i < MODEL_PAGES; i++) {
		assert_int_equal(state_of(i), model[i]);
		n[model[i]]++;
	}
	assert_memory_equal(n, o.nr, sizeof(n));
}

static void random_use_agrees_with_the_model(void **state)
{
	(void)state;
	world_seed();
	world_boot(64 * MIB);
	mobject_init(&o, "o", MODEL_PAGES);
	memset(model, 0, sizeof(model));
	for (unsigned step = 0; step < 20000; step++) {
		switch (rand() % 64) {
		case 0: step_take(); break;
		case 1: step_block(); break;
		case 2:
			mobject_unite(&o, (uint64_t)rand() % MODEL_PAGES);
			break;
		default: step_page();
		}
		if (step % 500 == 0)
			check_model();
	}
	take_all(0, MODEL_PAGES);
	assert_int_equal(o.nr_nodes, 0);
	assert_int_equal(o.nr[PG_HOLLOW], MODEL_PAGES);
	world_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hollow_object_of_any_size_has_no_node),
		cmocka_unit_test(a_block_costs_no_table_until_it_is_divided),
		cmocka_unit_test(a_table_that_is_gone_is_not_walked_to),
		cmocka_unit_test(scattered_frames_do_not_unite),
		cmocka_unit_test(opening_fails_without_a_trace),
		cmocka_unit_test(random_use_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
