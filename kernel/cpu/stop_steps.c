// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps that the rooms registered, in the order of registration. */
#include "kernel/cpu/stop.h"
#include "kernel/lib/registry.h"

static struct registry steps;

void stop_register(const struct stop_step *table, size_t nr)
{
	registry_add(&steps, table, sizeof(*table), nr);
}

void stop_do_steps(enum stop_when when)
{
	for (size_t i = 0; i < steps.nr; i++) {
		const struct stop_step *step = steps.rows[i];

		if (step->when == when)
			step->fn();
	}
}
