// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames: the boot map, blocks of every order, clean and dirty lists, caches,
 * watermarks, chains; random use against a naive model of who owns what.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
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
#include "mm/frame_priv.h"
#include "mm/init.h"
#include "mm/memwait.h"

#define MIB	  (1ull << 20)
#define TOP_FRAME (64 * 256)

/* 64 MiB as a small UEFI machine reports it. */
static const struct boot_mem small_map[] = {
	{ 0x0, 0x9f, BOOT_MEM_USABLE, 0, 8 },
	{ 0x9f000, 1, BOOT_MEM_FIRMWARE, 0, 8 },
	{ 1 * MIB, 255, BOOT_MEM_LOADER, 0, 8 },
	{ 2 * MIB, 512, BOOT_MEM_KERNEL, 0, 8 },
	{ 4 * MIB, 14 * 256, BOOT_MEM_USABLE, 0, 8 },
	{ 18 * MIB, 256, BOOT_MEM_FILE, 0, 8 },
	{ 19 * MIB, 45 * 256 - 16, BOOT_MEM_USABLE, 0, 8 },
	{ 64 * MIB - 0x10000, 16, BOOT_MEM_ACPI, 0, 8 },
	{ 0xfec00000, 1, BOOT_MEM_MMIO, 0, 0 },
};

static void boot(uint64_t reserve)
{
	fake_ram_create(64 * MIB);
	memset(fake_ram_base, 0xdb, 64 * MIB);
	fake_cpu_id = 0;
	assert_int_equal(mm_init(small_map, ARRAY_SIZE(small_map), reserve), 0);
}

/* Each list is whole in both directions, and as long as it should be. */
static void check_lists(const struct zone *z)
{
	for (unsigned k = 0; k < BLOCK_NR_KINDS; k++)
		for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++) {
			uint32_t last = FRAME_NIL;
			uint64_t n = 0;

			for (uint32_t i = z->head[k][o]; i != FRAME_NIL;
			     i = frame_records[i].free.next) {
				assert_int_equal(frame_records[i].free.prev,
						 last);
				last = i;
				n++;
			}
			assert_int_equal(z->tail[k][o], last);
			assert_int_equal(z->nr_blocks[k][o], n);
			assert_int_equal(z->nonempty[k] >> o & 1, n != 0);
		}
}

/* Walks all records; proves lists, counters and types. Returns free frames. */
static uint64_t check_all(void)
{
	uint64_t walked[FRAME_NR_TYPES] = { 0 };
	uint64_t free_kind[BLOCK_NR_KINDS] = { 0 }, total = 0, i;
	struct frame_stats st;

	for (i = 0; i < frame_limit().raw;) {
		struct frame *fr = frame_of(hfn(i));
		uint64_t n = 1ull << fr->order;

		if (fr->flags & FRAME_F_LEAVING)
			n = fr->refs;
		else
			assert_int_equal(i & (n - 1), 0);
		walked[fr->type] += n;
		if (fr->flags & FRAME_F_LISTED)
			free_kind[fr->flags & FRAME_F_CLEAN] += n;
		if (fr->type == FRAME_FREE && fr->flags & FRAME_F_CLEAN)
			assert_true(frames_are_zero(hfn(i), n));
		i += n;
	}
	assert_int_equal(i, frame_limit().raw);
	check_lists(&zones[0]);
	frame_get_stats(&st);
	for (unsigned t = FRAME_FREE; t < FRAME_NR_TYPES; t++) {
		assert_int_equal(walked[t], st.nr_type[t]);
		total += walked[t];
	}
	assert_int_equal(total, st.nr_total);
	assert_int_equal(free_kind[BLOCK_CLEAN], zones[0].nr_free[BLOCK_CLEAN]);
	assert_int_equal(free_kind[BLOCK_DIRTY], zones[0].nr_free[BLOCK_DIRTY]);
	return walked[FRAME_FREE];
}

