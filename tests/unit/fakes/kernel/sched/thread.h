/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host tests: nobody else wants the CPU; see fakes.h for what parking does. */
#ifndef FAKES_KERNEL_THREAD_H
#define FAKES_KERNEL_THREAD_H

#define need_resched hardware_need_resched
#include "../../../../../kernel/sched/thread.h"
#undef need_resched

static inline bool need_resched(void)
{
	return false;
}

#endif
