/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processor's XSAVEC is tried out once; see xsavec.h. */
#include "vmx/xsavec.h"

#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"

#define XSAVE_AREA_NBYTES 4096u /* more than x87, SSE and AVX need */
#define XSTATE_MXCSR_AT	  24u
#define XSTATE_BV_AT	  512u
#define XSTATE_EXTENDED	  576u /* first component of the compacted form */
#define XSTATE_SSE_AVX	  6u
#define XSTATE_ALL_THREE  7u
#define YMM_HIGH_NBYTES	  256u
#define MXCSR_RESET	  0x1f80u

static uint8_t area[XSAVE_AREA_NBYTES] ALIGNED(64);

static void area_init(uint64_t xstate_bv)
{
	uint32_t mxcsr = MXCSR_RESET;

	memset(area, 0, sizeof(area));
	memcpy(area + XSTATE_MXCSR_AT, &mxcsr, sizeof(mxcsr));
	memcpy(area + XSTATE_BV_AT, &xstate_bv, sizeof(xstate_bv));
}

static void restore(void)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"(XSTATE_ALL_THREE), "d"(0)
			 : "memory");
}

bool xsavec_is_sound(void)
{
	uint32_t at = cpuid(0xd, 2).ebx; /* AVX in the standard form */
	uint8_t want[YMM_HIGH_NBYTES];
	bool sound;

	if (!at)
		return true; /* no AVX: nothing behind SSE */
	if (at > XSAVE_AREA_NBYTES - YMM_HIGH_NBYTES)
		return false;
	for (unsigned i = 0; i < YMM_HIGH_NBYTES; i++)
		want[i] = (uint8_t)(i + 1);
	area_init(XSTATE_SSE_AVX);
	memcpy(area + at, want, sizeof(want));
	restore();
	area_init(0);
	__asm__ volatile("xsavec64 (%0)"
			 :
			 : "r"(area), "a"(XSTATE_ALL_THREE), "d"(0)
			 : "memory");
	sound = memcmp(area + XSTATE_EXTENDED, want, sizeof(want)) == 0;
	area_init(0);
	restore();
	return sound;
}