static void boot_map_is_honoured(void **state)
{
	struct frame_stats st;
	uint64_t low;

	(void)state;
	boot(0);
	check_all();
	frame_get_stats(&st);
	assert_int_equal(frame_limit().raw, TOP_FRAME - 16);
	assert_int_equal(st.nr_type[FRAME_IMAGE], 512);
	assert_int_equal(st.nr_type[FRAME_FILE], 256);
	assert_int_equal(st.nr_type[FRAME_LOADER], 255);
	assert_int_equal(st.nr_type[FRAME_LOW], 0x9e);
	assert_int_equal(st.nr_type[FRAME_FIRMWARE], 2);
	assert_int_equal(st.nr_type[FRAME_RECORDS], TOP_FRAME * 32 / 4096);

	assert_int_equal(mm_take_low_memory(3, &low), 0);
	assert_int_equal(low, 0x1000);
	assert_int_equal(mm_take_low_memory(0x100, &low), -ENOMEM);
	mm_release_loader_memory();
	check_all();
	frame_get_stats(&st);
	assert_int_equal(st.nr_type[FRAME_LOADER] + st.nr_type[FRAME_LOW], 0);
	assert_int_equal(st.nr_type[FRAME_IMAGE], 515);
}

static void hostile_boot_maps_are_refused_or_survived(void **state)
{
	const struct boot_mem none[] = { { 0, 0, BOOT_MEM_USABLE, 0, 8 } };
	const struct boot_mem tiny[] = { { 0x1000, 8, BOOT_MEM_USABLE, 0, 8 } };
	const struct boot_mem odd[] = {
		{ 1 * MIB, 4096, BOOT_MEM_USABLE, 0, 8 },
		{ 8 * MIB, 256, BOOT_MEM_FIRMWARE, 0, 8 }, /* overlaps */
		{ 0x123, 5, BOOT_MEM_USABLE, 0, 8 },	   /* unaligned */
		{ ~0ull << 12, 9, BOOT_MEM_USABLE, 0, 8 }, /* wraps */
		{ 2 * MIB, ~0ull, BOOT_MEM_USABLE, 0, 8 },
		{ 16 * MIB, 4096, 999, 0, 8 }, /* unknown type */
	};
	struct frame_stats st;

	(void)state;
	fake_ram_create(64 * MIB);
	assert_int_equal(mm_init(none, 1, 0), -ENOMEM);
	assert_int_equal(mm_init(tiny, 1, 0), -ENOMEM);
	assert_int_equal(mm_init(odd, ARRAY_SIZE(odd), MIB), 0);
	check_all();
	frame_get_stats(&st);
	/* The unknown type took its 1 MiB of the usable memory away. */
	assert_int_equal(st.nr_total, 4096 - 256);
	assert_int_equal(st.nr_type[FRAME_FIRMWARE], 256);
}

static void zeroed_frames_are_zero_even_from_dirty_memory(void **state)
{
	hfn_t f[64];

	(void)state;
	boot(0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(f); i++) {
			assert_int_equal(
				frame_alloc(i % 3, FRAME_DATA, FA_ZERO, &f[i]),
				0);
			assert_true(frames_are_zero(f[i], 1ull << i % 3));
		}
		for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
			frame_free(f[i], i % 3);
		check_all();
	}
}

static void clean_only_waits_for_the_idle_loop(void **state)
{
	hfn_t f, g;

	(void)state;
	boot(0);
	assert_int_equal(frame_alloc(0, FRAME_DATA, FA_CLEAN_ONLY, &f),
			 -EAGAIN);
	assert_int_equal(frame_alloc(9, FRAME_DATA, FA_CLEAN_ONLY, &g),
			 -EAGAIN);
	while (frame_zero_some())
		;
	check_all();
	assert_int_equal(zones[0].nr_free[BLOCK_DIRTY], 0);
	assert_int_equal(frame_alloc(9, FRAME_DATA, FA_CLEAN_ONLY, &g), 0);
	assert_int_equal(frame_alloc(0, FRAME_DATA, FA_CLEAN_ONLY, &f), 0);
	frame_free_clean(f, 0);
	frame_free(g, 9);
	check_all();
}

/*
 * All memory is free in single frames, none of which merges: of two buddies,
 * the first is clean and the second dirty, or both are taken but every 4th.
 */
