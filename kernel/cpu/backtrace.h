/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbolized backtraces by frame pointers. */
#ifndef KERNEL_BACKTRACE_H
#define KERNEL_BACKTRACE_H

#include "kernel/lib/compiler.h"

/*
 * Name of the function that holds addr, or NULL; *offset: distance from its
 * start.
 */
const char *symbol_of(uint64_t addr, uint64_t *offset);

/*
 * Prints rip and the callers found from rbp, one line each, by hostcon_write.
 * called: rip is where a call returns to, not where something happened. Takes
 * no lock; stops at the first frame pointer that makes no sense.
 */
void backtrace_print(uint64_t rip, bool called, uint64_t rbp);

#endif
