/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BUG_ON: our own invariant is broken; present in every build, ends in
 * panic(). ASSERT: the same for checks too slow to ship (builds with DEBUG=1
 * and all host tests).
 */
#ifndef KERNEL_BUG_H
#define KERNEL_BUG_H

#include "kernel/lib/compiler.h"

/* Never returns, takes no lock, allocates nothing. Any context. */
NORETURN COLD void panic(const char *fmt, ...) PRINTF(1, 2);

NORETURN COLD void bug_at(const char *file, int line, const char *what);

#define BUG_ON(cond)                                                           \
	do {                                                                   \
		if (unlikely(cond))                                            \
			bug_at(__FILE__, __LINE__, #cond);                     \
	} while (0)

#define BUG() bug_at(__FILE__, __LINE__, "unreachable")

#if defined(DEBUG) && DEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#endif