static void fragment(bool mixed)
{
	uint64_t nr_free;
	hfn_t *f;

	boot(MIB);
	while (frame_zero_some())
		;
	nr_free = check_all();
	f = malloc(nr_free * sizeof(*f));
	for (uint64_t i = 0; i < nr_free; i++)
		assert_int_equal(
			frame_alloc(0, FRAME_HEAP, FA_ZERO | FA_RESERVE, &f[i]),
			0);
	for (uint64_t i = 0; i < nr_free; i++)
		if (mixed && f[i].raw & 1)
			frame_free(f[i], 0);
		else if (mixed || f[i].raw % 4 == 0)
			frame_free_clean(f[i], 0);
	free(f);
	fake_nr_ways_given = 0;
}

static void mixed_buddies_join_only_when_a_large_block_is_needed(void **state)
{
	uint64_t clean;
	hfn_t g;

	(void)state;
	fragment(true);
	assert_true(zones[0].nonempty[BLOCK_DIRTY] < 4);
	clean = zones[0].nr_free[BLOCK_CLEAN];
	assert_true(clean > 45 * 256 / 3);
	/* Asked for a large one, they do, as many as that takes. */
	assert_int_equal(frame_alloc(9, FRAME_HEAP, 0, &g), 0);
	assert_true(clean - zones[0].nr_free[BLOCK_CLEAN] <
		    clean / 2 + PAGES_2M);
	check_all();
	frame_free(g, 9);
}

/* What frame_alloc() joins while it holds the zone's lock once. */
#define JOINS_AT_ONCE (JOIN_BUDGET / JOIN_COST)

static uint64_t clean_before;

static void few_were_joined(void)
{
	uint64_t now = zones[0].nr_free[BLOCK_CLEAN];

	/* A join takes one clean block, of 256 frames at most. */
	assert_true(clean_before - now <= JOINS_AT_ONCE * 256);
	clean_before = now;
	check_all();
}

static void joining_gives_way_between_pieces(void **state)
{
	hfn_t g;

	(void)state;
	fragment(true);
	clean_before = zones[0].nr_free[BLOCK_CLEAN];
	fake_give_way_hook = few_were_joined;
	assert_int_equal(frame_alloc(9, FRAME_HEAP, 0, &g), 0);
	fake_give_way_hook = NULL;
	assert_true(fake_nr_ways_given >= PAGES_2M / 2 / JOINS_AT_ONCE - 1);
	frame_free(g, 9);
}

static void a_guest_does_one_piece_of_joining_for_each_request(void **state)
{
	unsigned failed = 0;
	hfn_t g;

	(void)state;
	fragment(true);
	clean_before = zones[0].nr_free[BLOCK_CLEAN];
	while (frame_alloc(9, FRAME_DATA, FA_GUEST, &g)) {
		few_were_joined();
		assert_true(++failed < 64 * 256);
	}
	assert_true(failed >= PAGES_2M / 2 / JOINS_AT_ONCE - 1);
	assert_int_equal(fake_nr_ways_given, 0);
	frame_free(g, 9);
}

/* Nothing to join: a sweep ends, in pieces, and the next one waits. */
static void looking_in_vain_is_bounded_too(void **state)
{
	uint64_t n, calls = 0;
	hfn_t g;

	(void)state;
	fragment(false);
	n = zones[0].nr_blocks[BLOCK_CLEAN][0];
	assert_true(n > 2 * JOIN_BUDGET);
	for (;;) {
		assert_int_equal(frame_alloc(9, FRAME_DATA, FA_GUEST, &g),
				 -ENOMEM);
		if (!zones[0].joining)
			break;
		calls++;
		assert_true(zones[0].join_left + calls * JOIN_BUDGET >= n);
	}
	assert_true(calls <= n / (JOIN_BUDGET - JOIN_COST) + 1);
	check_all();
	assert_int_equal(frame_alloc(9, FRAME_DATA, FA_GUEST, &g), -ENOMEM);
	assert_false(zones[0].joining);
}

