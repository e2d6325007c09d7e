/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each CPU's GDT and TSS. Selectors: kernel/lib/x86.h. */
#ifndef KERNEL_GDT_H
#define KERNEL_GDT_H

#include "kernel/cpu/trap.h"
#include "kernel/lib/compiler.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is IST n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "SDM: 64-bit TSS format");

/*
 * Builds and loads GDT and TSS of CPU `cpu`, the calling one. ist_tops[n]: top
 * of the stack for enum trap_ist n; [IST_NONE] is not used.
 */
void gdt_init_cpu(uint32_t cpu, void *const ist_tops[IST_NR]);

#endif
