/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vCPU threads owe and are owed: pure arithmetic, the caller tells the
 * time.
 *
 * A VM's weight is divided among those of its vCPUs that are runnable. A
 * thread that runs pays for it in virtual time: the ticks, times the number of
 * runnable vCPUs of its VM then, over the VM's weight. Who has paid least runs
 * next.
 *
 * Virtual runtimes are comparable over the whole machine, and all of them stay
 * near one machine clock: the highest least virtual runtime that any CPU ran
 * next. Who falls further behind it than CREDIT forfeits the rest, be it that
 * it slept or that it can't use its share (one vCPU never gets more than one
 * CPU); who is further ahead than DEBT is let off the rest: nobody else wanted
 * that time. So what a thread did alone, or on another CPU, is never held for
 * or against anybody for longer than these. All are in the thread's own time.
 *
 * A vCPU that sleeps isn't counted, so that those of one VM which sleep in
 * turns would have a larger share each when they wake. Therefore a VM has an
 * account of its own: who wakes comes behind what its VM has used already.
 */
#ifndef KERNEL_FAIR_H
#define KERNEL_FAIR_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/prioq.h"
#include "kernel/sched/thread_priv.h"

/* A turn when others wait; a light thread's beside a heavy one is shorter. */
#define TURN_US	    4000u
#define TURN_MIN_US 500u
/*
 * Who waits runs after this times the number of runnable threads at the latest,
 * unless it is lighter than a tenth of the average: see fair_patience(), and a
 * turn begun just before.
 */
#define SLICE_US 10000u
/* The lead that a running vCPU may keep before another one displaces it. */
#define LEAD_US 1000u
/* What having slept is worth, and how far lags are remembered at all. */
#define SLEEPER_US 3000u
#define CREDIT_US  20000u
#define DEBT_US	   4000u

/* Virtual time per 1024 ticks of a thread of that group, as it stands now. */
uint32_t fair_rate(const struct sched_group *g);
static inline uint64_t fair_virtual(uint64_t ticks, uint32_t rate)
{
	return ticks * rate >> 10;
}

/* One more, one less runnable vCPU from now on. Any context. */
void fair_join(struct sched_group *g, uint64_t now);
void fair_leave(struct sched_group *g, uint64_t now);

/* t, a vCPU thread, begins to run; [t's run queue] from here on. */
void fair_begin(struct thread *t, uint64_t now);
/* It ran so long, until now: it pays. `clock` is the machine clock. */
void fair_charge(struct thread *t, uint64_t ran, uint64_t now, uint64_t clock);
/* t comes into a queue: from sleep, from another CPU, or for the first time. */
void fair_place(struct thread *t, uint64_t clock, bool slept);

/* The machine clock has reached v; it never goes back. */
void fair_clock_raise(uint64_t *clock, uint64_t v);

/* What others may know of what a CPU runs, without its lock: only a hint. */
struct fair_hint {
	enum thread_class class;
	uint32_t rate;
	uint64_t vruntime; /* at `since` */
	uint64_t since;
};

/* The virtual runtime that the running vCPU which h is about is held to now. */
uint64_t fair_hint_now(const struct fair_hint *h, uint64_t now, uint64_t clock);

/*
 * How far the vCPU that h is about has run ahead of t, which waits, beyond the
 * lead that it may keep (in the lighter one's time); <= 0: it may go on.
 */
int64_t fair_lead(const struct fair_hint *h, const struct thread *t,
		  uint64_t now, uint64_t clock);

/*
 * How far the one that h is about, which waits, is behind v beyond such a
 * lead; <= 0: it isn't.
 */
int64_t fair_lag(const struct fair_hint *h, uint64_t v, uint64_t clock);

/*
 * Ticks that one may wait among n threads before it is let off what it owes and
 * comes next: twice what it waits at most in the steady state. `weights`: those
 * of the n together, as a multiple of its own. It gets so late when weights
 * change or the number of runnable vCPUs of a VM does, or while the others come
 * back from sleep one after the other.
 */
uint64_t fair_patience(uint64_t n, uint64_t weights);
/* It has waited too long: it owes nothing. */
void fair_let_off(struct thread *t, uint64_t clock);

/* Ticks of a turn of a thread of that rate if the least rate beside is so. */
uint64_t fair_turn(uint32_t rate, uint32_t least_rate);

#endif
