// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The auditor finds each kind of broken accounting, and names the thing.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

/* What a corruption may take hold of. */
struct scene {
	struct gspace *gs;
	uint64_t *small; /* entry of resident page 0x10 */
	hfn_t frame;	 /* its frame */
	hfn_t block;	 /* the block at page 0x400 */
	struct frame *node;
};

static void frame_of_other_page(struct scene *s)
{
	frame_of(s->frame)->index++;
}

static void frame_of_nobody(struct scene *s)
{
	frame_of(s->frame)->owner = NULL;
}

static void frame_of_wrong_type(struct scene *s)
{
	frame_of(s->frame)->type = FRAME_VMX;
}

static void frame_of_wrong_order(struct scene *s)
{
	frame_of(s->block)->order = 8;
}

static void frame_of_no_type(struct scene *s)
{
	frame_of(s->frame)->type = 200;
}

static void entry_points_elsewhere(struct scene *s)
{
	*s->small += PAGE_SIZE;
}

static void entry_outside_ram(struct scene *s)
{
	*s->small = mentry_make(PG_RESIDENT, hfn(1ull << 30));
}

static void entry_lost(struct scene *s)
{
	*s->small = 0;
}

static void counter_of_states_wrong(struct scene *s)
{
	s->gs->ram.nr[PG_RESIDENT]++;
	s->gs->ram.nr[PG_HOLLOW]--;
}

static void size_wrong(struct scene *s)
{
	s->gs->ram.nr[PG_HOLLOW]--;
}

static void node_counter_wrong(struct scene *s)
{
	s->node->private ++;
}

static void node_refs_wrong(struct scene *s)
{
	s->node->refs--;
}

static void node_of_nobody(struct scene *s)
{
	s->node->owner = NULL;
}

static void block_counter_wrong(struct scene *s)
{
	s->gs->ram.nr_blocks[1]++;
}

static void leaf_to_other_frame(struct scene *s)
{
	fake_stage2_corrupt(s->gs->s2, gfn(0x10), s->block, S2_RWX);
}

static void leaf_of_hollow_page(struct scene *s)
{
	fake_stage2_corrupt(s->gs->s2, gfn(0x800), s->block, S2_RWX);
}

static void zero_page_writable(struct scene *s)
{
	fake_stage2_corrupt(s->gs->s2, gfn(0x900), frame_zero(), S2_RWX);
}

static void frame_lost(struct scene *s)
{
	hfn_t f;

	(void)s;
	assert_int_equal(frame_alloc(0, FRAME_VMX, 0, &f), 0);
	frame_of(f)->type = FRAME_FREE;
}

static void frame_leaked(struct scene *s)
{
	hfn_t f;

	(void)s;
	assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f), 0);
}

static void counter_of_type_wrong(struct scene *s)
{
	(void)s;
	frame_count(FRAME_STACK, 1);
}

static const struct {
	const char *what;
	void (*plant)(struct scene *s);
	const char *named; /* must be in the first error */
} corruptions[] = {
	{ "a frame says another page", frame_of_other_page, "page=0x10" },
	{ "a frame says no owner", frame_of_nobody, "page=0x10" },
	{ "a frame of the wrong type", frame_of_wrong_type, "type vmx" },
	{ "a block of the wrong order", frame_of_wrong_order, "order=8" },
	{ "a frame of no type at all", frame_of_no_type, "page=0x10" },
	{ "an entry points elsewhere", entry_points_elsewhere, "page=0x10" },
	{ "an entry points outside RAM", entry_outside_ram, "not RAM" },
	{ "an entry is lost", entry_lost, "object=v" },
	{ "a counter by state is wrong", counter_of_states_wrong, "state 0" },
	{ "the sum is not the size", size_wrong, "state 0" },
	{ "a node's counter is wrong", node_counter_wrong, "counter=" },
	{ "a node's references are wrong", node_refs_wrong, "refs=" },
	{ "a node says no owner", node_of_nobody, "not that node's" },
	{ "the count of blocks is wrong", block_counter_wrong, "2M=2" },
	{ "a leaf maps another frame", leaf_to_other_frame, "gfn=0x10" },
	{ "a leaf over a hollow page", leaf_of_hollow_page, "gfn=0x800" },
	{ "a zero page is writable", zero_page_writable, "gfn=0x900" },
	{ "a frame is lost", frame_lost, "free frames" },
	{ "a data frame is leaked", frame_leaked, "unknown owner" },
	{ "a counter by type is wrong", counter_of_type_wrong, "stack" },
};

static void furnish(struct scene *s)
{
	unsigned level;
	uint8_t byte;

	world_boot(64 * MIB);
	world_idle();
	s->gs = world_vm("v", 16 * MIB, COMMIT_HUGE);
	assert_int_equal(guest_store(s->gs, gfn(0x10), 1), 0);
	assert_int_equal(guest_store(s->gs, gfn(0x400), 1), 0);
	assert_int_equal(guest_load(s->gs, gfn(0x900), &byte), 0);
	s->small = mobject_find_page(&s->gs->ram, 0x10);
	s->frame = mentry_frame(*s->small);
	s->node = mobject_node_of(s->small);
	s->block = mentry_frame(*mobject_walk(&s->gs->ram, 0x400, &level));
	world_audit();
}

static unsigned nr_lines;

static void count_line(void *arg, const char *text)
{
	(void)arg;
	assert_true(strlen(text) > 10);
	nr_lines++;
}

static void each_corruption_is_found_and_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(corruptions); i++) {
		struct audit_report rep;
		struct scene s;

		print_message("  %s\n", corruptions[i].what);
		furnish(&s);
		corruptions[i].plant(&s);
		nr_lines = 0;
		mm_audit(&rep, count_line, NULL);
		print_message("    %s\n", rep.first_error);
		assert_true(rep.nr_errors > 0);
		assert_int_equal(nr_lines, min(rep.nr_errors, 20ull));
		assert_non_null(strstr(rep.first_error, corruptions[i].named));
		fake_stage2_forget(s.gs->s2);
	}
}

static void a_clean_machine_has_no_errors_and_all_is_counted(void **state)
{
	struct audit_report rep;
	struct scene s;

	(void)state;
	furnish(&s);
	mm_audit(&rep, count_line, NULL);
	assert_int_equal(rep.nr_errors, 0);
	assert_int_equal(rep.nr_objects, 1);
	assert_int_equal(rep.nr_object_pages, 0x1000);
	/* 16 around 0x10, a block, a zero page. */
	assert_int_equal(rep.nr_leaves, 16 + 1 + 1);
	assert_int_equal(rep.nr_frames, 63 * 256);
	gspace_destroy(s.gs);
	world_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_corruption_is_found_and_named),
		cmocka_unit_test(
			a_clean_machine_has_no_errors_and_all_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
