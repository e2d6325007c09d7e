// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest-physical spaces over a stage 2 that checks its contract: commit
 * policies, zero pages, balloon, discard, blocks that are split, limits. Random
 * use is test_gspace_model.c.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

/* ---- regions ---- */

static void ram_leaves_room_for_devices(void **state)
{
	struct gspace *gs;
	uint64_t nbytes;
	uint8_t byte;
	gpa_t base;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("big", 4096 * MIB, COMMIT_SINGLE);
	assert_true(gspace_ram_region(gs, 0, &base, &nbytes));
	assert_int_equal(base.raw, 0);
	assert_int_equal(nbytes, 0xa0000);
	assert_true(gspace_ram_region(gs, 1, &base, &nbytes));
	assert_int_equal(base.raw, 0xc0000);
	assert_int_equal(nbytes, 0xc0000000 - 0xc0000);
	assert_true(gspace_ram_region(gs, 2, &base, &nbytes));
	assert_int_equal(base.raw, 0x100000000);
	assert_int_equal(nbytes, 1024 * MIB);
	assert_false(gspace_ram_region(gs, 3, &base, &nbytes));
	assert_int_equal(stats_of(gs).state[PG_UNPLUGGED], 0x20);
	/* Nothing but the first 2 MiB needs a node. */
	assert_int_equal(gs->ram.nr_nodes, 3);

	assert_int_equal(guest_load(gs, gfn(0xa0), &byte), -ENOENT);
	assert_int_equal(guest_load(gs, gfn(0xbf), &byte), -ENOENT);
	assert_int_equal(guest_load(gs, gfn(0xc0000), &byte), -ENOENT);
	assert_int_equal(guest_store(gs, gfn(0x140000), 1), -ENOENT);
	assert_int_equal(guest_store(gs, gfn(0x13ffff), 1), 0);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

static void shared_frames_are_mapped_with_their_permissions(void **state)
{
	struct gspace *gs;
	uint8_t byte = 9;
	hfn_t f, g;
	uint64_t nr_tables;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(frame_alloc(0, FRAME_SHARED, FA_ZERO, &f), 0);
	assert_int_equal(frame_alloc(0, FRAME_SHARED, FA_ZERO, &g), 0);
	assert_int_equal(gspace_map_shared(gs, gfn(0xfe000), f, S2_READ), 0);
	assert_int_equal(gspace_map_shared(gs, gfn(0xfe000), g, S2_READ),
			 -EEXIST);
	assert_int_equal(gspace_map_shared(gs, gfn(5), g, S2_READ), -EEXIST);
	assert_int_equal(guest_load(gs, gfn(0xfe000), &byte), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(guest_store(gs, gfn(0xfe000), 1), -EACCES);
	assert_int_equal(guest_write(gs, gpa(0xfe000000), &byte, 1), -EFAULT);
	world_audit();
	nr_tables = stage2_nr_tables(gspace_stage2(gs));
	gspace_unmap_shared(gs, gfn(0xfe000));
	/* Its table goes with it. */
	assert_int_equal(stage2_nr_tables(gspace_stage2(gs)), nr_tables - 1);
	gspace_flush(gs);
	frame_free(f, 0);
	frame_free(g, 0);
	assert_int_equal(guest_load(gs, gfn(0xfe000), &byte), -ENOENT);
	gspace_destroy(gs);
	world_audit();
}

/* ---- commit policies ---- */

static const struct {
	const char *what;
	enum commit_policy commit;
	bool idle;	  /* clean frames are at hand */
	uint64_t touched; /* gfn */
	uint64_t resident;
	uint64_t leaf_2m;
} commits[] = {
	{ "single commits one page", COMMIT_SINGLE, true, 0x400, 1, 0 },
	{ "around commits 16 pages", COMMIT_AROUND, true, 0x407, 16, 0 },
	{ "around without clean frames commits one", COMMIT_AROUND, false,
	  0x407, 1, 0 },
	{ "around stops at the region's end", COMMIT_AROUND, true, 0x9f, 16,
	  0 },
	{ "huge commits a clean 2 MiB block", COMMIT_HUGE, true, 0x407, 512,
	  1 },
	{ "huge zeroes a block while memory is plentiful", COMMIT_HUGE, false,
	  0x407, 512, 1 },
	{ "huge near the VGA hole commits around", COMMIT_HUGE, true, 0x10, 16,
	  0 },
};

static void first_touch_commits_by_policy(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(commits); i++) {
		struct gspace_stats st;
		struct gspace *gs;
		uint8_t byte;

		print_message("  %s\n", commits[i].what);
		world_boot(64 * MIB);
		if (commits[i].idle)
			world_idle();
		gs = world_vm("a", 16 * MIB, commits[i].commit);
		assert_int_equal(guest_store(gs, gfn(commits[i].touched), 7),
				 0);
		st = stats_of(gs);
		assert_int_equal(st.state[PG_RESIDENT], commits[i].resident);
		assert_int_equal(st.nr_leaf_2m, commits[i].leaf_2m);
		assert_int_equal(st.nr_commits, 1);
		assert_int_equal(st.nr_commit_pages, commits[i].resident);
		/* Neighbours read as zeros, though all RAM held junk. */
		assert_int_equal(
			guest_load(gs, gfn(commits[i].touched ^ 1), &byte), 0);
		assert_int_equal(byte, 0);
		world_audit();
		gspace_destroy(gs);
		world_audit();
	}
}

static void a_read_costs_no_frame_and_spoils_no_block(void **state)
{
	struct gspace_stats st;
	struct gspace *gs;
	uint8_t byte = 1;

	(void)state;
	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(guest_load(gs, gfn(0x400 + i), &byte), 0);
	assert_int_equal(byte, 0);
	st = stats_of(gs);
	assert_int_equal(st.state[PG_ZERO], 5);
	assert_int_equal(st.state[PG_RESIDENT], 0);
	assert_int_equal(st.nr_zero_maps, 5);
	world_audit();
	/* Atomically not: other CPUs may have the zero frame cached. */
	assert_int_equal(gspace_fault(gs, gfn(0x400), GA_WRITE, GF_ATOMIC),
			 -EAGAIN);
	assert_int_equal(guest_store(gs, gfn(0x401), 3), 0);
	st = stats_of(gs);
	assert_int_equal(st.state[PG_ZERO], 0);
	assert_int_equal(st.nr_leaf_2m, 1);
	assert_int_equal(st.nr_flushes, 1);
	world_audit();
	gspace_destroy(gs);
}

/* Whoever waits until the zero leaf is flushed everywhere is woken then. */
static void the_end_of_a_freeze_is_told(void **state)
{
	static const enum commit_policy policies[] = { COMMIT_SINGLE,
						       COMMIT_HUGE };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		struct waitq_entry waiter;
		struct gspace *gs;
		uint8_t byte;

		world_boot(64 * MIB);
		world_idle();
		gs = world_vm("a", 16 * MIB, policies[i]);
		assert_int_equal(guest_load(gs, gfn(0x400), &byte), 0);
		waitq_prepare(&gs->thawed, &waiter);
		fake_nr_unparks = 0;
		assert_int_equal(guest_store(gs, gfn(0x400), 3), 0);
		assert_int_equal(fake_nr_unparks, 1);
		waitq_finish(&gs->thawed, &waiter);
		world_audit();
		gspace_destroy(gs);
	}
}

