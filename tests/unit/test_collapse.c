// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks that came apart are put together again: which, when, and in which
 * order.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

/* Until nothing is left to do; ranges put together. */
static unsigned collapse_all(void)
{
	enum gspace_collapse found;
	unsigned n = 0;

	while ((found = gspace_collapse_some()) != COLLAPSE_NOTHING)
		n += found == COLLAPSE_DONE;
	return n;
}

static void small_pages_become_a_block_again(void **state)
{
	struct gspace_stats st;
	struct gspace *gs;
	unsigned done;
	uint64_t g;
	uint8_t byte;

	(void)state;
	world_boot(128 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	/* Taken apart by the balloon, filled with other frames. */
	g = 0x405;
	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	assert_int_equal(guest_store(gs, gfn(0x5ff), 2), 0);
	assert_int_equal(gspace_inflate(gs, &g, 1, &done), 0);
	assert_int_equal(collapse_all(), 0);
	assert_int_equal(gspace_deflate(gs, &g, 1, &done), 0);
	assert_int_equal(guest_store(gs, gfn(0x405), 3), 0);
	assert_int_equal(collapse_all(), 1);
	st = stats_of(gs);
	assert_int_equal(st.nr_collapses, 1);
	assert_int_equal(st.nr_leaf_2m, 1);
	assert_int_equal(st.nr_leaf_4k, 0);
	world_audit();
	assert_int_equal(guest_load(gs, gfn(0x400), &byte), 0);
	assert_int_equal(byte, 1);
	assert_int_equal(guest_load(gs, gfn(0x405), &byte), 0);
	assert_int_equal(byte, 3);
	assert_int_equal(guest_load(gs, gfn(0x5ff), &byte), 0);
	assert_int_equal(byte, 2);
	/* Nothing has changed since: nobody looks. */
	assert_int_equal(gspace_collapse_some(), COLLAPSE_NOTHING);
	gspace_destroy(gs);
	world_audit();
}

/* A guest with much memory does not make one call long. */
static void search_for_ranges_comes_in_bites(void **state)
{
	struct gspace *gs;
	unsigned n = 0;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16384 * MIB, COMMIT_HUGE);
	assert_int_equal(gspace_collapse_some(), COLLAPSE_NOTHING);
	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	while (gspace_collapse_some() == COLLAPSE_MORE)
		n++;
	assert_int_equal(n, 16384 / 2 / 256);
	gspace_destroy(gs);
}

/* A block with a frame that lies elsewhere: to put it together takes a copy. */
static void spoil_block(struct gspace *gs)
{
	uint64_t g = 0x405;
	unsigned done;

	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	assert_int_equal(gspace_inflate(gs, &g, 1, &done), 0);
	assert_int_equal(gspace_deflate(gs, &g, 1, &done), 0);
	assert_int_equal(guest_store(gs, gfn(0x405), 3), 0);
}

static hfn_t hoard[64];
static unsigned nr_hoarded;

/* All blocks that guests may have. */
static void hoard_blocks(void)
{
	while (nr_hoarded < ARRAY_SIZE(hoard) &&
	       !frame_alloc(9, FRAME_SHARED, FA_GUEST, &hoard[nr_hoarded]))
		nr_hoarded++;
}

static void release_blocks(void)
{
	while (nr_hoarded)
		frame_free(hoard[--nr_hoarded], 9);
}

/* Without memory to copy it waits for another time, and does not spin. */
static void collapse_waits_for_memory(void **state)
{
	struct gspace *gs;

	(void)state;
	world_boot(128 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	spoil_block(gs);
	hoard_blocks();
	assert_int_equal(collapse_all(), 0);
	release_blocks();
	assert_int_equal(collapse_all(), 1);
	gspace_destroy(gs);
	world_audit();
}

/* A block that was divided, its frames still side by side. */
static void divide_block(struct gspace *gs, uint64_t g)
{
	assert_int_equal(guest_store(gs, gfn(g), 1), 0);
	spin_lock(&gs->lock);
	assert_int_equal(stage2_split(gs->s2, gfn(g), ORDER_2M), 0);
	assert_int_equal(mobject_divide(&gs->ram, g), 0);
	spin_unlock(&gs->lock);
}

/* Who needs memory that is not there does not keep the others waiting. */
static void collapse_serves_all_spaces_in_turn(void **state)
{
	struct gspace *gs[3];

	(void)state;
	world_boot(128 * MIB);
	world_idle();
	for (unsigned i = 0; i < 3; i++)
		gs[i] = world_vm("a", 16 * MIB, COMMIT_HUGE);
	/* The first one's range takes a copy. */
	spoil_block(gs[0]);
	for (unsigned i = 1; i < 3; i++) {
		divide_block(gs[i], 0x400);
		divide_block(gs[i], 0x600);
	}
	hoard_blocks();
	assert_int_equal(gspace_collapse_some(), COLLAPSE_MORE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(gspace_collapse_some(), COLLAPSE_DONE);
	/* One each, not two of the first that was found. */
	assert_int_equal(stats_of(gs[1]).nr_collapses, 1);
	assert_int_equal(stats_of(gs[2]).nr_collapses, 1);
	assert_int_equal(collapse_all(), 2);
	release_blocks();
	assert_int_equal(collapse_all(), 1);
	for (unsigned i = 0; i < 3; i++)
		gspace_destroy(gs[i]);
	world_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_pages_become_a_block_again),
		cmocka_unit_test(search_for_ranges_comes_in_bites),
		cmocka_unit_test(collapse_waits_for_memory),
		cmocka_unit_test(collapse_serves_all_spaces_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
