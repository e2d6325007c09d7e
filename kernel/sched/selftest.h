/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that only the real machine can run: scheduler, locks, timers and calls
 * between CPUs under load. For the console's `selftest`, safe at any time: they
 * share the machine with the guests, and take a few seconds of its time.
 */
#ifndef KERNEL_SELFTEST_H
#define KERNEL_SELFTEST_H

#include "kernel/lib/compiler.h"

struct selftest {
	const char *name;
	/* True if it passed; says what it measured, or found, in `text`. */
	bool (*run)(char *text, size_t nbytes);
};

extern const struct selftest selftests[];
extern const size_t nr_selftests;

#endif
