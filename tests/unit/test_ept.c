// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPT tables against a naive model: one array that says for each guest page
 * which frame it maps to, with which permissions and in a leaf of what size.
 *
 * Sources: vmx/ept.c mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c
 * Sources: mm/retire.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "fakes/fakes.h"
#include "kernel/lib/errno.h"
#include "mm/frame.h"
#include "mm/init.h"
#include "vmx/ept.h"
#include "vmx/ept_format.h"

#define MIB	    (1ull << 20)
#define MODEL_PAGES (8 * PAGES_2M) /* 16 MiB of guest, from 1 GiB - 8 MiB */
#define MODEL_BASE  (PAGES_1G - 4 * PAGES_2M)

struct model_page {
	bool present;
	uint64_t hfn;
	unsigned perms, order;
};

static struct model_page model[MODEL_PAGES];
static struct stage2 *s2;

static const struct boot_mem map[] = {
	{ 1 * MIB, 255 * 256, BOOT_MEM_USABLE, 0, 8 },
};

static int setup(void **state)
{
	(void)state;
	fake_ram_create(256 * MIB);
	fake_cpu_id = 0;
	assert_int_equal(mm_init(map, 1, 0), 0);
	ept_caps = (struct ept_caps){ true, true, true };
	memset(model, 0, sizeof(model));
	assert_int_equal(stage2_create(&s2), 0);
	return 0;
}

static int teardown(void **state)
{
	struct frame_stats st;

	(void)state;
	stage2_destroy(s2);
	frame_get_stats(&st);
	assert_int_equal(st.nr_type[FRAME_STAGE2], 0);
	fake_ram_destroy();
	return 0;
}

static void check_page(uint64_t i)
{
	const struct model_page *m = &model[i];
	struct stage2_leaf l;
	uint64_t at = MODEL_BASE + i;
	bool present = stage2_lookup(s2, gfn(at), &l);

	assert_int_equal(present, m->present);
	if (!present)
		return;
	assert_int_equal(l.order, m->order);
	assert_int_equal(l.perms, m->perms);
	assert_int_equal(l.first.raw + (at - l.gfn.raw), m->hfn);
}

static void check_page_is_gone(uint64_t i)
{
	struct stage2_leaf l;

	assert_false(stage2_lookup(s2, gfn(MODEL_BASE + i), &l));
}

static void check_all(void)
{
	for (uint64_t i = 0; i < MODEL_PAGES; i++)
		check_page(i);
}

/* True if every page of the 2 MiB range at i is absent from the model. */
static bool model_range_empty(uint64_t i)
{
	for (uint64_t k = 0; k < PAGES_2M; k++)
		if (model[i + k].present)
			return false;
	return true;
}

static void op_map_4k(void)
{
	uint64_t i = (uint64_t)rand() % MODEL_PAGES;
	uint64_t h = 0x100000 + (uint64_t)rand() % 0x10000;
	unsigned perms = (unsigned)(1 + rand() % 7) | S2_READ;
	int err = stage2_map(s2, gfn(MODEL_BASE + i), hfn(h), 0, perms);

	if (model[i].present && model[i].order == ORDER_2M) {
		assert_int_equal(err, -EEXIST);
		return;
	}
	assert_int_equal(err, 0);
	model[i] = (struct model_page){ true, h, perms, 0 };
}

static void op_map_2m(void)
{
	uint64_t i = (uint64_t)rand() % MODEL_PAGES & ~(PAGES_2M - 1);
	uint64_t h = 0x200000 + ((uint64_t)rand() % 64 << ORDER_2M);
	int err = stage2_map(s2, gfn(MODEL_BASE + i), hfn(h), ORDER_2M, S2_RWX);

	if (!model_range_empty(i) && model[i].order != ORDER_2M) {
		assert_int_equal(err, -EEXIST);
		return;
	}
	if (err == -EEXIST) {
		/* A large leaf covers it or small ones do. */
		assert_false(model_range_empty(i));
		return;
	}
	assert_int_equal(err, 0);
	for (uint64_t k = 0; k < PAGES_2M; k++)
		model[i + k] =
			(struct model_page){ true, h + k, S2_RWX, ORDER_2M };
}

static void model_split(uint64_t i)
{
	i &= ~(PAGES_2M - 1);
	for (uint64_t k = 0; k < PAGES_2M; k++)
		if (model[i + k].order == ORDER_2M)
			model[i + k].order = 0;
}

static void op_split(void)
{
	uint64_t i = (uint64_t)rand() % MODEL_PAGES;

	assert_int_equal(stage2_split(s2, gfn(MODEL_BASE + i), ORDER_2M), 0);
	model_split(i);
}

static void op_unmap_page(void)
{
	struct stage2_cursor c = S2_CURSOR_INIT;
	uint64_t i = (uint64_t)rand() % MODEL_PAGES;

	for (unsigned n = 0; n < 20 && i < MODEL_PAGES; n++, i++) {
		if (model[i].present && model[i].order)
			return;
		assert_int_equal(stage2_unmap_page(s2, &c, gfn(MODEL_BASE + i)),
				 model[i].present);
		model[i] = (struct model_page){ 0 };
	}
}