static void guests_stop_at_the_reserve(void **state)
{
	uint64_t reserve = 4 * MIB / PAGE_SIZE, n = 0, kernel = 0;
	hfn_t f;

	(void)state;
	boot(4 * MIB);
	while (frame_alloc(0, FRAME_DATA, FA_ZERO | FA_GUEST, &f) == 0)
		n++;
	assert_int_equal(zone_nr_free(&zones[0]), reserve);
	assert_false(frame_guest_may_take(1));
	assert_int_equal(frame_alloc(9, FRAME_DATA, FA_GUEST, &f), -ENOMEM);
	while (frame_alloc(0, FRAME_HEAP, 0, &f) == 0)
		kernel++;
	assert_true(kernel > 0);
	assert_int_equal(zone_nr_free(&zones[0]), reserve / 4);
	/* What kernel users put in caches must not leak to guests. */
	assert_int_equal(frame_alloc(0, FRAME_DATA, FA_ZERO | FA_GUEST, &f),
			 -ENOMEM);
	while (frame_alloc(0, FRAME_STAGE2, FA_RESERVE, &f) == 0)
		kernel++;
	assert_int_equal(check_all(), 0);
}

static void chains_free_runs_whole(void **state)
{
	struct frame_chain ch = FRAME_CHAIN_INIT;
	uint64_t before;
	hfn_t f[3], big;

	(void)state;
	boot(0);
	before = check_all();
	assert_int_equal(frame_alloc(9, FRAME_DATA, 0, &big), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f[i]), 0);
	frame_chain_add(&ch, big, 512);
	for (unsigned i = 0; i < 3; i++)
		frame_chain_add(&ch, f[i], 1);
	assert_int_equal(ch.npages, 515);
	check_all();
	frame_free_chain(&ch);
	assert_int_equal(ch.npages, 0);
	assert_int_equal(check_all(), before);
}

/* Many scattered frames: several holds of the lock; the cache stays as it is.
 */
static void long_chains_are_freed_whole(void **state)
{
	static hfn_t f[1001];
	struct frame_chain ch = FRAME_CHAIN_INIT;
	uint64_t before;

	(void)state;
	boot(0);
	before = check_all();
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f[i]), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i += 2)
		frame_chain_add(&ch, f[i], 1);
	check_all();
	frame_free_chain(&ch);
	assert_int_equal(check_all(), before - ARRAY_SIZE(f) / 2);
	for (unsigned i = 1; i < ARRAY_SIZE(f); i += 2)
		frame_chain_add(&ch, f[i], 1);
	frame_free_chain(&ch);
	assert_int_equal(check_all(), before);
	frame_free_chain(&ch);
	assert_int_equal(check_all(), before);
}

static unsigned nr_looks;

bool thread_look_round(void)
{
	nr_looks++;
	return false;
}

/* Zeroing 2 MiB at one go would keep an idle CPU from whoever wants it. */
static void idle_zeroing_looks_round(void **state)
{
	struct frame_stats before, after;
	uint64_t npages;

	(void)state;
	boot(0);
	frame_get_stats(&before);
	nr_looks = 0;
	assert_true(frame_zero_some());
	frame_get_stats(&after);
	npages = after.nr_zeroed_idle - before.nr_zeroed_idle;
	assert_int_equal(npages, PAGES_2M);
	assert_true(nr_looks * 16 >= npages);
}

static void double_free_is_a_bug(void **state)
{
	hfn_t f;

	(void)state;
	boot(0);
	assert_int_equal(frame_alloc(3, FRAME_HEAP, 0, &f), 0);
	expect_assert_failure(frame_free(f, 2));
	frame_free(f, 3);
	expect_assert_failure(frame_free(f, 3));
}

static bool stop_waiting;
static hfn_t hostage;

static void stop_at_first_park(void)
{
	stop_waiting = true;
}

static struct log_source log_source;

static bool is_told_to_stop(void *arg)
{
	(void)arg;
	return stop_waiting;
}

static void free_at_first_park(void)
{
	if (hostage.raw)
		frame_free(hostage, 10);
	hostage = hfn(0);
}

static void take_all_of_guests(void)
{
	hfn_t f;

	while (frame_alloc(0, FRAME_DATA, FA_GUEST, &f) == 0)
		;
}

/* Guests may have no frame more, until somebody frees the hostage. */
static void boot_without_memory(void)
{
	boot(4 * MIB);
	assert_int_equal(frame_alloc(10, FRAME_DATA, 0, &hostage), 0);
	take_all_of_guests();
}

