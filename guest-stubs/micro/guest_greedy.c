/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks for as much at once as the interface allows, in the worst order that it
 * can think of, again and again, with a fast timer ticking: the hypervisor must
 * not keep its processor any longer for it. `cpu` says whether it did. Ends by
 * itself after `rounds=N`, or never.
 */
#include "runtime.h"

const char guest_name[] = "greedy";

#define FIRST_GFN    (rt_free_start() / PAGE_NBYTES)
#define BLOCK_PAGES  512u
#define MAX_BLOCKS   AEROSTAT_BATCH_MAX
#define STRING_BYTES (16u << 10)
#define PORT_IGNORED 0x80
#define PIC_MASK     0x21

#define LAPIC		 0xfee00000ul
#define LAPIC_EOI	 0x0b0
#define LAPIC_SPURIOUS	 0x0f0
#define LAPIC_LVT_TIMER	 0x320
#define LAPIC_TIMER_INIT 0x380
#define LAPIC_TIMER_DIV	 0x3e0
#define VECTOR		 0x40

static uint64_t gfns[AEROSTAT_BATCH_MAX] __attribute__((aligned(4096)));
static uint64_t nr_blocks; /* whole 2 MiB blocks of memory to play with */

static void lapic_write(unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)(LAPIC + reg) = v;
}

static void on_timer(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/*
 * Often enough that whoever keeps interrupts off is caught at it, and seldom
 * enough to get on.
 */
#define TIMER_TICKS 50000u

static void start_timer(void)
{
	rt_on_irq[VECTOR] = on_timer;
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	lapic_write(LAPIC_SPURIOUS, 0x1ff);
	lapic_write(LAPIC_TIMER_DIV, 0xb);
	lapic_write(LAPIC_LVT_TIMER, VECTOR | 1u << 17);
	lapic_write(LAPIC_TIMER_INIT, TIMER_TICKS);
	__asm__ volatile("sti");
}

static void touch_all(void)
{
	for (uint64_t b = 0; b < nr_blocks; b++)
		*(volatile uint64_t *)((FIRST_GFN + b * BLOCK_PAGES) *
				       PAGE_NBYTES) = b;
}

/* One page of each block in one batch: every block has to be divided. */
static void scatter(unsigned at)
{
	for (uint64_t b = 0; b < nr_blocks; b++)
		gfns[b] = FIRST_GFN + b * BLOCK_PAGES + at;
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_INFLATE, (uint64_t)gfns, nr_blocks,
			   0, 0),
		 nr_blocks);
	CHECK_EQ(hypercall(AEROSTAT_HC_MEM_DEFLATE, (uint64_t)gfns, nr_blocks,
			   0, 0),
		 nr_blocks);
}

/* All of it, in the one call that the ABI allows. */
static void discard_all(void)
{
	CHECK(hypercall(AEROSTAT_HC_MEM_DISCARD, FIRST_GFN,
			nr_blocks * BLOCK_PAGES, 0, 0) > 0);
}

/* INS and OUTS with more elements than fit one exit, up and down. */
static void strings(void)
{
	uint64_t at = FIRST_GFN * PAGE_NBYTES, count = STRING_BYTES;

	__asm__ volatile("rep outsb"
			 : "+S"(at), "+c"(count)
			 : "d"(PORT_IGNORED)
			 : "memory");
	at = FIRST_GFN * PAGE_NBYTES + STRING_BYTES - 1;
	count = STRING_BYTES / 16;
	__asm__ volatile("std; rep insb; cld"
			 : "+D"(at), "+c"(count)
			 : "d"(PIC_MASK)
			 : "memory");
}

void guest_main(void)
{
	uint64_t rounds = rt_option("rounds", 0);

	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	nr_blocks = (rt_ram_end() / PAGE_NBYTES - FIRST_GFN) / BLOCK_PAGES;
	if (nr_blocks > MAX_BLOCKS)
		nr_blocks = MAX_BLOCKS;
	CHECK(nr_blocks > 16);
	start_timer();
	for (uint64_t i = 1; !rounds || i <= rounds; i++) {
		touch_all();
		scatter((unsigned)i % BLOCK_PAGES);
		strings();
		discard_all();
		rt_printf("round %lu\n", i);
	}
}
