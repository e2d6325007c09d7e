// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest-physical spaces where host memory runs out: nothing changes, at
 * whichever allocation it happens, and who waits is named.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

static hfn_t *hostages;
static uint64_t nr_hostages;

/* Leaves exactly k frames in the whole machine, for anybody. */
static void leave_frames(uint64_t k)
{
	zones[0].min_guest = 0;
	zones[0].min_kernel = 0;
	hostages = malloc(65536 * sizeof(*hostages));
	nr_hostages = 0;
	while (!frame_alloc(0, FRAME_VMX, FA_RESERVE, &hostages[nr_hostages]))
		nr_hostages++;
	for (; k; k--)
		frame_free(hostages[--nr_hostages], 0);
}

static void release_hostages(void)
{
	while (nr_hostages)
		frame_free(hostages[--nr_hostages], 0);
	free(hostages);
}

static int op_write(struct gspace *gs)
{
	return guest_store(gs, gfn(0x805), 1);
}

static int op_read(struct gspace *gs)
{
	uint8_t byte;

	return guest_load(gs, gfn(0x805), &byte);
}

static int op_inflate(struct gspace *gs)
{
	uint64_t g[2] = { 0x805, 0x405 };
	unsigned done;

	return gspace_inflate(gs, g, 2, &done);
}

static int op_deflate(struct gspace *gs)
{
	uint64_t g = 0xc05;
	unsigned done;

	return gspace_deflate(gs, &g, 1, &done);
}

static int op_touch_ballooned(struct gspace *gs)
{
	return guest_store(gs, gfn(0xc05), 1);
}

static int op_discard(struct gspace *gs)
{
	uint64_t taken;

	return gspace_discard(gs, gfn(0x405), 1, &taken);
}

static int op_write_by_host(struct gspace *gs)
{
	return guest_write(gs, gpa(0x805000), "x", 1);
}

static int op_write_over_zero(struct gspace *gs)
{
	return guest_store(gs, gfn(0xa05), 1);
}

static const struct {
	const char *what;
	int (*op)(struct gspace *gs);
} ops[] = {
	{ "write", op_write },
	{ "read", op_read },
	{ "inflate", op_inflate },
	{ "deflate", op_deflate },
	{ "touch ballooned", op_touch_ballooned },
	{ "discard", op_discard },
	{ "write by host", op_write_by_host },
	{ "write over zero", op_write_over_zero },
};

/* Blocks at 0x400, 0xc00 (ballooned), a zero page at 0xa05. */
static struct gspace *furnished_vm(void)
{
	uint64_t gfns[512];
	struct gspace *gs;
	unsigned done;
	uint8_t byte;

	gs = world_vm("a", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(gs, gfn(0x400), 1), 0);
	assert_int_equal(guest_store(gs, gfn(0xc00), 1), 0);
	assert_int_equal(guest_load(gs, gfn(0xa05), &byte), 0);
	for (unsigned i = 0; i < 512; i++)
		gfns[i] = 0xc00 + i;
	assert_int_equal(gspace_inflate(gs, gfns, 512, &done), 0);
	return gs;
}

static void try_with_frames(unsigned i, uint64_t k, bool *ok)
{
	struct gspace_stats before, after;
	uint64_t nr_nodes;
	struct gspace *gs;
	int err;

	world_boot(32 * MIB);
	world_idle();
	gs = furnished_vm();
	leave_frames(k);
	before = stats_of(gs);
	nr_nodes = gs->ram.nr_nodes;
	err = ops[i].op(gs);
	after = stats_of(gs);
	*ok = err == 0;
	if (err) {
		assert_int_equal(err, -ENOMEM);
		/* A batch may be half done; else nothing happened. */
		if (ops[i].op != op_inflate)
			assert_memory_equal(before.state, after.state,
					    sizeof(before.state));
		/* Nor are nodes left behind that hold nothing. */
		if (ops[i].op != op_inflate)
			assert_in_range(gs->ram.nr_nodes, 1, nr_nodes);
	}
	release_hostages();
	world_audit();
	/* With memory there again it goes through; a batch goes on. */
	if (err && ops[i].op != op_inflate)
		assert_int_equal(ops[i].op(gs), 0);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

static void failing_at_any_allocation_changes_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		bool ok = false;
		uint64_t k;

		for (k = 0; !ok; k++) {
			assert_in_range(k, 0, 12);
			try_with_frames(i, k, &ok);
		}
		print_message("  %s: needs %u frames\n", ops[i].what,
			      (unsigned)k - 1);
	}
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void a_vm_waits_at_the_reserve_and_is_named(void **state)
{
	struct gspace *gs;
	uint64_t g;
	int err = 0;

	(void)state;
	world_boot(16 * MIB);
	gs = world_vm("hungry", 32 * MIB, COMMIT_AROUND);
	for (g = 0x200; g < 0x2000 && !err; g++)
		err = guest_store(gs, gfn(g), 1);
	assert_int_equal(err, -ENOMEM);
	assert_true(world_free() >= MIB / PAGE_SIZE);
	gspace_wait_memory(gs, at_once, NULL);
	assert_non_null(strstr(fake_log_last, "vm=hungry"));
	assert_int_equal(stats_of(gs).nr_waits, 1);
	assert_false(stats_of(gs).waiting);
	world_audit();
	gspace_destroy(gs);
	world_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_at_any_allocation_changes_nothing),
		cmocka_unit_test(a_vm_waits_at_the_reserve_and_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
