/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of a thread, for kernel/sched/sched.c, runq.c, thread.c.
 */
#ifndef KERNEL_THREAD_PRIV_H
#define KERNEL_THREAD_PRIV_H

#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"

#define THREAD_STACK_PAGES 4u
#define THREAD_NAME_MAX	   32u
#define WEIGHT_DEFAULT	   100u
#define WEIGHT_MAX	   10000u

enum thread_state {
	THREAD_READY,	/* in a run queue */
	THREAD_RUNNING, /* some CPU's current */
	THREAD_PARKED,
	THREAD_DEAD,
};

/* [rq]: guarded by the run queue lock of CPU t->cpu. */
struct thread {
	uint64_t rsp;	  /* saved while not running [rq] */
	struct list link; /* a service thread in a run queue [rq] */
	/* a vCPU in one [rq] */
	struct prioq_node by_vruntime, by_rate, by_deadline;
	uint64_t ready_since;	   /* TSC; a vCPU that waits [rq] */
	enum thread_state state;   /* [rq] */
	uint32_t permit;	   /* [atomic] */
	uint32_t cpu;		   /* runs, or ran last, there [rq] */
	enum thread_class class;   /* [const] */
	struct sched_group *group; /* whose share it uses [const] */
	struct sched_group own;	   /* for a vCPU thread without a group */
	uint64_t demand_seen;	   /* the group's, see fair.c [rq] */
	uint64_t vruntime;	   /* see fair.h; wraps [rq] */
	uint64_t runtime;	   /* ticks up to the last switch [rq] */
	struct mutex *mutexes;	   /* held, newest first [own] */
	struct timer sleep;	   /* for thread_park_until [own] */
	uint32_t exited;	   /* [atomic] */
	struct waitq joiners;
	void (*fn)(void *arg);	       /* [const] */
	void (*switch_in)(void *arg);  /* [const] */
	void (*switch_out)(void *arg); /* [const] */
	void *arg;		       /* [const] */
	void *stack_top;	       /* [const] */
	char name[THREAD_NAME_MAX];    /* [const] */
};

#endif