static void waiters_go_on_when_memory_comes_free(void **state)
{
	(void)state;
	boot_without_memory();
	fake_nr_unparks = 0;
	fake_park_hook = free_at_first_park;
	memwait_wait(&log_source, "a", 1, is_told_to_stop, NULL);
	assert_int_equal(fake_nr_unparks, 1);
	assert_true(frame_guest_may_take(512));
	take_all_of_guests();
	fake_park_hook = stop_at_first_park;
	memwait_wait(&log_source, "a", 1, is_told_to_stop, NULL);
	assert_false(memwait_pending());
	fake_park_hook = NULL;
}

#define NR_CROWD 100u

static unsigned nr_in_crowd, nr_woken_at_once;

/* The last of the crowd frees memory. */
static void join_crowd(void)
{
	if (++nr_in_crowd < NR_CROWD) {
		memwait_wait(&log_source, "a", 1, is_told_to_stop, NULL);
		return;
	}
	fake_park_hook = NULL;
	fake_nr_unparks = 0;
	frame_free(hostage, 10);
	nr_woken_at_once = fake_nr_unparks;
}

static void of_many_waiters_few_are_woken_at_once(void **state)
{
	(void)state;
	boot_without_memory();
	stop_waiting = false;
	nr_in_crowd = 0;
	fake_park_hook = join_crowd;
	memwait_wait(&log_source, "a", 1, is_told_to_stop, NULL);
	assert_in_range(nr_woken_at_once, 1, 8);
	/* Each one that leaves has passed it on. */
	assert_true(fake_nr_unparks >= NR_CROWD);
	assert_false(memwait_pending());
}

/* Memory comes free, but who was woken for it leaves as its VM has ended. */
static void end_and_free(void)
{
	fake_park_hook = NULL;
	frame_free(hostage, 10);
	stop_waiting = true;
	fake_nr_unparks = 0;
}

static void park_second(void)
{
	fake_park_hook = end_and_free;
	memwait_wait(&log_source, "b", 1, is_told_to_stop, NULL);
	assert_int_equal(memwait_nr, 1);
	assert_true(fake_nr_unparks >= 1);
}

static void a_waiter_that_is_stopped_passes_it_on(void **state)
{
	(void)state;
	boot_without_memory();
	stop_waiting = false;
	fake_park_hook = park_second;
	memwait_wait(&log_source, "a", 1, is_told_to_stop, NULL);
	assert_false(memwait_pending());
}

/* ---- random use against a model: who owns each frame ---- */

#define NR_HELD 400

static struct held {
	hfn_t first;
	unsigned order;
	bool used;
} held[NR_HELD];
static uint8_t owned[TOP_FRAME];

static void model_take(struct held *h)
{
	unsigned flags = rand() % 4 ? 0 : FA_ZERO;

	h->order = rand() % 8 ? (unsigned)rand() % 4 : (unsigned)rand() % 13;
	fake_cpu_id = (uint32_t)rand() % 4;
	if (frame_alloc(h->order, FRAME_HEAP, flags, &h->first))
		return;
	h->used = true;
	for (uint64_t i = 0; i < 1ull << h->order; i++)
		assert_int_equal(owned[h->first.raw + i]++, 0);
	if (flags)
		assert_true(frames_are_zero(h->first, 1ull << h->order));
	if (!flags || rand() % 2)
		memset(hfn_to_ptr(h->first), 0x77, 64);
}

static void model_give(struct held *h)
{
	for (uint64_t i = 0; i < 1ull << h->order; i++)
		assert_int_equal(owned[h->first.raw + i]--, 1);
	fake_cpu_id = (uint32_t)rand() % 4;
	frame_free(h->first, h->order);
	h->used = false;
}

static void random_use_agrees_with_the_model(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
	uint64_t before;

	(void)state;
	print_message("SEED=%u\n", seed);
	srand(seed);
	boot(MIB);
	before = check_all();
	for (unsigned step = 0; step < 20000; step++) {
		struct held *h = &held[rand() % NR_HELD];

		if (h->used)
			model_give(h);
		else
			model_take(h);
		if (rand() % 64 == 0)
			frame_zero_some();
		if (rand() % 2048 == 0)
			check_all();
	}
	for (unsigned i = 0; i < NR_HELD; i++)
		if (held[i].used)
			model_give(&held[i]);
	assert_int_equal(check_all(), before);
}

