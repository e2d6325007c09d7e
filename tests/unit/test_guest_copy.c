// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Single bytes that the hypervisor and a guest hand each other in guest memory.
 * Longer copies: test_gspace.c.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

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
	assert_false(guest_quick_put8(gs, gpa(1ull << 40), 1));
	assert_int_equal(guest_take8(gs, gpa(1ull << 40), &old), -EFAULT);
	world_audit();
	gspace_destroy(gs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_is_put_only_where_a_frame_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
