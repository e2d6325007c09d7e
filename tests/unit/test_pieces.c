// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Long work on guest memory gives way between pieces, without a lock, and comes
 * out right whatever others do to the space meanwhile.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "kernel/lib/x86.h"
#include "mm/audit_priv.h"
#include "mm_world.h"

#define HOST_MIB  320
#define GUEST_MIB 192
#define BLOCKS	  (GUEST_MIB / 2 - 2) /* whole ones behind the VGA hole */

static struct gspace *guest;
static unsigned seed;

/* The first page of 2 MiB block i of the guest, from 2 MiB on. */
static gfn_t block(unsigned i)
{
	return gfn((i + 1ull) * PAGES_2M);
}

static void world(void)
{
	fake_give_way_hook = NULL;
	world_boot(HOST_MIB * MIB);
	guest = world_vm("v", GUEST_MIB * MIB, COMMIT_HUGE);
}

static void end_world(void)
{
	fake_give_way_hook = NULL;
	world_audit();
	gspace_destroy(guest);
	world_audit();
}

/* All of the guest's blocks, committed as such. */
static void fill(void)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(guest_store(guest, block(i), 1), 0);
}

/* One page of each block goes away: 511 small ones are left. */
static unsigned inflate_one_of_each(unsigned at)
{
	uint64_t gfns[BLOCKS];
	unsigned done;

	for (unsigned i = 0; i < BLOCKS; i++)
		gfns[i] = block(i).raw + at;
	assert_int_equal(gspace_inflate(guest, gfns, BLOCKS, &done), 0);
	return done;
}

/* What another vCPU does: a page here or there, back and forth. */
static void meddle(void)
{
	unsigned b = (unsigned)rand_r(&seed) % BLOCKS;
	uint64_t g = block(b).raw + (unsigned)rand_r(&seed) % PAGES_2M, taken;
	unsigned done;

	switch (rand_r(&seed) % 4) {
	case 0: (void)guest_store(guest, gfn(g), 2); break;
	case 1: (void)!gspace_discard(guest, gfn(g), 1, &taken); break;
	case 2: (void)!gspace_inflate(guest, &g, 1, &done); break;
	default: (void)!gspace_deflate(guest, &g, 1, &done); break;
	}
}

/* Meddling gives way itself: once is enough. */
static void meddle_once(void)
{
	fake_give_way_hook = NULL;
	for (unsigned i = 0; i < 4; i++)
		meddle();
	fake_give_way_hook = meddle_once;
}

static void dividing_many_blocks_gives_way(void **state)
{
	(void)state;
	world();
	fill();
	fake_nr_ways_given = 0;
	assert_int_equal(inflate_one_of_each(7), BLOCKS);
	assert_in_range(fake_nr_ways_given, BLOCKS / 8 - 1, BLOCKS);
	end_world();
}

static void a_batch_survives_meddling(void **state)
{
	uint64_t gfns[BLOCKS];
	unsigned done;
	int err;

	(void)state;
	world();
	fill();
	seed = world_seed();
	for (unsigned i = 0; i < BLOCKS; i++)
		gfns[i] = block(i).raw + i;
	fake_give_way_hook = meddle_once;
	err = gspace_inflate(guest, gfns, BLOCKS, &done);
	/* Somebody else may have inflated a page of the batch. */
	assert_true(err == 0 || err == -EINVAL);
	assert_int_equal(err == 0, done == BLOCKS);
	end_world();
}

static void discarding_much_gives_way(void **state)
{
	uint64_t taken, npages = (uint64_t)BLOCKS * PAGES_2M;

	(void)state;
	world();
	fill();
	assert_int_equal(inflate_one_of_each(0), BLOCKS);
	fake_nr_ways_given = 0;
	assert_int_equal(gspace_discard(guest, block(0), npages, &taken), 0);
	assert_int_equal(taken, npages - BLOCKS);
	assert_in_range(fake_nr_ways_given, npages / GSPACE_PIECE, 2 * BLOCKS);
	end_world();
}

static void discarding_survives_meddling(void **state)
{
	uint64_t taken;

	(void)state;
	world();
	fill();
	seed = world_seed();
	(void)inflate_one_of_each(1);
	fake_give_way_hook = meddle_once;
	assert_int_equal(gspace_discard(guest, block(0),
					(uint64_t)BLOCKS * PAGES_2M, &taken),
			 0);
	end_world();
}

static void freeing_a_vm_gives_way(void **state)
{
	(void)state;
	world();
	fill();
	(void)inflate_one_of_each(511);
	fake_nr_ways_given = 0;
	gspace_reset(guest);
	assert_true(fake_nr_ways_given >= BLOCKS * PAGES_2M / GSPACE_PIECE);
	assert_int_equal(guest->ram.nr[PG_RESIDENT], 0);
	assert_int_equal(guest->ram.nr[PG_BALLOONED], 0);
	end_world();
}

/* No false alarm, however much changes while it walks. */
static void the_auditor_survives_meddling(void **state)
{
	(void)state;
	world();
	fill();
	seed = world_seed();
	(void)inflate_one_of_each(3);
	for (unsigned i = 0; i < 3; i++) {
		struct audit_report rep;

		fake_give_way_hook = meddle_once;
		mm_audit(&rep, print_line, NULL);
		fake_give_way_hook = NULL;
		assert_string_equal(rep.first_error, "");
	}
	end_world();
}

