// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for host memory.
 *
 * Invariant: a waiter is counted in memwait_nr from before it looks at the
 * free count until it goes on, so that whoever frees memory after that look
 * sees it. Of many, few are woken at a time, with interrupts off: each one that
 * goes on, for whatever reason, wakes the next while there is memory.
 */
#include "mm/memwait.h"
#include "kernel/lib/tsc.h"
#include "kernel/sync/log.h"
#include "kernel/sync/wait.h"
#include "mm/frame.h"

/*
 * Frames wanted above the guests' mark before waiters go on: less would let
 * them come back at once, with a wake-up for each page.
 */
#define WAKE_HEADROOM 512u
/* Woken by one call; more than one, so that no slow one holds up the rest. */
#define WAKE_AT_ONCE 4u
/* After this long any single frame will do. */
#define PATIENCE_NS 100000000ull

uint32_t memwait_nr;
static struct waitq waiters;

void memwait_init(void)
{
	waitq_init(&waiters);
}

static void log_wait(struct log_source *log, const char *name, uint64_t npages)
{
	struct frame_stats st;

	frame_get_stats(&st);
	log_guest(
		log, LOG_WARN, "mm",
		"vm=%s waits for host memory: resident=%llu KiB wanted=%llu KiB free=%llu KiB reserve=%llu KiB",
		name, (unsigned long long)npages * 4, PAGE_SIZE / 1024,
		(unsigned long long)st.nr_type[FRAME_FREE] * 4,
		(unsigned long long)st.reserve * 4);
}

void memwait_wait(struct log_source *log, const char *name, uint64_t npages,
		  bool (*stop)(void *arg), void *arg)
{
	uint64_t impatient = rdtsc() + ns_to_tsc(PATIENCE_NS);
	struct waitq_entry e;

	if (!frame_guest_may_take(1))
		log_wait(log, name, npages);
	__atomic_fetch_add(&memwait_nr, 1, __ATOMIC_SEQ_CST);
	waitq_prepare(&waiters, &e);
	while (!stop(arg) && !frame_guest_may_take(WAKE_HEADROOM)) {
		if (rdtsc() >= impatient) {
			if (frame_guest_may_take(1))
				break;
			impatient = rdtsc() + ns_to_tsc(PATIENCE_NS);
		}
		thread_park_until(impatient);
	}
	waitq_finish(&waiters, &e);
	__atomic_fetch_sub(&memwait_nr, 1, __ATOMIC_SEQ_CST);
	if (memwait_pending())
		memwait_wake();
}

void memwait_wake(void)
{
	if (frame_guest_may_take(WAKE_HEADROOM))
		waitq_wake_some(&waiters, WAKE_AT_ONCE);
}
