/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms hand over at boot as const tables, for an engine below or
 * beside them: all rows in the order of registration. Afterwards it is
 * constant: no lock, any context.
 */
#ifndef KERNEL_REGISTRY_H
#define KERNEL_REGISTRY_H

#include "kernel/lib/bug.h"
#include "kernel/lib/compiler.h"

#define REGISTRY_ROWS 64u

struct registry {
	size_t nr;
	const void *rows[REGISTRY_ROWS];
};

/* Adds the nr rows of a table, which stays. Boot only. */
static inline void registry_add(struct registry *r, const void *table,
				size_t row_nbytes, size_t nr)
{
	BUG_ON(nr > REGISTRY_ROWS - r->nr);
	for (size_t i = 0; i < nr; i++)
		r->rows[r->nr++] = (const char *)table + i * row_nbytes;
}

#endif
