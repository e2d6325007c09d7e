/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included ahead of every source of a ThreadSanitizer test: a single access
 * that may meet another one is a relaxed atomic, which is what READ_ONCE()
 * and WRITE_ONCE() amount to on this processor. Everything else that two
 * threads touch must be ordered by a lock or an atomic, or the test fails.
 * Now and then another thread gets in between.
 */
#ifndef TSAN_ONCE_H
#define TSAN_ONCE_H

#include "kernel/lib/compiler.h"

void tsan_perturb(void); /* tests/tsan/perturb.c */

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)                                                           \
	({                                                                     \
		tsan_perturb();                                                \
		__atomic_load_n(&(x), __ATOMIC_RELAXED);                       \
	})
#define WRITE_ONCE(x, v)                                                       \
	do {                                                                   \
		tsan_perturb();                                                \
		__atomic_store_n(&(x), (v), __ATOMIC_RELAXED);                 \
	} while (0)

#endif