/* Random ones of a 2 MiB range that no large leaf maps. */
static void op_unmap_pages(void)
{
	uint64_t base = (uint64_t)rand() % MODEL_PAGES & ~(PAGES_2M - 1);
	unsigned n = (unsigned)rand() % 20;
	uint64_t gfns[20];
	bool any = false;

	if (model[base].present && model[base].order)
		return;
	for (unsigned k = 0; k < n; k++) {
		uint64_t i = base + (uint64_t)rand() % PAGES_2M;

		gfns[k] = MODEL_BASE + i;
		any |= model[i].present;
		model[i] = (struct model_page){ 0 };
	}
	assert_int_equal(stage2_unmap_pages(s2, gfns, n), any);
}

/* Out and in again, or out for good. */
static void op_leaf_take(void)
{
	uint64_t i = (uint64_t)rand() % MODEL_PAGES;
	bool small = model[i].present && !model[i].order;
	uint64_t leaf = stage2_leaf_take(s2, gfn(MODEL_BASE + i));

	assert_int_equal(leaf != 0, small);
	if (!leaf)
		return;
	check_page_is_gone(i);
	if (rand() % 2)
		stage2_leaf_put_back(s2, gfn(MODEL_BASE + i), leaf);
	else
		model[i] = (struct model_page){ 0 };
	check_page(i);
}

static void op_unmap_range(void)
{
	uint64_t i = (uint64_t)rand() % MODEL_PAGES;
	uint64_t n = (uint64_t)rand() % (MODEL_PAGES - i) + 1;
	bool was, any = false;

	if (i & (PAGES_2M - 1))
		model_split(i);
	if ((i + n) & (PAGES_2M - 1))
		model_split(i + n - 1);
	for (uint64_t k = i; k < i + n; k++) {
		any |= model[k].present;
		model[k] = (struct model_page){ 0 };
	}
	assert_int_equal(stage2_unmap_range(s2, gfn(MODEL_BASE + i), n, &was),
			 0);
	/* An unlinked empty table counts too: it has to be flushed out. */
	assert_true(was || !any);
	stage2_free_retired(s2, stage2_take_retired(s2));
}

static void random_operations_agree_with_the_model(void **state)
{
	static void (*const ops[])(void) = {
		op_map_4k,    op_map_4k,    op_map_4k,	    op_map_2m,
		op_split,     op_split,	    op_unmap_page,  op_unmap_pages,
		op_leaf_take, op_leaf_take, op_unmap_range,
	};
	unsigned seed = (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned i = 0; i < 3000; i++) {
		ops[(unsigned)rand() % ARRAY_SIZE(ops)]();
		if (i % 50 == 0)
			check_all();
	}
	check_all();
}

static void a_1g_leaf_splits_twice(void **state)
{
	struct stage2_leaf l;

	(void)state;
	assert_int_equal(
		stage2_map(s2, gfn(0), hfn(PAGES_1G), ORDER_1G, S2_RWX), 0);
	assert_int_equal(stage2_split(s2, gfn(5), ORDER_1G), 0);
	assert_true(stage2_lookup(s2, gfn(1000), &l));
	assert_int_equal(l.order, ORDER_2M);
	assert_int_equal(l.first.raw, PAGES_1G + 512);
	assert_int_equal(stage2_split(s2, gfn(1000), ORDER_2M), 0);
	assert_true(stage2_lookup(s2, gfn(1000), &l));
	assert_int_equal(l.order, ORDER_4K);
	assert_int_equal(l.first.raw, PAGES_1G + 1000);
	assert_int_equal(stage2_nr_tables(s2), 4);
}

static void (*retiring)(void); /* when a table goes to the retired ones */

void spin_lock(struct spinlock *l)
{
	if (retiring && l == &s2->retired_lock)
		retiring();
	assert_true(spin_trylock(l));
}

/* A flush of another CPU may free the table from this moment on. */
static void check_unlinked(void)
{
	struct stage2_leaf l;

	assert_true(stage2_lookup(s2, gfn(512), &l));
	assert_int_equal(l.order, ORDER_2M);
	retiring = NULL;
}

/* An empty table gives way to a large leaf; its frame waits for the flush. */
static void an_empty_table_is_replaced(void **state)
{
	struct stage2_cursor c = S2_CURSOR_INIT;
	uint64_t before;

	(void)state;
	assert_int_equal(stage2_map(s2, gfn(512), hfn(7), 0, S2_READ), 0);
	assert_int_equal(stage2_map(s2, gfn(512), hfn(512), ORDER_2M, S2_RWX),
			 -EEXIST);
	assert_true(stage2_unmap_page(s2, &c, gfn(512)));
	before = stage2_nr_tables(s2);
	retiring = check_unlinked;
	assert_int_equal(stage2_map(s2, gfn(512), hfn(512), ORDER_2M, S2_RWX),
			 0);
	assert_null(retiring);
	assert_int_equal(stage2_nr_tables(s2), before);
	stage2_free_retired(s2, stage2_take_retired(s2));
	assert_int_equal(stage2_nr_tables(s2), before - 1);
}

static void leaves_are_write_back(void **state)
{
	(void)state;
	assert_int_equal(stage2_map(s2, gfn(3), hfn(9), 0, S2_READ), 0);
	assert_int_equal(s2->last.table[3], 9 << 12 | 6 << 3 | BIT(6) | 1);
	assert_int_equal(s2->eptp & 0xfff, 6 | 3 << 3 | BIT(6));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(random_operations_agree_with_the_model),
		CASE(a_1g_leaf_splits_twice),
		CASE(an_empty_table_is_replaced),
		CASE(leaves_are_write_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