static void without_large_leaves_everything_is_small(void **state)
{
	struct gspace *gs;

	(void)state;
	world_boot(64 * MIB);
	fake_leaf_orders = 1u << ORDER_4K;
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(gs, gfn(0x400), 7), 0);
	assert_int_equal(stats_of(gs).nr_leaf_2m, 0);
	assert_int_equal(stats_of(gs).state[PG_RESIDENT], 16);
	gspace_destroy(gs);
}

static void a_large_host_gives_1g_blocks(void **state)
{
	struct gspace_stats st;
	struct gspace *gs;
	uint64_t taken, gfn_in[1] = { 0x140001 };
	unsigned done;
	hfn_t f;

	(void)state;
	world_boot(8192 * MIB);
	/* For nodes, so that they don't break the block. */
	frame_zero_some();
	/* Zeroing 8 GiB takes too long here: fresh arena pages are zero. */
	spin_lock(&zones[0].lock);
	assert_true(buddy_take(&zones[0], ORDER_1G, BLOCK_DIRTY, &f));
	buddy_put(&zones[0], f, PAGES_1G, BLOCK_CLEAN);
	spin_unlock(&zones[0].lock);
	gs = world_vm("a", 5120 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(gs, gfn(0x140005), 7), 0);
	st = stats_of(gs);
	assert_int_equal(st.nr_leaf_1g, 1);
	assert_int_equal(st.state[PG_RESIDENT], PAGES_1G);
	world_audit();
	/* Its leaf divided, and then no memory to divide the entry. */
	assert_int_equal(
		stage2_split(gspace_stage2(gs), gfn(0x140000), ORDER_1G), 0);
	assert_int_equal(vcpu_fault(gs, gfn(0x140005), GA_WRITE), 0);
	assert_int_equal(gspace_inflate(gs, gfn_in, 1, &done), 0);
	st = stats_of(gs);
	assert_int_equal(st.nr_leaf_1g, 0);
	assert_int_equal(st.nr_leaf_2m, 511);
	assert_int_equal(st.nr_leaf_4k, 511);
	assert_int_equal(st.nr_splits, 2);
	world_audit();
	assert_int_equal(gspace_discard(gs, gfn(0x140000), PAGES_1G, &taken),
			 0);
	assert_int_equal(taken, PAGES_1G - 1);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

/* ---- balloon and discard ---- */

static void ballooned_pages_give_their_frames_and_come_back_zero(void **state)
{
	uint64_t gfns[512], before;
	struct gspace_stats st;
	struct gspace *gs;
	unsigned done;
	uint8_t byte;

	(void)state;
	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	for (unsigned i = 0; i < 512; i++) {
		gfns[i] = 0x400 + i;
		assert_int_equal(guest_store(gs, gfn(0x400 + i), 0x55), 0);
	}
	before = world_free();
	/* A page in the middle: the block is divided. */
	assert_int_equal(gspace_inflate(gs, gfns + 7, 1, &done), 0);
	assert_int_equal(done, 1);
	st = stats_of(gs);
	assert_int_equal(st.state[PG_BALLOONED], 1);
	assert_int_equal(st.nr_splits, 1);
	assert_int_equal(st.nr_leaf_4k, 511);
	world_audit();
	/* Twice is refused where it happens. */
	assert_int_equal(gspace_inflate(gs, gfns, 512, &done), -EINVAL);
	assert_int_equal(done, 7);
	assert_int_equal(gspace_inflate(gs, gfns + 8, 504, &done), 0);
	st = stats_of(gs);
	assert_int_equal(st.state[PG_BALLOONED], 512);
	assert_int_equal(world_free() - before, 512);
	world_audit();
	/* A touch takes one back, counted. */
	assert_int_equal(guest_load(gs, gfn(0x405), &byte), 0);
	assert_int_equal(byte, 0);
	st = stats_of(gs);
	assert_int_equal(st.nr_violations, 1);
	assert_int_equal(gspace_deflate(gs, gfns, 512, &done), -EINVAL);
	assert_int_equal(done, 5);
	assert_int_equal(gspace_deflate(gs, gfns + 6, 506, &done), 0);
	assert_int_equal(stats_of(gs).state[PG_BALLOONED], 0);
	for (unsigned i = 0; i < 512; i++) {
		assert_int_equal(guest_load(gs, gfn(0x400 + i), &byte), 0);
		assert_int_equal(byte, 0);
	}
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

static void a_whole_block_is_ballooned_without_dividing(void **state)
{
	uint64_t gfns[512], nodes;
	struct gspace *gs;
	unsigned done;

	(void)state;
	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	nodes = gs->ram.nr_nodes;
	for (unsigned i = 0; i < 512; i++)
		gfns[i] = 0x400 + i;
	assert_int_equal(gspace_inflate(gs, gfns, 512, &done), 0);
	assert_int_equal(done, 512);
	assert_int_equal(gs->ram.nr_nodes, nodes);
	assert_int_equal(stats_of(gs).nr_splits, 0);
	world_audit();
	assert_int_equal(gspace_deflate(gs, gfns, 512, &done), 0);
	assert_int_equal(stats_of(gs).state[PG_BALLOONED], 0);
	assert_int_equal(gs->ram.nr_nodes, nodes);
	world_audit();
	gspace_destroy(gs);
}

static void the_balloon_refuses_nonsense_and_stops_at_min(void **state)
{
	static const uint64_t bad[] = { 0xa0,  0xbf,	   0x1000,
					~0ull, 1ull << 52, 0xc0000 };
	uint64_t gfns[512];
	struct gspace *gs;
	unsigned done, total = 0;
	int err = 0;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t one = bad[i];

		assert_int_equal(gspace_inflate(gs, &one, 1, &done), -EINVAL);
		assert_int_equal(gspace_deflate(gs, &one, 1, &done), -EINVAL);
		assert_int_equal(done, 0);
	}
	for (uint64_t g = 0x100; g < 0x1000 && !err; g += 512) {
		for (unsigned i = 0; i < 512; i++)
			gfns[i] = g + i;
		err = gspace_inflate(gs, gfns, 512, &done);
		total += done;
	}
	assert_int_equal(err, -ENOSPC);
	/* 2 MiB stay, the VGA hole aside. */
	assert_int_equal(total, 0x1000 - 0x20 - 512);
	world_audit();
	gspace_reset(gs);
	assert_int_equal(stats_of(gs).state[PG_BALLOONED], 0);
	assert_int_equal(stats_of(gs).state[PG_UNPLUGGED], 0x20);
	world_audit();
	gspace_destroy(gs);
}

static void targets_have_bounds(void **state)
{
	struct gspace *gs;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	assert_int_equal(gspace_set_target(gs, 2 * MIB), 0);
	assert_int_equal(stats_of(gs).target, 512);
	gspace_reset(gs);
	assert_int_equal(stats_of(gs).target, 512);
	assert_int_equal(gspace_set_target(gs, 2 * MIB - 1), -ERANGE);
	assert_int_equal(gspace_set_target(gs, 16 * MIB + 4096), -ERANGE);
	assert_int_equal(stats_of(gs).target, 512);
	gspace_destroy(gs);
}

static void discard_takes_frames_and_content(void **state)
{
	struct gspace *gs;
	uint64_t taken;
	uint8_t byte;

	(void)state;
	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	for (uint64_t g = 0x200; g < 0x1000; g++)
		assert_int_equal(guest_store(gs, gfn(g), 0x66), 0);
	/* Out of the middle of a block, across two, to the middle of one. */
	assert_int_equal(gspace_discard(gs, gfn(0x5f0), 0x420, &taken), 0);
	assert_int_equal(taken, 0x420);
	world_audit();
	assert_int_equal(guest_load(gs, gfn(0x5ef), &byte), 0);
	assert_int_equal(byte, 0x66);
	assert_int_equal(guest_load(gs, gfn(0x5f0), &byte), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(guest_load(gs, gfn(0xa0f), &byte), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(guest_load(gs, gfn(0xa10), &byte), 0);
	assert_int_equal(byte, 0x66);
	/* Not RAM: refused, also by wrapping round. */
	assert_int_equal(gspace_discard(gs, gfn(0x90), 0x20, &taken), -EINVAL);
	assert_int_equal(gspace_discard(gs, gfn(0xf00), ~0ull - 0x10, &taken),
			 -EINVAL);
	assert_int_equal(gspace_discard(gs, gfn(0xf00), 0x101, &taken),
			 -EINVAL);
	assert_int_equal(gspace_discard(gs, gfn(0xc0), 0xf40, &taken), 0);
	assert_int_equal(stats_of(gs).state[PG_RESIDENT], 0);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

/* ---- copies ---- */

static void copies_cross_pages_and_stay_inside_ram(void **state)
{
	char out[10000], in[10000];
	struct gspace *gs;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (char)rand();
	assert_int_equal(guest_read(gs, gpa(0x200123), out, sizeof(out)), 0);
	assert_int_equal(stats_of(gs).state[PG_RESIDENT], 0);
	assert_int_equal(out[0] | out[9999], 0);
	assert_int_equal(guest_write(gs, gpa(0x200123), in, sizeof(in)), 0);
	assert_int_equal(stats_of(gs).state[PG_RESIDENT], 3);
	assert_int_equal(guest_read(gs, gpa(0x200123), out, sizeof(out)), 0);
	assert_memory_equal(in, out, sizeof(in));

	assert_int_equal(guest_read(gs, gpa(0x9ffff), out, 2), -EFAULT);
	assert_int_equal(guest_write(gs, gpa(0xffffff), in, 2), -EFAULT);
	assert_int_equal(guest_read(gs, gpa(~0ull), out, 2), -EFAULT);
	assert_int_equal(guest_read(gs, gpa(1ull << 63), out, 1), -EFAULT);
	world_audit();
	gspace_destroy(gs);
}

static void entries_are_exchanged_only_if_they_are_as_expected(void **state)
{
	struct gspace *gs;
	uint64_t value;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	assert_int_equal(guest_cmpxchg(gs, gpa(0x200008), 8, 0, 5), -EAGAIN);
	value = 0x1122334455667788;
	assert_int_equal(guest_write(gs, gpa(0x200008), &value, 8), 0);
	assert_int_equal(guest_cmpxchg(gs, gpa(0x200008), 8, 0, 5), -EAGAIN);
	assert_int_equal(guest_cmpxchg(gs, gpa(0x200008), 8, value, 5), 0);
	assert_int_equal(guest_cmpxchg(gs, gpa(0x20000c), 4, 0, ~0ull), 0);
	assert_int_equal(guest_read(gs, gpa(0x200008), &value, 8), 0);
	assert_int_equal(value, 0xffffffff00000005);
	assert_int_equal(guest_cmpxchg(gs, gpa(1ull << 40), 8, 0, 5), -EFAULT);
	gspace_destroy(gs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_leaves_room_for_devices),
		cmocka_unit_test(
			shared_frames_are_mapped_with_their_permissions),
		cmocka_unit_test(first_touch_commits_by_policy),
		cmocka_unit_test(a_read_costs_no_frame_and_spoils_no_block),
		cmocka_unit_test(the_end_of_a_freeze_is_told),
		cmocka_unit_test(without_large_leaves_everything_is_small),
		cmocka_unit_test(a_large_host_gives_1g_blocks),
		cmocka_unit_test(
			ballooned_pages_give_their_frames_and_come_back_zero),
		cmocka_unit_test(a_whole_block_is_ballooned_without_dividing),
		cmocka_unit_test(the_balloon_refuses_nonsense_and_stops_at_min),
		cmocka_unit_test(targets_have_bounds),
		cmocka_unit_test(discard_takes_frames_and_content),
		cmocka_unit_test(copies_cross_pages_and_stay_inside_ram),
		cmocka_unit_test(
			entries_are_exchanged_only_if_they_are_as_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
