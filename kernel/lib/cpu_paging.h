/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What paging can do on this processor: SDM Vol. 3A, "Enumeration of Paging
 * Features by CPUID".
 */
#ifndef KERNEL_CPU_PAGING_H
#define KERNEL_CPU_PAGING_H

#include "kernel/lib/x86.h"

#define PHYS_BITS_OLD 36u /* of processors that don't say */
#define PHYS_BITS_MAX 52u /* SDM Vol. 3A, "4-Level Paging" */

/* How many bits a physical address has (MAXPHYADDR). */
static inline unsigned cpu_phys_bits(void)
{
	unsigned bits = PHYS_BITS_OLD;

	if (cpuid(0x80000000u, 0).eax >= 0x80000008u)
		bits = cpuid(0x80000008u, 0).eax & 0xff;
	return bits < 32 || bits > PHYS_BITS_MAX ? PHYS_BITS_OLD : bits;
}

static inline bool cpu_has_1g_pages(void)
{
	return cpuid(0x80000000u, 0).eax >= 0x80000001u &&
	       cpuid(0x80000001u, 0).edx & BIT(26);
}

#endif
