/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the entry code of the boot CPU and of the others shares with C. */
#ifndef KERNEL_SMP_PRIV_H
#define KERNEL_SMP_PRIV_H

#include "kernel/lib/compiler.h"

/*
 * At the end of the page that an AP starts in (kernel/cpu/trampoline.asm). The
 * boot CPU fills it before it sends the startup IPI; one AP at a time.
 */
struct ap_start {
	uint64_t cr3; /* below 4 GiB, maps the page at its own address */
	uint64_t stack_top;
	uint64_t entry; /* void entry(uint64_t cpu) */
	uint64_t cpu;
};

#endif
