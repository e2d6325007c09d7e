/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service that puts guests' small pages together again to 2 MiB blocks:
 * what the balloon, discard and scattered first touches took apart comes back
 * to large leaves after a while.
 *
 * It looks twice in a second whether guests have used more memory since it
 * found nothing to do (a few loads for each VM), and takes no more than one
 * part in fifty of a CPU. A machine that never ran a guest has no such service.
 */
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "mm/gspace.h"
#include "vmx/vm_priv.h"

#define PERIOD_NS   500000000ull
#define SHARE	    50u /* of one CPU's time: one part in this many */
#define SHORTEST_NS 1000000ull

static void collapse_thread(void *arg)
{
	(void)arg;
	for (;;) {
		uint64_t begin = rdtsc(), spent;

		if (gspace_collapse_some() == COLLAPSE_NOTHING) {
			thread_sleep_ns(PERIOD_NS);
			continue;
		}
		spent = tsc_to_ns(rdtsc() - begin);
		thread_sleep_ns(max(spent * (SHARE - 1), SHORTEST_NS));
	}
}

void vm_collapse_start(void)
{
	static const struct thread_params p = {
		.name = "collapse",
		.fn = collapse_thread,
		.class = THREAD_SERVICE,
	};
	static bool started; /* [atomic] */
	struct thread *t;

	if (__atomic_exchange_n(&started, true, __ATOMIC_SEQ_CST))
		return;
	if (thread_create(&p, &t)) {
		log_warn("vm", "no memory for the collapse service");
		__atomic_store_n(&started, false, __ATOMIC_SEQ_CST);
	}
}
