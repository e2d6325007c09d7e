/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two CPUs at the PCI configuration ports, each moving the memory device's BAR
 * about, so that exit handlers meet at one lock and invalidate each other's
 * translations: does every instruction take effect once, and on its own CPU?
 * Wants 2 vCPUs; rounds=N says how many the first one does (default 4000).
 */
#include "runtime.h"

const char guest_name[] = "pci_storm";

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define MEM_DEVICE     0x80000800u /* bus 0, device 1 */
#define PCI_ID	       0x00
#define PCI_COMMAND    0x04
#define PCI_BAR0       0x10
#define COMMAND_MEMORY 2u
#define BAR_FIRST      0xfe000000u
#define BAR_STEP       0x1000u
#define BAR_SLOTS      8u

static volatile bool stop, stopped;
static volatile uint64_t rounds[RT_MAX_CPUS];
static volatile uint64_t wrong[RT_MAX_CPUS];

/*
 * One storm: a register that no other CPU writes counts the I/O instructions,
 * so that one that is skipped, or run twice, shows.
 */
static void one_round(unsigned cpu, uint32_t seed)
{
	uint64_t done = 0;
	uint32_t bar = BAR_FIRST + seed % BAR_SLOTS * BAR_STEP;

	__asm__ volatile("outl %%eax, %%dx\n\tincq %0"
			 : "+r"(done)
			 : "a"(MEM_DEVICE + PCI_BAR0), "d"(CONFIG_ADDRESS));
	__asm__ volatile("outl %%eax, %%dx\n\tincq %0"
			 : "+r"(done)
			 : "a"(bar), "d"(CONFIG_DATA));
	__asm__ volatile("outl %%eax, %%dx\n\tincq %0"
			 : "+r"(done)
			 : "a"(MEM_DEVICE + PCI_COMMAND), "d"(CONFIG_ADDRESS));
	__asm__ volatile("outl %%eax, %%dx\n\tincq %0"
			 : "+r"(done)
			 : "a"(seed & 8 ? COMMAND_MEMORY : 0),
			   "d"(CONFIG_DATA));
	if (done != 4)
		wrong[cpu]++;
	rounds[cpu]++;
}

static void storm(unsigned cpu)
{
	uint32_t seed = 12345 + cpu;

	while (!stop) {
		seed = seed * 1664525u + 1013904223u;
		one_round(cpu, seed >> 8);
	}
	stopped = true;
}

/* The device must be as it was: nothing was written past it. */
static void check_device(void)
{
	out32(CONFIG_ADDRESS, MEM_DEVICE + PCI_ID);
	CHECK_EQ(in32(CONFIG_DATA),
		 AEROSTAT_PCI_DEVICE << 16 | AEROSTAT_PCI_VENDOR);
	out32(CONFIG_ADDRESS, MEM_DEVICE + PCI_BAR0);
	out32(CONFIG_DATA, BAR_FIRST);
	CHECK_EQ(in32(CONFIG_DATA), BAR_FIRST);
	out32(CONFIG_ADDRESS, MEM_DEVICE + PCI_COMMAND);
	out32(CONFIG_DATA, COMMAND_MEMORY);
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)BAR_FIRST,
		 AEROSTAT_ABI_VERSION);
}

void guest_main(void)
{
	uint64_t n = rt_option("rounds", 4000);

	rt_start_cpus(2, storm);
	while (n--)
		one_round(0, (uint32_t)ticks_now() >> 4);
	stop = true;
	while (!stopped)
		rt_pause();
	CHECK_EQ(wrong[0] + wrong[1], 0);
	CHECK(rounds[1] > 0);
	rt_printf("rounds %lu and %lu\n", rounds[0], rounds[1]);
	check_device();
}
