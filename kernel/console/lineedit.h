/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editor for a VT100 on a slow line. Pure: keys come in as bytes, what
 * the terminal must be sent goes out through a callback.
 *
 * Invariant: `shown` is what the terminal's row holds after everything emitted
 * so far, so each redraw sends only the difference.
 */
#ifndef KERNEL_LINEEDIT_H
#define KERNEL_LINEEDIT_H

#include "kernel/lib/compiler.h"

#define LINEEDIT_MAX	 512u /* incl. NUL */
#define LINEEDIT_HISTORY 32u
/* Columns used; the last one stays free so that no terminal wraps. */
#define LINEEDIT_COLS 79u

enum lineedit_event {
	LINEEDIT_MORE,	   /* the line is still being edited */
	LINEEDIT_LINE,	   /* Enter: `line` holds it */
	LINEEDIT_TOO_LONG, /* Enter, but bytes were dropped: don't use it */
	LINEEDIT_CANCEL,   /* Ctrl-C: `line` is empty */
	LINEEDIT_SWITCH,   /* Ctrl-T: other console; the line stays as it is */
};

struct lineedit;

struct lineedit_ops {
	void (*emit)(void *arg, const char *s, size_t n);
	/*
	 * Tab: may call lineedit_insert(), and lineedit_print() to show
	 * candidates under the line. NULL: Tab rings the bell.
	 */
	void (*complete)(void *arg, struct lineedit *le);
	void *arg;
};

struct lineedit {
	const struct lineedit_ops *ops;
	const char *prompt; /* printable ASCII */

	char line[LINEEDIT_MAX];
	size_t len, cur;
	size_t nr_dropped; /* bytes that did not fit */

	char shown[LINEEDIT_COLS + 1]; /* the row on the screen */
	size_t shown_len, shown_cur;
	size_t first; /* index in line of the first character shown */

	enum { KEYS_PLAIN, KEYS_ESC, KEYS_CSI, KEYS_SS3 } keys;
	unsigned csi_param;
	bool after_cr; /* swallow the LF of a CR LF */

	char history[LINEEDIT_HISTORY][LINEEDIT_MAX]; /* ring */
	size_t history_next;			      /* lines ever added */
	size_t history_at;			      /* == next: the draft */
	char draft[LINEEDIT_MAX];
};

void lineedit_init(struct lineedit *le, const struct lineedit_ops *ops,
		   const char *prompt);
/* Starts an empty line: prints the prompt. */
void lineedit_begin(struct lineedit *le);
/* The terminal is on an empty row: shows prompt and line again. */
void lineedit_redraw(struct lineedit *le);
enum lineedit_event lineedit_key(struct lineedit *le, unsigned char c);

/* Inserts at the cursor; what does not fit is dropped with a bell. */
void lineedit_insert(struct lineedit *le, const char *s, size_t n);
/* Prints text (whole lines) under the line and the line again below. */
void lineedit_print(struct lineedit *le, const char *text);

/*
 * The bytes that draw the row again on an empty row, prompt and cursor
 * included, into dst; returns how many (at most nbytes). For messages
 * printed above the line by others.
 */
#define LINEEDIT_IMAGE_MAX (LINEEDIT_COLS + 8)
size_t lineedit_image(const struct lineedit *le, char *dst, size_t nbytes);

#endif
