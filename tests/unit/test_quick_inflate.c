// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inflate of one page on the exit fast path: when it is done there, and that
 * otherwise nothing is done. Random use beside all else: test_gspace_model.c;
 * its flush, with real threads: tests/tsan/test_vcpu_requests.c.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "kernel/lib/x86.h"
#include "mm/memwait.h"
#include "mm_world.h"

#define SMALL 0x405u /* a page with a frame and a leaf of its own */
#define BLOCK 0x600u /* a 2 MiB block with its one leaf */
#define ZERO  0xa05u
#define AWAY  0x806u /* ballooned */

static struct gspace *gs;

static bool quick(uint64_t g)
{
	bool done;

	fake_irqs_off = true;
	assert_true(guest_quick_begin(gs));
	done = gspace_quick_inflate(gs, gfn(g));
	guest_quick_end(gs);
	fake_irqs_off = false;
	return done;
}

static int patient(uint64_t g)
{
	unsigned done;

	return gspace_inflate(gs, &g, 1, &done);
}

static int create(void **state)
{
	uint8_t byte;

	(void)state;
	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	/* A page that is given back and taken again divides its block. */
	for (uint64_t g = 0x400; g < 0xa00; g += 0x200)
		assert_int_equal(guest_store(gs, gfn(g), 1), 0);
	assert_int_equal(patient(SMALL + 1), 0);
	assert_int_equal(patient(AWAY), 0);
	assert_int_equal(guest_load(gs, gfn(ZERO), &byte), 0);
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	world_audit();
	gspace_destroy(gs);
	world_audit();
	return 0;
}

static void a_page_of_its_own_goes_at_once(void **state)
{
	struct gspace_stats before = stats_of(gs), after;
	uint64_t nr_free = world_free();
	uint8_t byte;

	(void)state;
	assert_true(quick(SMALL));
	after = stats_of(gs);
	assert_int_equal(world_free(), nr_free + 1);
	assert_int_equal(after.state[PG_BALLOONED],
			 before.state[PG_BALLOONED] + 1);
	assert_int_equal(after.state[PG_RESIDENT],
			 before.state[PG_RESIDENT] - 1);
	assert_int_equal(after.nr_inflated, before.nr_inflated + 1);
	assert_int_equal(after.nr_flushes, before.nr_flushes + 1);
	/* It is as if it had gone the other way. */
	assert_int_equal(patient(SMALL), -EINVAL);
	assert_int_equal(guest_load(gs, gfn(SMALL), &byte), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(stats_of(gs).nr_violations, 1);
}

static const struct {
	const char *what;
	uint64_t g;
	int otherwise; /* what the patient way says */
} refused[] = {
	{ "a page of a block", BLOCK + 5, 0 },
	{ "hollow", 0xc00, 0 },
	{ "a zero page", ZERO, 0 },
	{ "ballooned already", AWAY, -EINVAL },
	{ "in the VGA hole", 0xa0, -EINVAL },
	{ "behind the end of RAM", 0x1000, -EINVAL },
	{ "an address that wraps to RAM", 1ull << 52 | SMALL, -EINVAL },
	{ "the highest number", ~0ull, -EINVAL },
};

static void what_is_not_simple_is_left_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		struct gspace_stats before = stats_of(gs), after;

		print_message("%s\n", refused[i].what);
		assert_false(quick(refused[i].g));
		after = stats_of(gs);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(patient(refused[i].g), refused[i].otherwise);
	}
}

/* Each of them turned off again: then the page goes. */
static void nobody_is_waited_for_or_woken(void **state)
{
	struct gspace_stats before = stats_of(gs), after;
	uint64_t nr_free = world_free();

	(void)state;
	fake_stage2_busy = true;
	assert_false(quick(SMALL));
	fake_stage2_busy = false;
	gs->frozen = true;
	assert_false(quick(SMALL));
	gs->frozen = false;
	memwait_nr = 1;
	assert_false(quick(SMALL));
	memwait_nr = 0;
	gs->min = before.size - before.state[PG_BALLOONED] -
		  before.state[PG_UNPLUGGED];
	assert_false(quick(SMALL));
	assert_int_equal(patient(SMALL), -ENOSPC);
	gs->min--;
	spin_lock(&gs->lock);
	assert_false(guest_quick_begin(gs));
	spin_unlock(&gs->lock);
	after = stats_of(gs);
	before.min = after.min;
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(world_free(), nr_free);
	assert_true(quick(SMALL));
	assert_int_equal(patient(SMALL + 2), -ENOSPC);
}

/* Quick, while another CPU has the zone's lock. */
static bool quick_beside_another(uint64_t g)
{
	bool done;

	zones[0].lock.locked = 1;
	done = quick(g);
	zones[0].lock.locked = 0;
	return done;
}

static uint64_t cached(void)
{
	struct frame_stats st;

	frame_get_stats(&st);
	return st.nr_cached;
}

/* Making room would give memory to who waits for it, and wake that one. */
static void no_room_is_made_while_somebody_waits_for_memory(void **state)
{
	uint64_t g = 0x410, before;

	(void)state;
	while (quick_beside_another(g))
		g++;
	before = cached();
	memwait_nr = 1;
	assert_false(quick(g));
	memwait_nr = 0;
	assert_int_equal(cached(), before);
	assert_true(quick(g));
}

/* A frame that is faulty must not get into a cache. */
static void a_faulty_frame_is_left_to_the_other_way(void **state)
{
	hfn_t f;

	(void)state;
	assert_int_equal(gspace_frame_at(gs, gfn(SMALL), &f), 0);
	assert_int_equal(frame_retire(f), 0);
	assert_false(quick(SMALL));
	assert_int_equal(patient(SMALL), 0);
	assert_int_equal(frame_of(f)->type, FRAME_RETIRED);
}

/*
 * More of them than a CPU keeps: while its own place is full and another CPU
 * has the zone's lock, it is not done.
 */
static void many_in_a_row_find_room(void **state)
{
	uint64_t nr_free = world_free();
	unsigned done = 0, put_off = 0;

	(void)state;
	for (uint64_t g = 0x400; g < 0x5ff; g++) {
		bool at_once;

		if (g == SMALL + 1)
			continue; /* gone already */
		at_once = quick_beside_another(g);
		put_off += !at_once;
		assert_true(at_once || quick(g));
		assert_int_equal(world_free(), nr_free + ++done);
	}
	assert_in_range(put_off, 2, done / 16);
	/* The last of its table takes the tables along. */
	assert_false(quick(0x5ff));
	assert_int_equal(patient(0x5ff), 0);
	assert_int_equal(world_free(), nr_free + done + 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_of_its_own_goes_at_once),
		TEST(what_is_not_simple_is_left_alone),
		TEST(nobody_is_waited_for_or_woken),
		TEST(no_room_is_made_while_somebody_waits_for_memory),
		TEST(a_faulty_frame_is_left_to_the_other_way),
		TEST(many_in_a_row_find_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
