/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test that only the real machine can run, such as locks under load. For the
 * console's `selftest`: safe at any time, done in a few seconds, sharing the
 * machine with the guests. Each room has a table, which main.c registers.
 */
#ifndef KERNEL_SELFTEST_H
#define KERNEL_SELFTEST_H

#include "kernel/lib/compiler.h"

struct selftest {
	const char *name;
	/* True if it passed; says what it measured, or found, in `text`. */
	bool (*run)(char *text, size_t nbytes);
};

#endif
