/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of the auditor: audit.c (spaces), audit_frames.c (frames). */
#ifndef MM_AUDIT_PRIV_H
#define MM_AUDIT_PRIV_H

#include "kernel/lib/compiler.h"
#include "mm/audit.h"

#define AUDIT_MAX_LINES 20u
#define AUDIT_LINE_MAX	160u

typedef unsigned long long ull; /* what %llu prints */

struct audit {
	struct audit_report *out;
	uint32_t nr_lines;
	/* Printed when no lock is held. */
	char lines[AUDIT_MAX_LINES][AUDIT_LINE_MAX];
};

/* Counts an error and keeps its line. Locks may be held. */
void audit_complain(struct audit *a, const char *fmt, ...) PRINTF(2, 3);

/* True if the two are further apart than changes meanwhile explain. */
static inline bool audit_differs(uint64_t counted, uint64_t walked,
				 uint64_t slack)
{
	return counted > walked ? counted - walked > slack
				: walked - counted > slack;
}

/* The frames of the machine and whom they belong to. No lock held. */
void audit_frames(struct audit *a);

#endif