static void the_auditor_gives_way(void **state)
{
	(void)state;
	world();
	fill();
	(void)inflate_one_of_each(3);
	fake_nr_ways_given = 0;
	world_audit();
	/* Entries, leaves and records of each block's pages. */
	assert_true(fake_nr_ways_given > 2 * BLOCKS);
	end_world();
}

/* The block that small pages are copied to is nobody's until they are there. */
static unsigned nr_looks;

void thread_yield(void)
{
	struct audit_report rep = { 0 };
	struct audit a = { .out = &rep };

	if (!nr_looks++)
		audit_frames(&a);
	assert_string_equal(rep.first_error, "");
}

static void the_auditor_meets_a_block_being_filled(void **state)
{
	uint64_t gfns[BLOCKS];
	unsigned done;

	(void)state;
	world();
	fill();
	(void)inflate_one_of_each(5);
	for (unsigned i = 0; i < BLOCKS; i++)
		gfns[i] = block(i).raw + 5;
	assert_int_equal(gspace_deflate(guest, gfns, BLOCKS, &done), 0);
	for (unsigned i = BLOCKS; i-- > 0;)
		assert_int_equal(guest_store(guest, gfn(gfns[i]), 1), 0);
	nr_looks = 0;
	while (!nr_looks)
		assert_int_not_equal(gspace_collapse_some(), COLLAPSE_NOTHING);
	end_world();
}

/* A faulty frame stays in its guest until that ends; nobody reads it. */
static void faulty_frames_are_not_touched(void **state)
{
	uint64_t gfns[2] = { 0x405, 0x406 };
	struct gspace *gs;
	unsigned done;
	char byte;
	hfn_t f;

	(void)state;
	world_boot(128 * MIB);
	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	assert_int_equal(gspace_inflate(gs, gfns, 2, &done), 0);
	assert_int_equal(gspace_deflate(gs, gfns, 2, &done), 0);
	assert_int_equal(guest_store(gs, gfn(0x406), 1), 0);
	assert_int_equal(guest_store(gs, gfn(0x405), 1), 0);
	assert_int_equal(gspace_frame_at(gs, gfn(0x410), &f), 0);
	assert_int_equal(frame_retire(f), 0);
	assert_int_equal(guest_read(gs, gpa(0x410000), &byte, 1), -EFAULT);
	assert_int_equal(guest_write(gs, gpa(0x410000), &byte, 1), -EFAULT);
	assert_int_equal(guest_read(gs, gpa(0x411000), &byte, 1), 0);
	nr_looks = 1;
	while (gspace_collapse_some() != COLLAPSE_NOTHING)
		;
	assert_int_equal((int)gs->count.nr_collapses, 0);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

/* A VM that ends while it is audited isn't missed and isn't touched. */
static void end_guest(void)
{
	fake_give_way_hook = NULL;
	gspace_reset(guest);
}

static void a_vm_may_end_during_an_audit(void **state)
{
	struct audit_report rep;

	(void)state;
	world();
	fill();
	fake_give_way_hook = end_guest;
	mm_audit(&rep, print_line, NULL);
	assert_string_equal(rep.first_error, "");
	end_world();
}

/* Another CPU holds the lock: the fast path goes the slow way. */
static void the_fast_path_waits_for_no_lock(void **state)
{
	(void)state;
	world();
	guest->lock.locked = 1;
	assert_int_equal(gspace_fault(guest, block(0), GA_WRITE, GF_ATOMIC),
			 -EAGAIN);
	guest->lock.locked = 0;
	fake_irqs_off = true;
	zones[0].lock.locked = 1;
	assert_true(gspace_fault(guest, block(0), GA_WRITE, GF_ATOMIC) < 0);
	zones[0].lock.locked = 0;
	fake_irqs_off = false;
	assert_int_equal(guest_store(guest, block(0), 1), 0);
	end_world();
}

/* A few bytes may commit two blocks; zeroing them gives way by itself. */
static void a_copy_gives_way_behind_each_block(void **state)
{
	const uint64_t value = 0x0123456789abcdef;
	gpa_t at = gpa((block(1).raw << PAGE_SHIFT) - sizeof(value) / 2);

	(void)state;
	world();
	world_idle();
	fake_nr_ways_given = 0;
	assert_int_equal(guest_write(guest, at, &value, sizeof(value)), 0);
	assert_int_equal(fake_nr_ways_given, 2);
	end_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dividing_many_blocks_gives_way),
		cmocka_unit_test(a_batch_survives_meddling),
		cmocka_unit_test(discarding_much_gives_way),
		cmocka_unit_test(discarding_survives_meddling),
		cmocka_unit_test(freeing_a_vm_gives_way),
		cmocka_unit_test(the_auditor_survives_meddling),
		cmocka_unit_test(the_auditor_gives_way),
		cmocka_unit_test(the_auditor_meets_a_block_being_filled),
		cmocka_unit_test(faulty_frames_are_not_touched),
		cmocka_unit_test(a_vm_may_end_during_an_audit),
		cmocka_unit_test(the_fast_path_waits_for_no_lock),
		cmocka_unit_test(a_copy_gives_way_behind_each_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
