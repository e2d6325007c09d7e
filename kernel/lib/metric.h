/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A figure of the whole machine, for the console's `metrics`. Each room has a
 * table, which main.c registers.
 */
#ifndef KERNEL_METRIC_H
#define KERNEL_METRIC_H

#include "kernel/lib/compiler.h"

struct metric {
	const char *name; /* "room.what" */
	const char *unit; /* "bytes", "ticks" (of the TSC), or what it counts */
	const char *help;
	/* Thread context; blocks for short locks only. */
	uint64_t (*get)(const struct metric *m);
	unsigned arg; /* for a get() that serves several rows */
};

#endif
