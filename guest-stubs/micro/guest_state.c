/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that a vCPU has in a processor, set to values of its own and
 * looked at again after something that gives the processor to another one: is
 * it all still there? And is memory what was last written, while other
 * vCPUs of the VM give their pages back? vcpus=N must be the VM's number;
 * rounds=N is for each of them.
 */
#include "runtime.h"
#include "vectors.h"

const char guest_name[] = "state";

#define MSR_STAR	  0xc0000081u
#define MSR_LSTAR	  0xc0000082u
#define MSR_CSTAR	  0xc0000083u
#define MSR_SFMASK	  0xc0000084u
#define MSR_FS_BASE	  0xc0000100u
#define MSR_KERNELGS_BASE 0xc0000102u
#define NR_PAGES	  16u

static const uint32_t msrs[] = { MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE,
				 MSR_KERNELGS_BASE };

struct cpu {
	uint64_t seed, wrong, rounds;
	uint64_t page[NR_PAGES]; /* what its own pages hold */
};
static struct cpu cpus[RT_MAX_CPUS];
static volatile unsigned nr_done;
static enum vectors vectors;

static uint64_t next(struct cpu *c)
{
	c->seed = c->seed * 6364136223846793005ul + 1442695040888963407ul;
	return c->seed >> 17;
}

/* ---- the processor's registers ---- */

/* Addresses must be canonical: 46 bits of the value. */
static uint64_t address_of(uint64_t v)
{
	return v & 0x3fffffffffful;
}

static void registers_load(uint64_t v)
{
	uint16_t fcw = 0x37f ^ (uint16_t)(v & 0xc00); /* rounding */
	uint32_t mxcsr = 0x1f80 | (uint32_t)(v & 0x6000);

	vectors_load(vectors, v);
	__asm__ volatile("fninit; fldcw %0; ldmxcsr %1"
			 :
			 : "m"(fcw), "m"(mxcsr));
	__asm__ volatile("mov %0, %%cr2; mov %0, %%dr0; mov %0, %%dr1\n\t"
			 "mov %0, %%dr2; mov %0, %%dr3"
			 :
			 : "r"(v));
	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		msr_write(msrs[i], address_of(v) + i);
	msr_write(MSR_STAR, v);
	msr_write(MSR_SFMASK, v & 0xffffffff);
}

static bool registers_hold(uint64_t v)
{
	uint64_t cr2, dr0, dr3;
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(fcw), "=m"(mxcsr));
	__asm__ volatile("mov %%cr2, %0; mov %%dr0, %1; mov %%dr3, %2"
			 : "=r"(cr2), "=r"(dr0), "=r"(dr3));
	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		if (msr_read(msrs[i]) != address_of(v) + i)
			return false;
	return vectors_hold(vectors, v) && cr2 == v && dr0 == v && dr3 == v &&
	       fcw == (0x37f ^ (uint16_t)(v & 0xc00)) &&
	       mxcsr == (0x1f80 | (uint32_t)(v & 0x6000)) &&
	       msr_read(MSR_STAR) == v &&
	       msr_read(MSR_SFMASK) == (v & 0xffffffff);
}

/* ---- memory ---- */

static volatile uint64_t *page_of(unsigned cpu, unsigned i)
{
	return (volatile uint64_t *)(rt_free_start() +
				     (cpu * NR_PAGES + i) * PAGE_NBYTES);
}

/* One page is written, or given back; all must hold what they should. */
static bool memory_holds(struct cpu *c, unsigned cpu)
{
	uint64_t v = next(c);
	unsigned i = (unsigned)v % NR_PAGES;
	volatile uint64_t *p = page_of(cpu, i);

	if (v & 0x100) {
		hypercall(AEROSTAT_HC_MEM_DISCARD, (uintptr_t)p / PAGE_NBYTES,
			  1, 0, 0);
		c->page[i] = 0;
	} else {
		p[7] = c->page[i] = v;
	}
	for (i = 0; i < NR_PAGES; i++)
		if (page_of(cpu, i)[7] != c->page[i])
			return false;
	return true;
}

/* ---- what takes the processor away ---- */

static void disturb(struct cpu *c)
{
	uint64_t v = next(c);

	switch (v & 3) {
	case 0: cpuid_read(0, 0); break;
	case 1: hypercall(AEROSTAT_HC_VERSION, 0, 0, 0, 0); break;
	case 2: in32(0xcf8); break;
	default: break;
	}
	for (uint64_t n = v >> 8 & 0x3ff; n; n--)
		rt_pause();
}

static void one_cpu(unsigned cpu)
{
	uint64_t n = rt_option("rounds", 2000);
	struct cpu *c = &cpus[cpu];

	vectors_enable(vectors);
	c->seed = ticks_now() + cpu;
	while (n--) {
		uint64_t v = next(c);

		registers_load(v);
		disturb(c);
		c->wrong += !registers_hold(v);
		c->wrong += !memory_holds(c, cpu);
		c->rounds++;
	}
	__atomic_fetch_add(&nr_done, 1, __ATOMIC_SEQ_CST);
}

void guest_main(void)
{
	unsigned nr = (unsigned)rt_option("vcpus", 2);

	vectors = vectors_best();
	CHECK_EQ(
		hypercall(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0, 0, 0),
		0);
	rt_start_cpus(nr, one_cpu);
	one_cpu(0);
	while (nr_done != nr)
		rt_pause();
	for (unsigned i = 0; i < nr; i++) {
		CHECK_EQ(cpus[i].wrong, 0);
		CHECK(cpus[i].rounds > 0);
	}
	rt_printf("%u vCPUs, %s\n", nr, vectors_name(vectors));
}
