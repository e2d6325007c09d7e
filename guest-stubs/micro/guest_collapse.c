/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the balloon took apart is put together again behind the guest's
 * back: does it keep what is written, by whichever CPU and whenever? Wants 2
 * vCPUs. Gives pages of each 2 MiB range away and takes them back, then both
 * CPUs go on checking and changing all of them. mticks=N: for how many million
 * ticks (default 250).
 */
#include "runtime.h"

const char guest_name[] = "collapse";

#define NR_RANGES   8u
#define RANGE_PAGES 512u
#define NR_PAGES    (NR_RANGES * RANGE_PAGES)
#define STRIDE	    8u /* every so manieth page goes away for a while */
#define WORDS	    (PAGE_NBYTES / sizeof(uint64_t))
#define WORD_STEP   64u /* eight words of a page are looked at */

static uint64_t batch[AEROSTAT_BATCH_MAX] __attribute__((aligned(4096)));
static uint32_t version[NR_PAGES]; /* each page's; written by its CPU only */
static volatile uint64_t wrong[2];
static volatile uint64_t rounds[2];
static volatile bool stop, stopped;
static uint64_t first_page;

static volatile uint64_t *page(unsigned i)
{
	return (volatile uint64_t *)((first_page + i) * PAGE_NBYTES);
}

static uint64_t pattern(unsigned i, unsigned word)
{
	return ((uint64_t)version[i] << 32 | i) * 0x9e3779b97f4a7c15ull + word;
}

static void write_page(unsigned i)
{
	for (unsigned w = 0; w < WORDS; w += WORD_STEP)
		page(i)[w] = pattern(i, w);
}

static bool page_is_right(unsigned i)
{
	for (unsigned w = 0; w < WORDS; w += WORD_STEP)
		if (page(i)[w] != pattern(i, w))
			return false;
	return true;
}

/* Even pages are the first CPU's, odd ones the other's. */
static void check_and_change(unsigned cpu)
{
	for (unsigned i = cpu; i < NR_PAGES; i += 2) {
		if (!page_is_right(i))
			wrong[cpu]++;
		version[i]++;
		write_page(i);
	}
	rounds[cpu]++;
}

static void other_cpu(unsigned cpu)
{
	while (!stop)
		check_and_change(cpu);
	stopped = true;
}

/* Takes blocks apart: some pages of the first CPU's go, and come back new. */
static void take_apart(void)
{
	for (unsigned r = 0; r < NR_RANGES; r++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < RANGE_PAGES; i += STRIDE)
			batch[n++] = first_page + r * RANGE_PAGES + i;
		CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)batch, n,
				   0, 0),
			 n);
		CHECK_EQ(hypercall(AEROSTAT_HC_MEM_DEFLATE, (uint64_t)batch, n,
				   0, 0),
			 n);
		for (unsigned i = 0; i < RANGE_PAGES; i += STRIDE)
			write_page(r * RANGE_PAGES + i);
	}
}

void guest_main(void)
{
	uint64_t end;

	first_page = rt_free_start() / PAGE_NBYTES;
	CHECK(first_page + NR_PAGES <= rt_ram_end() / PAGE_NBYTES);
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	for (unsigned i = 0; i < NR_PAGES; i++)
		write_page(i);
	rt_start_cpus(2, other_cpu);
	take_apart();
	end = ticks_now() + rt_option("mticks", 250) * 1000000;
	while (ticks_now() < end)
		check_and_change(0);
	stop = true;
	while (!stopped)
		rt_pause();
	CHECK_EQ(wrong[0], 0);
	CHECK_EQ(wrong[1], 0);
	rt_printf("rounds %lu and %lu\n", rounds[0], rounds[1]);
}
