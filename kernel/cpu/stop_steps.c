// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps that the rooms registered, in the order of registration. */
#include "kernel/cpu/stop.h"
#include "kernel/lib/bug.h"

#define MAX_STEPS 8u

static const struct stop_step *steps[MAX_STEPS]; /* [const after boot] */
static size_t nr_steps;				 /* [const after boot] */

void stop_register(const struct stop_step *table, size_t nr)
{
	BUG_ON(nr > MAX_STEPS - nr_steps);
	for (size_t i = 0; i < nr; i++)
		steps[nr_steps++] = &table[i];
}

void stop_do_steps(enum stop_when when)
{
	for (size_t i = 0; i < nr_steps; i++)
		if (steps[i]->when == when)
			steps[i]->fn();
}
