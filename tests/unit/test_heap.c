// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel heap: sizes, alignment, contents that stay, misuse that is caught,
 * memory that runs out and comes back; random use against a model.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "mm_world.h"

static const size_t sizes[] = { 1,    8,    16,	  17,	31,   32,    33,
				48,   64,   100,  128,	200,  256,   300,
				512,  700,  768,  900,	1024, 1200,  1361,
				2048, 2049, 4096, 4097, 8192, 20000, 65536 };

static void sizes_are_usable_and_aligned(void **state)
{
	void *p[ARRAY_SIZE(sizes)];
	struct heap_stats st;

	(void)state;
	world_boot(64 * MIB);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];

		p[i] = kmalloc(n);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		if (n <= 4096 && (n & (n - 1)) == 0)
			assert_int_equal((uintptr_t)p[i] % n, 0);
		memset(p[i], (int)i + 1, n);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(((uint8_t *)p[i])[k], i + 1);
	world_audit();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		kfree(p[i]);
	kfree(NULL);
	heap_get_stats(&st);
	assert_int_equal(st.nbytes_used, 0);
	assert_int_equal(st.nr_allocs, st.nr_frees);
	world_audit();
}

static void zeroed_memory_is_zero_after_use(void **state)
{
	(void)state;
	world_boot(64 * MIB);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *p = kmalloc(sizes[i]);

		memset(p, 0xee, sizes[i]);
		kfree(p);
		p = kzalloc(sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
		kfree(p);
	}
	assert_null(kmalloc(~(size_t)0));
	assert_null(kmalloc((size_t)4 << 30));
}

static void misuse_is_a_bug(void **state)
{
	uint64_t *p, *q;
	void *other;

	(void)state;
	world_boot(64 * MIB);
	p = kmalloc(64);
	other = kmalloc(64); /* keeps the slab */
	kfree(p);
	expect_assert_failure(kfree(p));
	world_boot(64 * MIB);
	p = kmalloc(64);
	expect_assert_failure(kfree((char *)p + 16));
	/* Writing after free is found by the next allocation. */
	world_boot(64 * MIB);
	q = kmalloc(64);
	other = kmalloc(64);
	kfree(q);
	q[1] = 0x4141414141414141;
	expect_assert_failure(other = kmalloc(64));
	world_boot(64 * MIB);
	expect_assert_failure(kfree(fake_ram_base + 20 * MIB));
	(void)other;
}

static void running_out_gives_null_and_loses_nothing(void **state)
{
	uint64_t before, n = 0;
	void *head = NULL, *p;

	(void)state;
	world_boot(16 * MIB);
	before = world_free();
	while ((p = kmalloc(1000)) != NULL) {
		*(void **)p = head;
		head = p;
		n++;
	}
	assert_true(n > 8000);
	assert_null(kmalloc(100000));
	while (head) {
		p = *(void **)head;
		kfree(head);
		head = p;
	}
	/* One empty slab of the class is kept. */
	assert_true(before - world_free() <= 1);
	world_audit();
}

struct chunk {
	uint8_t *p;
	size_t nbytes;
	uint8_t fill;
};

static void give_back(struct chunk *c)
{
	for (size_t k = 0; k < c->nbytes; k++)
		assert_int_equal(c->p[k], c->fill);
	kfree(c->p);
	c->p = NULL;
}

static void random_use_agrees_with_the_model(void **state)
{
	static struct chunk chunks[600];

	(void)state;
	world_seed();
	world_boot(64 * MIB);
	for (unsigned step = 0; step < 30000; step++) {
		struct chunk *c = &chunks[rand() % 600];

		if (c->p) {
			give_back(c);
			continue;
		}
		c->nbytes = 1 + (size_t)rand() % (rand() % 8 ? 600 : 9000);
		c->fill = (uint8_t)rand();
		c->p = kmalloc(c->nbytes);
		assert_non_null(c->p);
		memset(c->p, c->fill, c->nbytes);
	}
	world_audit();
	for (unsigned i = 0; i < 600; i++)
		if (chunks[i].p)
			give_back(&chunks[i]);
	world_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_usable_and_aligned),
		cmocka_unit_test(zeroed_memory_is_zero_after_use),
		cmocka_unit_test(misuse_is_a_bug),
		cmocka_unit_test(running_out_gives_null_and_loses_nothing),
		cmocka_unit_test(random_use_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
