/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector registers, by instructions that the compiler may not use here. Each
 * register differs from the others, since a mistake in saving them may as well
 * mix them up.
 */
#include "vectors.h"

#define CPUID_AVX	(1u << 28)
#define CPUID7_AVX512F	(1u << 16)
#define CPUID7_AVX512BW (1u << 30)

#define STEP	       0x10001ull
#define YMM_REGISTERS  16u
#define ZMM_REGISTERS  32u
#define ZMM_QUADWORDS  8u
#define MASK_REGISTERS 8u

#define EACH_XMM(op)                                                           \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)     \
		op(11) op(12) op(13) op(14) op(15)
#define EACH_ZMM(op)                                                           \
	EACH_XMM(op)                                                           \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25)  \
		op(26) op(27) op(28) op(29) op(30) op(31)
#define EACH_MASK(op) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_XMM(n)   "movups 32*" #n "(%[at]), %%xmm" #n "\n\t"
#define LOAD_YMM(n)   "vmovups 32*" #n "(%[at]), %%ymm" #n "\n\t"
#define STORE_XMM(n)  "movups %%xmm" #n ", 32*" #n "(%[at])\n\t"
#define STORE_YMM(n)  "vmovups %%ymm" #n ", 32*" #n "(%[at])\n\t"
#define LOAD_ZMM(n)   "vpbroadcastq %[v], %%zmm" #n "\n\tadd $0x10001, %[v]\n\t"
#define STORE_ZMM(n)  "vmovdqu64 %%zmm" #n ", 64*" #n "(%[at])\n\t"
#define LOAD_MASK(n)  "kmovq %[v], %%k" #n "\n\tadd $0x10001, %[v]\n\t"
#define STORE_MASK(n) "kmovq %%k" #n ", 8*" #n "(%[at])\n\t"

enum vectors vectors_best(void)
{
	uint32_t leaf1 = cpuid_read(1, 0).ecx, leaf7 = cpuid_read(7, 0).ebx;

	if (!(leaf1 & CPUID_AVX) || !(leaf1 & CPUID_XSAVE))
		return VECTORS_SSE;
	if (!(leaf7 & CPUID7_AVX512F) || !(leaf7 & CPUID7_AVX512BW))
		return VECTORS_AVX;
	return VECTORS_AVX512;
}

const char *vectors_name(enum vectors kind)
{
	static const char *const names[] = { "SSE", "AVX", "AVX 512" };

	return names[kind];
}

uint64_t vectors_xcr0(enum vectors kind)
{
	static const uint64_t xcr0[] = { 0x03, 0x07, 0xe7 };

	return xcr0[kind];
}

void vectors_enable(enum vectors kind)
{
	cr4_write(cr4_read() | CR4_OSFXSR |
		  (kind == VECTORS_SSE ? 0 : CR4_OSXSAVE));
	if (kind != VECTORS_SSE)
		xsetbv(0, vectors_xcr0(kind));
}

/* ---- SSE, AVX ---- */

struct vec {
	uint64_t part[4];
};

static struct vec vec_of(uint64_t v, unsigned n)
{
	v += n * STEP;
	return (struct vec){ { v, ~v, v * 3, v ^ 0x5555 } };
}

static void ymm_load(bool avx, uint64_t v)
{
	struct vec all[YMM_REGISTERS];

	for (unsigned n = 0; n < YMM_REGISTERS; n++)
		all[n] = vec_of(v, n);
	if (avx)
		__asm__ volatile(EACH_XMM(LOAD_YMM)
				 :
				 : [at] "r"(all)
				 : "memory");
	else
		__asm__ volatile(EACH_XMM(LOAD_XMM)
				 :
				 : [at] "r"(all)
				 : "memory");
}

static bool ymm_hold(bool avx, uint64_t v)
{
	struct vec now[YMM_REGISTERS];

	if (avx)
		__asm__ volatile(EACH_XMM(STORE_YMM)
				 :
				 : [at] "r"(now)
				 : "memory");
	else
		__asm__ volatile(EACH_XMM(STORE_XMM)
				 :
				 : [at] "r"(now)
				 : "memory");
	for (unsigned n = 0; n < YMM_REGISTERS; n++) {
		struct vec want = vec_of(v, n);

		for (unsigned i = 0; i < (avx ? 4 : 2); i++)
			if (now[n].part[i] != want.part[i])
				return false;
	}
	return true;
}

/* ---- AVX-512 ---- */

static void zmm_load(uint64_t v)
{
	__asm__ volatile(EACH_ZMM(LOAD_ZMM) EACH_MASK(LOAD_MASK) : [v] "+r"(v));
}

static bool zmm_hold(uint64_t v)
{
	/* More than a CPU's stack should take. */
	static struct {
		uint64_t zmm[ZMM_REGISTERS][ZMM_QUADWORDS];
		uint64_t mask[MASK_REGISTERS];
	} all[RT_MAX_CPUS] __attribute__((aligned(64)));
	unsigned cpu = (cpuid_read(1, 0).ebx >> 24) % RT_MAX_CPUS;

	__asm__ volatile(EACH_ZMM(STORE_ZMM)
			 :
			 : [at] "r"(all[cpu].zmm)
			 : "memory");
	__asm__ volatile(EACH_MASK(STORE_MASK)
			 :
			 : [at] "r"(all[cpu].mask)
			 : "memory");
	for (unsigned n = 0; n < ZMM_REGISTERS; n++, v += STEP)
		for (unsigned i = 0; i < ZMM_QUADWORDS; i++)
			if (all[cpu].zmm[n][i] != v)
				return false;
	for (unsigned n = 1; n < MASK_REGISTERS; n++, v += STEP)
		if (all[cpu].mask[n] != v)
			return false;
	return true;
}

/* ---- whichever ---- */

void vectors_load(enum vectors kind, uint64_t v)
{
	if (kind == VECTORS_AVX512)
		zmm_load(v);
	else
		ymm_load(kind == VECTORS_AVX, v);
}

bool vectors_hold(enum vectors kind, uint64_t v)
{
	if (kind == VECTORS_AVX512)
		return zmm_hold(v);
	return ymm_hold(kind == VECTORS_AVX, v);
}
