/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel threads. Every vCPU and every service is one. Not preemptible in
 * the kernel: a thread runs until it blocks, yields, or (vCPU) goes back to
 * the scheduler because need_resched() became true. Service threads run
 * ahead of vCPU threads; vCPU threads share by weight.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "kernel/lib/compiler.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/wait.h"

enum thread_class {
	THREAD_SERVICE,
	THREAD_VCPU,
	THREAD_IDLE, /* one for each CPU, made by the scheduler */
};

struct thread;

/*
 * Whose share of the machine vCPU threads use: a VM's. Its weight is divided
 * among those of its threads that are runnable, 255 at most.
 */
struct sched_group {
	uint64_t demand; /* [atomic] kernel/sched/fair.c */
	uint64_t extra;	 /* ticks still to be paid for [atomic] */
	uint64_t used;	 /* virtual: what all its vCPUs ran [atomic] */
	uint32_t weight; /* 1..10000 [atomic] */
};

void sched_group_init(struct sched_group *g, uint32_t weight);
/* Any time; what has been used so far counts as before. */
void sched_group_set_weight(struct sched_group *g, uint32_t weight);
/* The group pays for work that others did for it. Any context. */
void sched_group_charge(struct sched_group *g, uint64_t ticks);

struct thread_params {
	const char *name; /* copied, up to 31 characters */
	void (*fn)(void *arg);
	void *arg;
	enum thread_class class;
	/* THREAD_VCPU: outlives the thread; NULL: one of its own, `weight`. */
	struct sched_group *group;
	uint32_t weight; /* 1..10000, default 100 */
	/*
	 * Called with interrupts off and the run queue unlocked, on the CPU
	 * in question, when the thread starts or stops to occupy it. NULL:
	 * none. switch_out runs before another thread runs there; switch_in
	 * after the thread's own stack is active again, and may let interrupts
	 * in for a while.
	 */
	void (*switch_in)(void *arg);
	void (*switch_out)(void *arg);
};

/* 0, -ENOMEM. The thread is runnable at once. Stack 16 KiB with guard page. */
MUST_CHECK int thread_create(const struct thread_params *p,
			     struct thread **out);

/* Ends the calling thread (also by returning from fn). */
NORETURN void thread_exit(void);

/* Waits until t has ended and frees it. Not for oneself. */
void thread_join(struct thread *t);

void thread_sleep_ns(uint64_t ns);

/* Ticks of TSC that t has run so far. */
uint64_t thread_runtime(const struct thread *t);

#endif
