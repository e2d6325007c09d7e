/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest prints, made harmless for the administrator's terminal: text,
 * colours and what a line editor needs within its own row pass; everything
 * that moves elsewhere, changes modes or titles, or makes the terminal answer
 * (and so type) is left out. Pure.
 */
#ifndef KERNEL_TERMFILTER_H
#define KERNEL_TERMFILTER_H

#include "kernel/lib/compiler.h"

/* The longest sequence that passes; longer ones are left out. */
#define TERM_FILTER_HELD 32u

/* Between two pieces of output; zeroed at the beginning. */
struct term_filter {
	unsigned state;
	unsigned nr_held;    /* of a sequence whose end has not come yet */
	unsigned nr_wanted;  /* bytes that a UTF-8 character still lacks */
	unsigned nr_dropped; /* of a string such as a title */
	bool coloured;	     /* a colour has passed: it may still be on */
	char held[TERM_FILTER_HELD];
};

/*
 * Filters n bytes into dst, which has room for n + TERM_FILTER_HELD; returns
 * how many there are.
 */
size_t term_filter(struct term_filter *f, const char *src, size_t n, char *dst);

#endif