static uint64_t nr_retired(void)
{
	struct frame_stats st;

	frame_get_stats(&st);
	return st.nr_type[FRAME_RETIRED];
}

/* Whoever takes all there is never gets any of the n faulty frames. */
static void assert_never_handed_out(const hfn_t *faulty, unsigned n)
{
	hfn_t f;

	while (!frame_alloc(0, FRAME_DATA, FA_RESERVE, &f))
		for (unsigned i = 0; i < n; i++)
			assert_int_not_equal(f.raw, faulty[i].raw);
	assert_int_equal(nr_retired(), n);
	check_all();
}

static void faulty_frames_never_come_back(void **state)
{
	hfn_t f[4], block;

	(void)state;
	boot(0);
	/* Free in a large block; in a cache; in use alone; within a block. */
	f[0] = hfn(30 * MIB / 4096 + 5);
	assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f[1]), 0);
	assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f[2]), 0);
	assert_int_equal(frame_alloc(9, FRAME_DATA, 0, &block), 0);
	f[3] = hfn_add(block, 511);
	frame_free(f[1], 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(frame_retire(f[i]), 0);
		assert_int_equal(frame_retire(f[i]), 0);
	}
	assert_int_equal(nr_retired(), 1);
	check_all();
	frame_free(f[2], 0);
	assert_int_equal(nr_retired(), 2);
	frame_free(block, 9);
	assert_int_equal(nr_retired(), 3);
	check_all();
	while (frame_zero_some())
		;
	assert_never_handed_out(f, 4);
}

/* One that is being freed, by somebody who has seen no faulty frame yet. */
static void a_frame_on_its_way_to_a_cache_is_retired(void **state)
{
	uint32_t nr_bad;
	hfn_t f;

	(void)state;
	boot(0);
	assert_int_equal(frame_alloc(0, FRAME_DATA, 0, &f), 0);
	assert_int_equal(frame_retire(f), 0);
	nr_bad = frame_nr_bad;
	frame_nr_bad = 0;
	frame_free(f, 0);
	frame_nr_bad = nr_bad;
	assert_never_handed_out(&f, 1);
}

static void frames_that_are_no_ram_are_not_retired(void **state)
{
	(void)state;
	boot(0);
	assert_int_equal(frame_retire(frame_limit()), -EINVAL);
	assert_int_equal(frame_retire(hfn(~0ull)), -EINVAL);
	for (uint64_t i = 0; i < 256; i++)
		assert_int_equal(frame_retire(hfn(5000 + 2 * i)), 0);
	assert_int_equal(frame_retire(hfn(4999)), -ENOSPC);
	assert_int_equal(nr_retired(), 256);
	check_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_map_is_honoured),
		cmocka_unit_test(hostile_boot_maps_are_refused_or_survived),
		cmocka_unit_test(zeroed_frames_are_zero_even_from_dirty_memory),
		cmocka_unit_test(clean_only_waits_for_the_idle_loop),
		cmocka_unit_test(
			mixed_buddies_join_only_when_a_large_block_is_needed),
		cmocka_unit_test(joining_gives_way_between_pieces),
		cmocka_unit_test(
			a_guest_does_one_piece_of_joining_for_each_request),
		cmocka_unit_test(looking_in_vain_is_bounded_too),
		cmocka_unit_test(guests_stop_at_the_reserve),
		cmocka_unit_test(chains_free_runs_whole),
		cmocka_unit_test(long_chains_are_freed_whole),
		cmocka_unit_test(idle_zeroing_looks_round),
		cmocka_unit_test(double_free_is_a_bug),
		cmocka_unit_test(faulty_frames_never_come_back),
		cmocka_unit_test(a_frame_on_its_way_to_a_cache_is_retired),
		cmocka_unit_test(frames_that_are_no_ram_are_not_retired),
		cmocka_unit_test(waiters_go_on_when_memory_comes_free),
		cmocka_unit_test(of_many_waiters_few_are_woken_at_once),
		cmocka_unit_test(a_waiter_that_is_stopped_passes_it_on),
		cmocka_unit_test(random_use_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
