/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What does an elementary operation cost, seen by a guest? Prints one line
 * "bench NAME TICKS" for each; tests/bench runs it under several
 * configurations. With `balloon=1` in the command line it measures batches of
 * the balloon instead of first touch and reclaim.
 */
#include "runtime.h"

const char guest_name[] = "bench";

#define ROUNDS	    1000u
#define TOUCH_BASE  (16 * MIB)
#define TOUCH_PAGES 4096u
#define NR_BATCHES  (TOUCH_PAGES / AEROSTAT_BATCH_MAX)

static uint64_t gfns[AEROSTAT_BATCH_MAX] __attribute__((aligned(4096)));

/* Prints total / n with one digit behind the point. */
static void report(const char *name, uint64_t total, uint64_t n)
{
	uint64_t tenths = (total * 10 + n / 2) / n;

	rt_printf("bench %s %lu.%lu\n", name, tenths / 10, tenths % 10);
}

static uint64_t loop_ticks(void)
{
	uint64_t start = ticks_now();

	for (unsigned i = 0; i < ROUNDS; i++)
		__asm__ volatile("");
	return ticks_now() - start;
}

static void measure_hypercall(void)
{
	uint64_t loop = loop_ticks(), start = ticks_now();

	for (unsigned i = 0; i < ROUNDS; i++)
		hypercall(AEROSTAT_HC_VERSION, 0, 0, 0, 0);
	report("hypercall", ticks_now() - start - loop, ROUNDS);
}

static void measure_cpuid(void)
{
	uint64_t loop = loop_ticks(), start = ticks_now();

	for (unsigned i = 0; i < ROUNDS; i++)
		cpuid_read(0, 0);
	report("cpuid", ticks_now() - start - loop, ROUNDS);
}

/* Writes one word into each page of the touched range; ticks. */
static uint64_t touch(void)
{
	uint64_t start = ticks_now();

	for (unsigned i = 0; i < TOUCH_PAGES; i++)
		*(volatile uint32_t *)(TOUCH_BASE + i * PAGE_NBYTES) = 1;
	return ticks_now() - start;
}

static void measure_touch(const char *name)
{
	uint64_t first = touch();

	/* The second time, all is there: what the loop itself costs. */
	report(name, first - touch(), TOUCH_PAGES);
}

static void measure_reclaim(void)
{
	uint64_t start = ticks_now();
	int64_t taken = hypercall(AEROSTAT_HC_MEM_DISCARD,
				  TOUCH_BASE / PAGE_NBYTES, TOUCH_PAGES, 0, 0);

	report("reclaim", ticks_now() - start, TOUCH_PAGES);
	CHECK_EQ(taken, TOUCH_PAGES);
}

/* Every page once, but no two of a batch are neighbours. */
static void batch_fill(unsigned batch)
{
	for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++)
		gfns[i] = TOUCH_BASE / PAGE_NBYTES + i * NR_BATCHES + batch;
}

static void measure_batches(const char *name, uint64_t call)
{
	uint64_t ticks = 0, start;

	for (unsigned batch = 0; batch < NR_BATCHES; batch++) {
		batch_fill(batch);
		start = ticks_now();
		CHECK_EQ(hypercall(call, (uint64_t)gfns, AEROSTAT_BATCH_MAX, 0,
				   0),
			 AEROSTAT_BATCH_MAX);
		ticks += ticks_now() - start;
	}
	report(name, ticks, TOUCH_PAGES);
}

void guest_main(void)
{
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	CHECK(rt_free_start() <= TOUCH_BASE);
	CHECK(rt_ram_end() >= TOUCH_BASE + TOUCH_PAGES * PAGE_NBYTES);
	if (rt_option("balloon", 0)) {
		touch();
		measure_batches("inflate", AEROSTAT_HC_MEM_INFLATE);
		measure_batches("deflate", AEROSTAT_HC_MEM_DEFLATE);
		return;
	}
	measure_hypercall();
	measure_cpuid();
	measure_touch("first_touch");
	measure_reclaim();
	measure_touch("touch_again");
}
