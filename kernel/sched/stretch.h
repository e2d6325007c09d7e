/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the hypervisor keeps a processor to itself: the proof that no path
 * takes longer than STRETCH_MAX_TICKS, whatever a guest asks for. Always on,
 * shown by `cpu`.
 *
 * Two figures for each CPU, the largest since boot, in ticks of the TSC:
 *   longest   a thread kept the CPU without giving way. A guest's own running
 *             time and halting don't count, interrupts that came between do.
 *   irq_late  a timer's interrupt was handled so much after the moment that it
 *             was set for: interrupts were off for that long.
 */
#ifndef KERNEL_STRETCH_H
#define KERNEL_STRETCH_H

#include "kernel/lib/compiler.h"

/* 200 us of work at 3 GHz. */
#define STRETCH_MAX_TICKS 600000u

struct stretch_stats {
	uint64_t longest, irq_late;
	char who[32];	/* the thread that kept the CPU longest */
	uint64_t where; /* and the code address at which it gave way */
};

/*
 * The calling thread begins to occupy this CPU (after a switch, a VM exit, a
 * halt), and lets go of it. A point at which it gives way is both. Thread
 * context.
 */
void stretch_begin(void);
void stretch_end_at(const void *where);
static ALWAYS_INLINE void stretch_end(void)
{
	stretch_end_at(__builtin_return_address(0));
}

/* An interrupt came that was due `ticks` ago. Own CPU, interrupts off. */
void stretch_irq_late(uint64_t ticks);

/* A copy of a CPU's figures; cpu < MAX_CPUS. Any context. */
void stretch_get(uint32_t cpu, struct stretch_stats *out);

#endif
