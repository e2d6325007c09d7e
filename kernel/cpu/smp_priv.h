/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the entry code of the boot CPU and of the others shares with C. */
#ifndef KERNEL_SMP_PRIV_H
#define KERNEL_SMP_PRIV_H

#include "kernel/lib/compiler.h"

/*
 * At the end of the page that an AP starts in (kernel/cpu/trampoline.asm). The
 * boot CPU fills it before it sends the startup IPI; one AP at a time.
 */
enum ap_state {
	AP_CLOSED, /* nobody is asked, or no longer */
	AP_ASKED,
	AP_CAME,   /* one has taken the stack and the number */
	AP_JOINED, /* and takes part */
};

struct ap_start {
	uint64_t state; /* enum ap_state [atomic] */
	uint64_t cr3;	/* below 4 GiB, maps the page at its own address */
	uint64_t stack_top;
	uint64_t entry; /* void entry(uint64_t cpu) */
	uint64_t cpu;
};

#endif
