/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that a vCPU has in a processor, set to values of its own and
 * looked at again after something that gives the processor to another one: is
 * it all still there? And is memory what was last written, while other
 * vCPUs of the VM give their pages back? vcpus=N must be the VM's number;
 * rounds=N is for each of them.
 */
#include "runtime.h"

const char guest_name[] = "state";

#define MSR_STAR	  0xc0000081u
#define MSR_LSTAR	  0xc0000082u
#define MSR_CSTAR	  0xc0000083u
#define MSR_SFMASK	  0xc0000084u
#define MSR_FS_BASE	  0xc0000100u
#define MSR_KERNELGS_BASE 0xc0000102u
#define CR4_OSFXSR	  (1ul << 9)
#define CR4_OSXSAVE	  (1ul << 18)
#define CPUID_XSAVE	  (1u << 26)
#define CPUID_AVX	  (1u << 28)
#define CPUID7_AVX512F	  (1u << 16)
#define CPUID7_AVX512BW	  (1u << 30)
#define XCR0_AVX	  0x07u
#define XCR0_AVX512	  0xe7u
#define NR_PAGES	  16u

static const uint32_t msrs[] = { MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE,
				 MSR_KERNELGS_BASE };

struct cpu {
	uint64_t seed, wrong, rounds;
	uint64_t page[NR_PAGES]; /* what its own pages hold */
};
static struct cpu cpus[RT_MAX_CPUS];
static volatile unsigned nr_done;
static bool has_avx, has_avx512;

static uint64_t next(struct cpu *c)
{
	c->seed = c->seed * 6364136223846793005ul + 1442695040888963407ul;
	return c->seed >> 17;
}

/* ---- the processor's registers ---- */

#define EACH_XMM(op)                                                           \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)     \
		op(11) op(12) op(13) op(14) op(15)
#define LOAD_XMM(n)  "movups %[from], %%xmm" #n "\n\t"
#define LOAD_YMM(n)  "vmovups %[from], %%ymm" #n "\n\t"
#define STORE_XMM(n) "movups %%xmm" #n ", 32*" #n "(%[to])\n\t"
#define STORE_YMM(n) "vmovups %%ymm" #n ", 32*" #n "(%[to])\n\t"

struct vec {
	uint64_t part[4];
};

static void vectors_load(uint64_t v)
{
	struct vec x = { { v, ~v, v * 3, v ^ 0x5555 } };

	if (has_avx)
		__asm__ volatile(EACH_XMM(LOAD_YMM) : : [from] "m"(x));
	else
		__asm__ volatile(EACH_XMM(LOAD_XMM) : : [from] "m"(x));
}

static bool vectors_hold(uint64_t v)
{
	struct vec now[16];

	if (has_avx)
		__asm__ volatile(EACH_XMM(STORE_YMM)
				 :
				 : [to] "r"(now)
				 : "memory");
	else
		__asm__ volatile(EACH_XMM(STORE_XMM)
				 :
				 : [to] "r"(now)
				 : "memory");
	for (unsigned i = 0; i < 16; i++) {
		if (now[i].part[0] != v || now[i].part[1] != ~v)
			return false;
		if (has_avx &&
		    (now[i].part[2] != v * 3 || now[i].part[3] != (v ^ 0x5555)))
			return false;
	}
	return true;
}

/* What only AVX-512 has: each of the 32 registers differs from the others. */
#define EACH_ZMM(op)                                                           \
	EACH_XMM(op)                                                           \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25)  \
		op(26) op(27) op(28) op(29) op(30) op(31)
#define EACH_MASK(op)  op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_ZMM(n)    "vpbroadcastq %[v], %%zmm" #n "\n\tadd $0x10001, %[v]\n\t"
#define STORE_ZMM(n)   "vmovdqu64 %%zmm" #n ", 64*" #n "(%[to])\n\t"
#define LOAD_MASK(n)   "kmovq %[v], %%k" #n "\n\tadd $0x10001, %[v]\n\t"
#define STORE_MASK(n)  "kmovq %%k" #n ", 8*" #n "(%[to])\n\t"
#define ZMM_STEP       0x10001ull
#define ZMM_REGISTERS  32u
#define ZMM_QUADWORDS  8u
#define MASK_REGISTERS 8u

static void zmm_load(uint64_t v)
{
	__asm__ volatile(EACH_ZMM(LOAD_ZMM) EACH_MASK(LOAD_MASK) : [v] "+r"(v));
}

static bool zmm_hold(uint64_t v)
{
	static struct {
		uint64_t zmm[ZMM_REGISTERS][ZMM_QUADWORDS];
		uint64_t mask[MASK_REGISTERS];
	} all[RT_MAX_CPUS] __attribute__((aligned(64)));
	unsigned cpu = (cpuid_read(1, 0).ebx >> 24) % RT_MAX_CPUS;

	__asm__ volatile(EACH_ZMM(STORE_ZMM)
			 :
			 : [to] "r"(all[cpu].zmm)
			 : "memory");
	__asm__ volatile(EACH_MASK(STORE_MASK)
			 :
			 : [to] "r"(all[cpu].mask)
			 : "memory");
	for (unsigned n = 0; n < ZMM_REGISTERS; n++, v += ZMM_STEP)
		for (unsigned i = 0; i < ZMM_QUADWORDS; i++)
			if (all[cpu].zmm[n][i] != v)
				return false;
	for (unsigned n = 1; n < MASK_REGISTERS; n++, v += ZMM_STEP)
		if (all[cpu].mask[n] != v)
			return false;
	return true;
}

/* Addresses must be canonical: 46 bits of the value. */
static uint64_t address_of(uint64_t v)
{
	return v & 0x3fffffffffful;
}

static void registers_load(uint64_t v)
{
	uint16_t fcw = 0x37f ^ (uint16_t)(v & 0xc00); /* rounding */
	uint32_t mxcsr = 0x1f80 | (uint32_t)(v & 0x6000);

	if (has_avx512)
		zmm_load(v);
	else
		vectors_load(v);
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
	return (has_avx512 ? zmm_hold(v) : vectors_hold(v)) && cr2 == v &&
	       dr0 == v && dr3 == v && fcw == (0x37f ^ (uint16_t)(v & 0xc00)) &&
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
	uint64_t n = rt_option("rounds", 2000), cr4;
	struct cpu *c = &cpus[cpu];

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_OSFXSR | (has_avx ? CR4_OSXSAVE : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	if (has_avx)
		__asm__ volatile("xsetbv"
				 :
				 : "c"(0),
				   "a"(has_avx512 ? XCR0_AVX512 : XCR0_AVX),
				   "d"(0));
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
	uint32_t features = cpuid_read(1, 0).ecx;

	has_avx = (features & CPUID_AVX) && (features & CPUID_XSAVE);
	features = cpuid_read(7, 0).ebx;
	has_avx512 = has_avx && (features & CPUID7_AVX512F) &&
		     (features & CPUID7_AVX512BW);
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
	rt_printf("%u vCPUs, AVX %s\n", nr,
		  has_avx512 ? "512"
		  : has_avx  ? "on"
			     : "off");
}
