/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The direct map: all RAM, at a constant offset. Host tests put a header of
 * the same name earlier on the include path.
 */
#ifndef KERNEL_DIRECTMAP_H
#define KERNEL_DIRECTMAP_H

#include "kernel/lib/addr.h"

#define DIRECT_MAP_BASE 0xffff800000000000ull
#define KERNEL_VMA	0xffffffff80000000ull

/* The only way to get a pointer to physical memory. */
static inline void *hpa_to_ptr(hpa_t a)
{
	return (void *)(a.raw + DIRECT_MAP_BASE);
}

/* p must lie in the direct map (not in the kernel image). */
static inline hpa_t ptr_to_hpa(const void *p)
{
	return (hpa_t){ (uint64_t)p - DIRECT_MAP_BASE };
}

static inline void *hfn_to_ptr(hfn_t f)
{
	return hpa_to_ptr(hpa_of(f));
}

#endif
