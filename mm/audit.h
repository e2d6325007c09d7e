/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proof of the accounting: every frame, object page and stage-2 leaf is
 * walked; both sums and every owner link are checked.
 */
#ifndef MM_AUDIT_H
#define MM_AUDIT_H

#include "kernel/lib/compiler.h"

struct audit_report {
	uint64_t nr_frames, nr_objects, nr_object_pages, nr_leaves;
	uint64_t nr_errors;
	char first_error[160]; /* names the thing; "" if clean */
};

/*
 * Locks each VM's space in turn; the machine may run (counters that move
 * meanwhile are re-read). Thread context. Reports each error with `line`,
 * up to 20.
 */
void mm_audit(struct audit_report *out,
	      void (*line)(void *arg, const char *text), void *arg);

#endif
