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
#define XAPIC_EOI   0xfee000b0u
#define PIC_MASK    0x21 /* the master 8259's mask register */

static uint64_t gfns[AEROSTAT_BATCH_MAX] __attribute__((aligned(4096)));

/* Prints total / n with one digit behind the point. */
static void report(const char *name, uint64_t total, uint64_t n)
{
	uint64_t tenths = (total * 10 + n / 2) / n;

	rt_printf("bench %s %lu.%lu\n", name, tenths / 10, tenths % 10);
}

/*
 * Loops of nothing but the instruction in question and what it takes to ask
 * again, as the guest on KVM's side has them.
 */
#define LOOP(insn)                                                             \
	({                                                                     \
		uint64_t start_ = ticks_now();                                 \
		unsigned rounds_ = ROUNDS;                                     \
		__asm__ volatile(                                              \
			"1: " insn "\n\tdec %0\n\tjnz 1b"                      \
			: "+S"(rounds_)                                        \
			: "D"((uint32_t)AEROSTAT_HC_MEM_TARGET),               \
			  [port] "n"(PIC_MASK), [eoi] "r"((uint64_t)XAPIC_EOI) \
			: "rax", "rbx", "rcx", "rdx", "memory");               \
		ticks_now() - start_;                                          \
	})

static void measure_exits(void)
{
	uint64_t empty = LOOP("");

	/* What aerostat.ko asks at each interrupt of the memory device. */
	report("hypercall", LOOP("mov %%edi, %%eax; vmcall") - empty, ROUNDS);
	report("cpuid",
	       LOOP("xor %%eax, %%eax; xor %%ecx, %%ecx; cpuid") - empty,
	       ROUNDS);
	report("pio", LOOP("in %[port], %%al") - empty, ROUNDS);
	report("xapic_eoi", LOOP("movl $0, (%[eoi])") - empty, ROUNDS);
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

/* How the pages of a batch lie. */
struct pattern {
	const char *inflate, *deflate; /* names of the figures */
	unsigned first, step, next;    /* page of batch b, entry i: */
	unsigned nr_batches;	       /*   first + b * next + i * step */
};

static const struct pattern patterns[] = {
	/* As a guest's allocator gives them out: runs, aligned to nothing. */
	{ "inflate", "deflate", AEROSTAT_BATCH_MAX / 2, 1, AEROSTAT_BATCH_MAX,
	  NR_BATCHES - 1 },
	/* The worst: no two are neighbours. */
	{ "inflate_scattered", "deflate_scattered", 0, NR_BATCHES, 1,
	  NR_BATCHES },
	/* The best: whole 2 MiB blocks. */
	{ "inflate_block", "deflate_block", 0, 1, AEROSTAT_BATCH_MAX,
	  NR_BATCHES },
};

static uint64_t batches(const struct pattern *p, uint64_t call)
{
	uint64_t ticks = 0, start;

	for (unsigned b = 0; b < p->nr_batches; b++) {
		for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++)
			gfns[i] = TOUCH_BASE / PAGE_NBYTES + p->first +
				  b * p->next + i * p->step;
		start = ticks_now();
		CHECK_EQ(hypercall(call, (uint64_t)gfns, AEROSTAT_BATCH_MAX, 0,
				   0),
			 AEROSTAT_BATCH_MAX);
		ticks += ticks_now() - start;
	}
	return ticks;
}

/*
 * Calls of one page each, scattered: as a driver makes them that finds a page
 * here and there. The first in each 2 MiB block divides it.
 */
static void measure_single_pages(void)
{
	uint64_t all = 0, dividing = 0;

	touch();
	for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++) {
		uint64_t start, ticks;

		gfns[0] = TOUCH_BASE / PAGE_NBYTES + i * NR_BATCHES;
		start = ticks_now();
		CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)gfns, 1,
				   0, 0),
			 1);
		ticks = ticks_now() - start;
		all += ticks;
		if (gfns[0] % AEROSTAT_BATCH_MAX == 0)
			dividing += ticks;
	}
	report("inflate_one", all, AEROSTAT_BATCH_MAX);
	report("inflate_one_dividing", dividing, NR_BATCHES);
	hypercall(AEROSTAT_HC_MEM_DISCARD, TOUCH_BASE / PAGE_NBYTES,
		  TOUCH_PAGES, 0, 0);
	for (unsigned i = 0; i < AEROSTAT_BATCH_MAX; i++)
		gfns[i] = TOUCH_BASE / PAGE_NBYTES + i * NR_BATCHES;
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_DEFLATE, (uint64_t)gfns,
			   AEROSTAT_BATCH_MAX, 0, 0),
		 AEROSTAT_BATCH_MAX);
}

static void measure_balloon(const struct pattern *p)
{
	unsigned npages = p->nr_batches * AEROSTAT_BATCH_MAX;

	touch();
	report(p->inflate, batches(p, AEROSTAT_HC_MEM_INFLATE), npages);
	report(p->deflate, batches(p, AEROSTAT_HC_MEM_DEFLATE), npages);
	hypercall(AEROSTAT_HC_MEM_DISCARD, TOUCH_BASE / PAGE_NBYTES,
		  TOUCH_PAGES, 0, 0);
}

void guest_main(void)
{
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	CHECK(rt_free_start() <= TOUCH_BASE);
	CHECK(rt_ram_end() >= TOUCH_BASE + TOUCH_PAGES * PAGE_NBYTES);
	if (rt_option("balloon", 0)) {
		for (unsigned i = 0; i < sizeof(patterns) / sizeof(*patterns);
		     i++)
			measure_balloon(&patterns[i]);
		measure_single_pages();
		return;
	}
	measure_exits();
	measure_touch("first_touch");
	measure_reclaim();
	measure_touch("touch_again");
}
