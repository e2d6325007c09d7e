/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: physical memory is an arena made by fake_ram_create(); physical
 * address 0 is its first byte. Using it before that is a failed test.
 */
#ifndef KERNEL_DIRECTMAP_H
#define KERNEL_DIRECTMAP_H

#include "../../../../../kernel/lib/addr.h"

/* Where page tables put it and the image; nothing is reached there. */
#define DIRECT_MAP_BASE 0xffff800000000000ull
#define KERNEL_VMA	0xffffffff80000000ull

extern uint8_t *fake_ram_base;

static inline void *hpa_to_ptr(hpa_t a)
{
	return fake_ram_base + a.raw;
}

static inline hpa_t ptr_to_hpa(const void *p)
{
	return (hpa_t){ (uint64_t)((const uint8_t *)p - fake_ram_base) };
}

static inline void *hfn_to_ptr(hfn_t f)
{
	return hpa_to_ptr(hpa_of(f));
}

#endif
