/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: nobody else wants the CPU unless the test says so; see fakes.h
 * for what parking does.
 */
#ifndef FAKES_KERNEL_WAIT_H
#define FAKES_KERNEL_WAIT_H

#include "percpu.h"

#define need_resched hardware_need_resched
#include "../../../../../kernel/sync/wait.h"
#undef need_resched

static inline bool need_resched(void)
{
	return READ_ONCE(this_cpu()->need_resched);
}

#endif
