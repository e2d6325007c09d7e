/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host tests: fake_clock_advance() fires the timers that come due. */
#ifndef FAKES_KERNEL_CLOCK_H
#define FAKES_KERNEL_CLOCK_H

#define timer_next_deadline hardware_timer_next_deadline
#include "../../../../../kernel/sched/clock.h"
#undef timer_next_deadline
#include "../sync/percpu.h"

static inline uint64_t timer_next_deadline(void)
{
	return READ_ONCE(this_cpu()->timer_next);
}

#endif
