/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host tests may turn and look at in the fakes. Every fake function is a
 * weak symbol: a test that lists the real source among its Sources gets the
 * real function instead.
 *
 * panic() and BUG_ON() end in cmocka's mock_assert(): a test either fails, or
 * expects them with expect_assert_failure().
 */
#ifndef FAKES_H
#define FAKES_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/directmap.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"

/*
 * An arena of nbytes (rounded up to 1 GiB of address space; only what is
 * touched costs memory), zero-filled, aligned to 1 GiB, so that fake physical
 * alignment is real alignment. Replaces an earlier one.
 */
void fake_ram_create(uint64_t nbytes);
void fake_ram_destroy(void);

/* Moves fake_tsc on by ticks, stopping at each timer that comes due. */
void fake_clock_advance(uint64_t ticks);

/*
 * thread_park() calls this in the place of blocking; the hook makes the
 * awaited condition true. NULL: parking is a failed test, since nobody could
 * wake the thread.
 */
extern void (*fake_park_hook)(void);

/*
 * thread_give_way(), which must be called without a spinlock, calls this: what
 * others do to the space meanwhile. NULL: nothing.
 */
extern void (*fake_give_way_hook)(void);
extern unsigned fake_nr_ways_given;
extern unsigned fake_nr_unparks;

/* The last log line (without level and room), and how many of each level. */
extern char fake_log_last[512];
extern unsigned fake_log_count[LOG_DEBUG + 1];

/* Spinlocks that this host thread holds now. */
unsigned fake_locks_held(void);
/* Releases them: what a panic that the test expected left behind. */
void fake_locks_drop(void);

#endif
