// SPDX-License-Identifier: GPL-2.0-or-later
/* Lets other threads in at shared accesses: see once.h. */
#include <sched.h>

#include "tsan.h"

void tsan_perturb(void)
{
	static _Thread_local uint32_t state;

	if (!state)
		state = (uint32_t)(uintptr_t)&state >> 4;
	if (tsan_random(&state) % 16 == 0)
		sched_yield();
}
