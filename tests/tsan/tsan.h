/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests with real threads share. */
#ifndef TSAN_H
#define TSAN_H

#include <stdint.h>

/* The next number of a thread's own sequence. */
static inline uint32_t tsan_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
