/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of the hypervisor's functions, for backtraces. The table is made by
 * kernel/mksyms.py from a first link; the last entry is __text_end, so that
 * each function ends where the next entry starts.
 */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <stdint.h>

struct ksym {
	uint64_t addr;
	const char *name;
};

extern const struct ksym ksyms[]; /* ascending by addr */
extern const uint32_t nr_ksyms;	  /* 0 in the first link pass only */

#endif
