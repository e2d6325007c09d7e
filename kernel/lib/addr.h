/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address and frame-number types. Each is a one-member struct, so that mixing
 * a guest address with a host address does not compile. `.raw` is for the
 * helpers here and for hardware formats.
 */
#ifndef KERNEL_ADDR_H
#define KERNEL_ADDR_H

#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define PAGE_MASK  (PAGE_SIZE - 1)
#define ORDER_4K   0u
#define ORDER_2M   9u
#define ORDER_1G   18u
#define PAGES_2M   (1ull << ORDER_2M)
#define PAGES_1G   (1ull << ORDER_1G)

typedef struct {
	uint64_t raw;
} gva_t; /* guest virtual; SDM: linear */
typedef struct {
	uint64_t raw;
} gpa_t; /* guest physical */
typedef struct {
	uint64_t raw;
} hpa_t; /* host physical, as in EPT leaves */
typedef struct {
	uint64_t raw;
} gfn_t; /* gpa >> PAGE_SHIFT */
typedef struct {
	uint64_t raw;
} hfn_t; /* hpa >> PAGE_SHIFT */

static inline gpa_t gpa(uint64_t raw)
{
	return (gpa_t){ raw };
}
static inline hpa_t hpa(uint64_t raw)
{
	return (hpa_t){ raw };
}
static inline gfn_t gfn(uint64_t raw)
{
	return (gfn_t){ raw };
}
static inline hfn_t hfn(uint64_t raw)
{
	return (hfn_t){ raw };
}

static inline gfn_t gfn_of(gpa_t a)
{
	return (gfn_t){ a.raw >> PAGE_SHIFT };
}

static inline hfn_t hfn_of(hpa_t a)
{
	return (hfn_t){ a.raw >> PAGE_SHIFT };
}

static inline gpa_t gpa_of(gfn_t f)
{
	return (gpa_t){ f.raw << PAGE_SHIFT };
}

static inline hpa_t hpa_of(hfn_t f)
{
	return (hpa_t){ f.raw << PAGE_SHIFT };
}

static inline gfn_t gfn_add(gfn_t f, uint64_t npages)
{
	return (gfn_t){ f.raw + npages };
}

static inline hfn_t hfn_add(hfn_t f, uint64_t npages)
{
	return (hfn_t){ f.raw + npages };
}

#endif
