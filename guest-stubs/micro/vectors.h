/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vector registers, as far as the processor has them. */
#ifndef MICRO_VECTORS_H
#define MICRO_VECTORS_H

#include "runtime.h"

#define CR4_OSFXSR  (1ul << 9)
#define CR4_OSXSAVE (1ul << 18)
#define CPUID_XSAVE (1u << 26) /* leaf 1, ECX */

enum vectors { VECTORS_SSE, VECTORS_AVX, VECTORS_AVX512 };

/* The widest that CPUID offers; anything but SSE comes with XSAVE. */
enum vectors vectors_best(void);
/* "SSE", "AVX", "AVX 512". */
const char *vectors_name(enum vectors kind);
/* What XCR0 must be for them. */
uint64_t vectors_xcr0(enum vectors kind);
/* The calling CPU's CR4 and XCR0 let it use them. */
void vectors_enable(enum vectors kind);

/* Fills all registers, each with values of its own that follow from v. */
void vectors_load(enum vectors kind, uint64_t v);
/* True if they hold what vectors_load() put there. */
bool vectors_hold(enum vectors kind, uint64_t v);

static inline void xsetbv(uint32_t xcr, uint64_t v)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(xcr), "a"((uint32_t)v),
			   "d"((uint32_t)(v >> 32)));
}

static inline uint64_t cr4_read(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline void cr4_write(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v));
}

#endif
