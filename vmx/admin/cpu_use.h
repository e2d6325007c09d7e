/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a CPU VMs and vCPUs use. Console thread only. */
#ifndef VMX_CPU_USE_H
#define VMX_CPU_USE_H

#include "vmx/vm.h"

/*
 * A clock for shares: since the last look, at least CPU_USE_LEAST_NS long, or
 * since the beginning. Zeroed at first.
 */
struct cpu_use {
	uint64_t tsc, ticks;
	uint32_t permille; /* at the last look; 1000: one whole CPU */
};

#define CPU_USE_LEAST_NS 100000000ull

/* `ticks` have been used so far. Returns the share since the last look. */
uint32_t cpu_use_look(struct cpu_use *u, uint64_t ticks);

/* Share of a VM since `vm list` or `vm info` last looked. */
uint32_t cpu_use_of_vm(struct vm *vm);

/* "12.3" (16 bytes); returns dst. */
char *cpu_use_text(uint32_t permille, char *dst);

#endif
