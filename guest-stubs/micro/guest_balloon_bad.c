/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A malicious balloon driver: does each lie end in an error and no page lost?
 * Wants mem.min at least 8 MiB below mem.boot.
 */
#include "runtime.h"

const char guest_name[] = "balloon_bad";

static uint64_t batch[AEROSTAT_BATCH_MAX + 8] __attribute__((aligned(4096)));

static int64_t inflate(uint64_t n)
{
	return hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)batch, n, 0, 0);
}

static int64_t deflate(uint64_t n)
{
	return hypercall(AEROSTAT_HC_MEM_DEFLATE, (uint64_t)batch, n, 0, 0);
}

static void fill(uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		batch[i] = first + i;
}

static void check_before_setup(void)
{
	batch[0] = rt_free_start() / PAGE_NBYTES;
	CHECK(inflate(1) < 0);
}

static void check_twice(uint64_t page)
{
	batch[0] = batch[1] = page;
	CHECK_EQ(inflate(2), 1);
	CHECK_EQ(inflate(1), -HC_EINVAL);
	CHECK_EQ(deflate(2), 1);
	CHECK_EQ(deflate(1), -HC_EINVAL);
}

static void check_not_owned(uint64_t page)
{
	static const uint64_t wild[] = { 0xa0,
					 0xd0000,
					 0xfee00,
					 1ull << 28,
					 1ull << 40,
					 1ull << 52,
					 (1ull << 52) | 0x200,
					 0xffffffffffffffff,
					 0x8000000000000000 };

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		batch[0] = wild[i];
		CHECK_EQ(inflate(1), -HC_EINVAL);
		CHECK_EQ(deflate(1), -HC_EINVAL);
		batch[0] = page;
		batch[1] = wild[i];
		batch[2] = page + 1;
		CHECK_EQ(inflate(3), 1);
		CHECK_EQ(deflate(3), 1);
	}
}

static void check_arrays(void)
{
	static const uint64_t counts[] = { AEROSTAT_BATCH_MAX + 1, 1u << 20,
					   1ull << 32, 1ull << 61, ~0ull };
	static const uint64_t places[] = { 0xa0000, 0xd0000000, 1ull << 40,
					   1ull << 63, ~0ull - 7 };

	fill(0, AEROSTAT_BATCH_MAX);
	CHECK_EQ(inflate(0), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		CHECK_EQ(inflate(counts[i]), -HC_E2BIG);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, places[i], 2, 0, 0),
			 -HC_EFAULT);
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)batch + 1, 1, 0,
			   0),
		 -HC_EINVAL);
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, rt_ram_end() - 8, 2, 0, 0),
		 -HC_EFAULT);
}

/* Random numbers of no meaning, many of them near the truth. */
static void check_garbage(uint64_t page)
{
	uint64_t x = 88172645463325252ull;

	for (unsigned round = 0; round < 64; round++) {
		for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			batch[i] =
				x & 1 ? page + (x >> 8) % 1024 : x >> (x % 60);
		}
		/* Never the page of this code, its stack or the batch. */
		for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++) {
			if (batch[i] < page)
				batch[i] += page;
		}
		(void)inflate(AEROSTAT_BATCH_MAX);
		(void)deflate(AEROSTAT_BATCH_MAX);
	}
	/* Everything that may be ballooned comes back. */
	for (uint64_t i = 0; i < (rt_ram_end() / PAGE_NBYTES) - page; i++) {
		batch[0] = page + i;
		(void)deflate(1);
	}
}

static void check_content(uint64_t page)
{
	volatile uint64_t *p = (volatile uint64_t *)(page * PAGE_NBYTES);

	*p = 0x1234;
	batch[0] = page;
	CHECK_EQ(inflate(1), 1);
	/* A touch in spite of the promise: a zeroed frame, not a crash. */
	CHECK_EQ(*p, 0);
	*p = 0x5678;
	CHECK_EQ(*p, 0x5678);
	(void)deflate(1);
	/* A whole batch and back. */
	fill(page + 512, AEROSTAT_BATCH_MAX);
	CHECK_EQ(inflate(AEROSTAT_BATCH_MAX), AEROSTAT_BATCH_MAX);
	fill(page + 512, AEROSTAT_BATCH_MAX);
	CHECK_EQ(deflate(AEROSTAT_BATCH_MAX), AEROSTAT_BATCH_MAX);
	CHECK_EQ(((volatile uint64_t *)(page * PAGE_NBYTES))[512 * 512], 0);
}

/* The balloon can't take the guest below mem.min. */
static void check_limit(uint64_t page)
{
	uint64_t end = rt_ram_end() / PAGE_NBYTES, at = page;
	int64_t n = 0;

	for (; at + AEROSTAT_BATCH_MAX <= end; at += (uint64_t)n) {
		fill(at, AEROSTAT_BATCH_MAX);
		n = inflate(AEROSTAT_BATCH_MAX);
		if (n != AEROSTAT_BATCH_MAX)
			break;
	}
	if (rt_option("expect_limit", 1)) {
		batch[0] = n > 0 ? at + (uint64_t)n : at;
		CHECK_EQ(inflate(1), -HC_ENOSPC);
	}
	for (uint64_t i = page; i < end; i++) {
		batch[0] = i;
		(void)deflate(1);
	}
}

void guest_main(void)
{
	uint64_t page = rt_free_start() / PAGE_NBYTES;

	check_before_setup();
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	check_twice(page);
	check_not_owned(page);
	check_arrays();
	check_content(page);
	check_garbage(page);
	check_limit(page);
	CHECK(hypercall(AEROSTAT_HC_MEM_TARGET, 0, 0, 0, 0) > 0);
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_DISCARD, ~0ull, 2, 0, 0),
		 -HC_EINVAL);
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_DISCARD, page, ~0ull, 0, 0),
		 -HC_E2BIG);
}
