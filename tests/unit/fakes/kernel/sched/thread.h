/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host tests: nobody else wants the CPU; see fakes.h for what parking does. */
#ifndef FAKES_KERNEL_THREAD_H
#define FAKES_KERNEL_THREAD_H

#define need_resched hardware_need_resched
#define cond_resched hardware_cond_resched
#include "../../../../../kernel/sched/thread.h"
#undef need_resched
#undef cond_resched

static inline bool need_resched(void)
{
	return false;
}

static inline void cond_resched(void)
{
}

#endif
