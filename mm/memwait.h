/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that wait until host memory comes free. Being short of memory is
 * a state, not an error: a vCPU waits here and nothing dies.
 */
#ifndef MM_MEMWAIT_H
#define MM_MEMWAIT_H

#include "kernel/lib/compiler.h"
#include "kernel/sync/log.h"

void memwait_init(void);

/* How many threads wait. [atomic] */
extern uint32_t memwait_nr;

/*
 * Blocks until guests may take memory again or stop(arg) is true (whoever
 * makes it true unparks the thread). Logs once that VM `name`, which has npages
 * now, waits. No lock held.
 */
void memwait_wait(struct log_source *log, const char *name, uint64_t npages,
		  bool (*stop)(void *arg), void *arg);

/* Memory came free: wakes a few, who wake others as they go on. Any context
 * that may take LOCK_WAITQ. */
void memwait_wake(void);

static inline bool memwait_pending(void)
{
	return __atomic_load_n(&memwait_nr, __ATOMIC_RELAXED) != 0;
}

#endif
