/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The syntax of aerostat.conf below its meaning: lines, blanks, comments,
 * quotes. Shared by the hypervisor's parser and by the loader, which only
 * looks for names of files. The text may hold anything.
 */
#ifndef KERNEL_CONF_H
#define KERNEL_CONF_H

#include "kernel/lib/compiler.h"

#define CONF_LINE_MAX 4096 /* a longer line is an error */
#define CONF_PATH_MAX 128  /* incl. NUL */

struct conf_text {
	const char *text; /* need not be NUL-terminated */
	size_t nbytes;
	size_t at; /* 0 at first */
};

/* The next line, without its end; false: none. */
bool conf_next_line(struct conf_text *t, const char **line, size_t *n);

static inline bool conf_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline char *conf_skip_blanks(char *s)
{
	while (conf_is_blank(*s))
		s++;
	return s;
}

/* Cuts blanks at the end. */
void conf_trim_end(char *s);

/*
 * Cuts a trailing comment (# or ; after a blank, outside double quotes) and
 * the double quotes around a whole value. NULL: the quotes don't match.
 */
char *conf_unquote(char *s);

/*
 * The next file that a line names as kernel, initrd or module, into path
 * (CONF_PATH_MAX); false: no more.
 */
bool conf_next_file(struct conf_text *t, char *path);

#endif
