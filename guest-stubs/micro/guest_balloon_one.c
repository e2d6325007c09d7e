/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a page that one CPU gives away alone gone for all of them? CPU 0 makes
 * calls of one page; the others have just written to those pages, and leave and
 * enter the guest all the time. Wants vcpus=N (default 2); rounds=N.
 */
#include "runtime.h"

const char guest_name[] = "balloon_one";

#define NR_PAGES 96u /* more than the host keeps for itself of such frames */
#define NO_CALL	 (AEROSTAT_HC_BASE + 0xff)

enum phase { WRITE, GONE, WRITTEN, NR_PHASES };

static uint64_t number __attribute__((aligned(8)));
static volatile uint64_t phase; /* 3 * round + enum phase */
static volatile uint64_t reached[RT_MAX_CPUS];
static volatile uint64_t wrong[RT_MAX_CPUS];
static uint64_t first_page;
static unsigned nr_cpus;

/* Each CPU has a word of its own in each page. */
static volatile uint64_t *word(unsigned i, unsigned cpu)
{
	return (volatile uint64_t *)((first_page + i) * PAGE_NBYTES) + cpu;
}

static uint64_t pattern(uint64_t round, unsigned i, unsigned cpu)
{
	return (round << 32 | i << 8 | cpu) * 0x9e3779b97f4a7c15ull | 1;
}

static void work(uint64_t now, unsigned cpu)
{
	uint64_t round = now / NR_PHASES;

	for (unsigned i = 0; i < NR_PAGES; i++) {
		uint64_t mine = *word(i, cpu), first = *word(i, 0);

		switch (now % NR_PHASES) {
		case WRITE: *word(i, cpu) = pattern(round, i, cpu); break;
		case GONE: wrong[cpu] += mine != 0; break;
		/* The first CPU has written, to the page that is there now. */
		default: wrong[cpu] += first != pattern(round, i, 0);
		}
	}
}

static void other_cpu(unsigned cpu)
{
	for (uint64_t done = 0;; done++) {
		/* In and out, now the fast way and now the slow one. */
		while (phase <= done) {
			cpuid_read(0, 0);
			if (cpu % 2)
				hypercall(NO_CALL, 0, 0, 0, 0);
		}
		work(done, cpu);
		reached[cpu] = done + 1;
	}
}

static void all_do(enum phase p, uint64_t round)
{
	uint64_t now = round * NR_PHASES + p;

	phase = now + 1;
	for (unsigned cpu = 1; cpu < nr_cpus; cpu++)
		while (reached[cpu] <= now)
			rt_pause();
}

static void give_away(unsigned i)
{
	number = first_page + i;
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)&number, 1, 0, 0),
		 1);
}

static void one_round(uint64_t round)
{
	for (unsigned i = 0; i < NR_PAGES; i++)
		*word(i, 0) = ~0ull;
	all_do(WRITE, round);
	for (unsigned i = 0; i < NR_PAGES; i++)
		give_away(i);
	all_do(GONE, round);
	for (unsigned i = 0; i < NR_PAGES; i++) {
		CHECK_EQ(*word(i, 0), 0);
		*word(i, 0) = pattern(round, i, 0);
	}
	all_do(WRITTEN, round);
}

void guest_main(void)
{
	uint64_t rounds = rt_option("rounds", 50);

	nr_cpus = (unsigned)rt_option("vcpus", 2);
	first_page = rt_free_start() / PAGE_NBYTES;
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	rt_start_cpus(nr_cpus, other_cpu);
	for (uint64_t round = 0; round < rounds; round++)
		one_round(round);
	for (unsigned cpu = 1; cpu < nr_cpus; cpu++)
		CHECK_EQ(wrong[cpu], 0);
}
