// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the exit fast path reads and changes in guest memory: words, and single
 * bytes that both sides hand each other. Longer copies: test_gspace.c.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

/* There is a 1. */
static void the_byte_is_taken_quickly(struct gspace *gs, gpa_t a)
{
	uint8_t old = 7;

	gs->frozen = true;
	assert_false(guest_quick_take8(gs, a, &old));
	gs->frozen = false;
	spin_lock(&gs->lock);
	assert_false(guest_quick_take8(gs, a, &old));
	spin_unlock(&gs->lock);
	assert_true(guest_quick_take8(gs, a, &old));
	assert_int_equal(old, 1);
	assert_true(guest_quick_take8(gs, a, &old));
	assert_int_equal(old, 0);
	assert_true(guest_quick_take8(gs, gpa(0x400000), &old));
	assert_int_equal(old, 0);
	assert_false(guest_quick_take8(gs, gpa(1ull << 40), &old));
}

static void a_byte_is_put_only_where_a_frame_is(void **state)
{
	struct gspace *gs;
	uint32_t value = 0x11223300;
	uint8_t old = 7;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	assert_false(guest_quick_put8(gs, gpa(0x200008), 1));
	assert_int_equal(guest_take8(gs, gpa(0x200008), &old), 0);
	assert_int_equal(old, 0);
	assert_int_equal(guest_write(gs, gpa(0x200008), &value, 4), 0);
	assert_true(guest_quick_put8(gs, gpa(0x200008), 1));
	assert_int_equal(guest_read(gs, gpa(0x200008), &value, 4), 0);
	assert_int_equal(value, 0x11223301);
	assert_int_equal(guest_take8(gs, gpa(0x200008), &old), 0);
	assert_int_equal(old, 1);
	assert_int_equal(guest_read(gs, gpa(0x200008), &value, 4), 0);
	assert_int_equal(value, 0x11223300);
	/* While its page may be copied, and while somebody has the lock. */
	gs->frozen = true;
	assert_false(guest_quick_put8(gs, gpa(0x200008), 1));
	gs->frozen = false;
	spin_lock(&gs->lock);
	assert_false(guest_quick_put8(gs, gpa(0x200008), 1));
	spin_unlock(&gs->lock);
	assert_true(guest_quick_put8(gs, gpa(0x200008), 1));
	the_byte_is_taken_quickly(gs, gpa(0x200008));
	assert_false(guest_quick_put8(gs, gpa(1ull << 40), 1));
	assert_int_equal(guest_take8(gs, gpa(1ull << 40), &old), -EFAULT);
	world_audit();
	gspace_destroy(gs);
}

/* 16 bytes at a say where they lie; or there are none. */
static void words_are(struct gspace *gs, uint64_t a, bool there)
{
	uint64_t one = 0, two[2] = { 0, 0 };

	assert_true(guest_quick_begin(gs));
	if (guest_quick_read64(gs, gpa(a), &one) != there ||
	    guest_quick_read128(gs, gpa(a), two) != there)
		fail_msg("%#llx", (unsigned long long)a);
	guest_quick_end(gs);
	assert_int_equal(fake_locks_held(), 0);
	if (!there)
		return;
	assert_int_equal(one, a);
	assert_int_equal(two[0], a);
	assert_int_equal(two[1], a + 8);
}

static void put_words(struct gspace *gs, uint64_t a)
{
	const uint64_t words[2] = { a, a + 8 };

	assert_int_equal(guest_write(gs, gpa(a), words, sizeof(words)), 0);
}

/* Near pages and far ones, in any order: what was found last is of no use. */
static void words_are_found_everywhere(enum commit_policy commit)
{
	static const uint64_t places[] = {
		0x1000,	  0x5ff0,   0x5000,   0x200000,	   0x3ffff0,
		0x600ff0, 0x601000, 0xfffff0, 0x100000000, 0x1001fffe8,
	};
	struct gspace *gs;

	world_boot(64 * MIB);
	world_idle();
	gs = world_vm("a", 16 * MIB, commit);
	for (size_t i = 0; i < ARRAY_SIZE(places) - 2; i++)
		put_words(gs, places[i]);
	for (size_t i = 0; i < ARRAY_SIZE(places) * 7; i++) {
		size_t n = i * 3 % ARRAY_SIZE(places);

		words_are(gs, places[n], n < ARRAY_SIZE(places) - 2);
	}
	world_audit();
	gspace_destroy(gs);
}

static void words_in_small_pages(void **state)
{
	(void)state;
	words_are_found_everywhere(COMMIT_SINGLE);
}

static void words_in_large_pages(void **state)
{
	(void)state;
	words_are_found_everywhere(COMMIT_HUGE);
}

static void words_go_with_their_page(void **state)
{
	struct gspace *gs;
	uint64_t taken;
	hfn_t f;

	(void)state;
	world_boot(64 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_SINGLE);
	words_are(gs, 0x201000, false);
	put_words(gs, 0x201000);
	put_words(gs, 0x202000);
	words_are(gs, 0x201000, true);
	assert_int_equal(gspace_discard(gs, gfn(0x201), 1, &taken), 0);
	words_are(gs, 0x201000, false);
	words_are(gs, 0x202000, true);
	/* Faulty memory is not read, and its neighbours are. */
	put_words(gs, 0x201000);
	assert_int_equal(gspace_frame_at(gs, gfn(0x201), &f), 0);
	assert_int_equal(frame_retire(f), 0);
	words_are(gs, 0x201000, false);
	words_are(gs, 0x202000, true);
	spin_lock(&gs->lock);
	assert_false(guest_quick_begin(gs));
	spin_unlock(&gs->lock);
	world_audit();
	gspace_destroy(gs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_is_put_only_where_a_frame_is),
		cmocka_unit_test(words_in_small_pages),
		cmocka_unit_test(words_in_large_pages),
		cmocka_unit_test(words_go_with_their_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
