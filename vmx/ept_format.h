/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Format of EPT entries and of the EPT pointer. Source: SDM Vol. 3,
 * "The Extended Page Table Mechanism (EPT)".
 */
#ifndef VMX_EPT_FORMAT_H
#define VMX_EPT_FORMAT_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"

#define EPT_READ       BIT(0)
#define EPT_WRITE      BIT(1)
#define EPT_EXEC       BIT(2)
#define EPT_RWX	       (EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_MEMTYPE_WB (6ull << 3)
#define EPT_IGNORE_PAT BIT(6)
#define EPT_LEAF       BIT(7) /* at 2 MiB and 1 GiB level */
#define EPT_ADDR_MASK  0x000ffffffffff000ull

#define EPT_LEVELS  4u
#define EPT_ENTRIES 512u

#define EPTP_WB	    6ull
#define EPTP_WALK_4 (3ull << 3)
#define EPTP_AD	    BIT(6)

/* Index into the table of a level: 1 holds 4 KiB leaves, 4 is the root. */
static inline unsigned ept_index(gfn_t g, unsigned level)
{
	return (unsigned)(g.raw >> (9 * (level - 1))) & (EPT_ENTRIES - 1);
}

static inline bool ept_present(uint64_t e)
{
	return (e & EPT_RWX) != 0;
}

#endif
