/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a room has to do before the machine ends, however it ends. Each room
 * has a table, which main.c registers; kernel/cpu/stop.h does the steps.
 */
#ifndef KERNEL_STOP_STEP_H
#define KERNEL_STOP_STEP_H

#include "kernel/lib/compiler.h"

/* Where and when, in this order. */
enum stop_when {
	STOP_EACH_CPU, /* on each CPU, the last that it does */
	STOP_MACHINE,  /* before reset and power-off, by the only CPU left */
};

struct stop_step {
	const char *name;
	enum stop_when when;
	/*
	 * Interrupts off, maybe in the middle of anything: takes no lock, ends
	 * without anybody's help, may be called again.
	 */
	void (*fn)(void);
};

#endif
