/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that lives at random: its CPUs touch memory, exit, interrupt each
 * other and halt, until one of them ends the run at a random moment and in a
 * random way, or all of them stand still.
 *
 *   cpus=N   how many (default 1)
 *   seed=N   where the random numbers begin (default 1)
 *   ticks=N  it ends before so many ticks (default 3000000; 0: at once, before
 *	      the other CPUs are up)
 *   ends=N   ways to end, bits 1 << enum ending (default all)
 */
#include "runtime.h"

const char guest_name[] = "life";

enum ending {
	END_RESET,
	END_KEYBOARD_RESET,
	END_TRIPLE_FAULT,
	END_POWEROFF,
	END_STAND_STILL,
	END_NEVER,
	NR_ENDINGS
};

#define RESET_PORT	 0xcf9
#define RESET_FULL	 0x06 /* processor and system, PIIX3 data sheet */
#define KEYBOARD_PORT	 0x64
#define PULSE_RESET	 0xfe
#define PM1A_CNT	 0x604
#define SLEEP_S5	 (5u << 10 | 1u << 13)
#define MSR_X2APIC	 0x800
#define X2_EOI		 0x0b
#define X2_SPURIOUS	 0x0f
#define X2_ICR		 0x30
#define X2_LVT_TIMER	 0x32
#define MODE_DEADLINE	 (2u << 17)
#define MSR_TSC_DEADLINE 0x6e0
#define ICR_OTHERS	 (3u << 18 | 1u << 14)
#define VECTOR_TIMER	 0x40
#define VECTOR_IPI	 0x41
#define SW_ENABLE	 0x100
#define OWN_PAGES	 64u

static uint32_t nr_cpus;
static uint64_t seed, end_at; /* ticks */
static uint32_t ender;	      /* the CPU that ends it all */
static enum ending ending;
static volatile bool standing_still;

/* xorshift64* by Marsaglia and Vigna; a state is never 0. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ull;
}

static void on_interrupt(void)
{
	msr_write(MSR_X2APIC + X2_EOI, 0);
}

static void triple_fault(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" ::"m"(nothing));
}

static void end_run(void)
{
	switch (ending) {
	case END_RESET: out8(RESET_PORT, RESET_FULL); break;
	case END_KEYBOARD_RESET: out8(KEYBOARD_PORT, PULSE_RESET); break;
	case END_TRIPLE_FAULT: triple_fault(); break;
	case END_POWEROFF:
		__asm__ volatile("outw %0, %1" ::"a"((uint16_t)SLEEP_S5),
				 "Nd"((uint16_t)PM1A_CNT));
		break;
	default: standing_still = true; break;
	}
}

static void touch(unsigned cpu, uint64_t r)
{
	uint64_t page = cpu * OWN_PAGES + r % OWN_PAGES;
	volatile uint64_t *at =
		(volatile uint64_t *)(uintptr_t)(rt_free_start() +
						 page * PAGE_NBYTES);

	if ((uintptr_t)at + PAGE_NBYTES <= rt_ram_end())
		*at += r;
}

/* Sleeps until an interrupt; the timer's comes for certain. */
static void doze(uint64_t ticks)
{
	msr_write(MSR_TSC_DEADLINE, ticks_now() + ticks);
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void one_deed(unsigned cpu, uint64_t r)
{
	switch (r % 6) {
	case 0: touch(cpu, r >> 8); break;
	case 1: (void)cpuid_read(0, 0); break;
	case 2: (void)in8(KEYBOARD_PORT); break;
	case 3: msr_write(MSR_X2APIC + X2_ICR, ICR_OTHERS | VECTOR_IPI); break;
	case 4: doze(2000 + (r >> 8) % 50000); break;
	default:
		for (uint64_t n = (r >> 8) % 2000; n; n--)
			rt_pause();
		__asm__ volatile("sti; nop; cli" ::: "memory");
	}
}

static void live(unsigned cpu)
{
	uint64_t s = (seed + cpu * 0x9e3779b97f4a7c15ull) | 1;

	msr_write(MSR_X2APIC + X2_SPURIOUS, SW_ENABLE | 0xff);
	msr_write(MSR_X2APIC + X2_LVT_TIMER, MODE_DEADLINE | VECTOR_TIMER);
	while (!standing_still) {
		one_deed(cpu, next_random(&s) >> 16);
		if (cpu == ender && ending != END_NEVER &&
		    ticks_now() >= end_at)
			end_run();
	}
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

/* The way that a random number says, of those that are allowed. */
static enum ending choose_ending(uint64_t r, uint64_t allowed)
{
	unsigned e = (unsigned)(r % NR_ENDINGS);

	while (!(allowed >> e & 1))
		e = (e + 1) % NR_ENDINGS;
	return (enum ending)e;
}

void guest_main(void)
{
	uint64_t ticks = rt_option("ticks", 3000000), s;

	/* Runs differ: the time of the start is a random number, too. */
	s = rt_option("seed", 1) * 0x9e3779b97f4a7c15ull + ticks_now();
	s |= 1;
	nr_cpus = (uint32_t)rt_option("cpus", 1);
	ending = choose_ending(next_random(&s) >> 16,
			       rt_option("ends", (1u << NR_ENDINGS) - 1));
	ender = (uint32_t)((next_random(&s) >> 16) % nr_cpus);
	rt_on_irq[VECTOR_TIMER] = on_interrupt;
	rt_on_irq[VECTOR_IPI] = on_interrupt;
	/* The 8259s' vectors are not ours. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	if (!ticks)
		end_run();
	seed = next_random(&s);
	end_at = ticks_now() + (next_random(&s) >> 16) % (ticks + 1);
	rt_start_cpus(nr_cpus, live);
	live(0);
}
