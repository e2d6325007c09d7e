/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of page tables, the host's and guests': SDM Vol. 3A, "4-Level Paging
 * and 5-Level Paging". Those of 32-bit paging have bits 31:0 of these.
 */
#ifndef KERNEL_PTE_FORMAT_H
#define KERNEL_PTE_FORMAT_H

#include "kernel/lib/compiler.h"

#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_PWT	     BIT(3)
#define PTE_PCD	     BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7) /* above the lowest level: a page, no table */
#define PTE_GLOBAL   BIT(8)
#define PTE_NX	     BIT(63)
#define PTE_ADDR     0x000ffffffffff000ull

#endif
