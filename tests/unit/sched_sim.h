/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine in simulated time for the real scheduler: sched.c, its run queues
 * and timers run unchanged; CPUs, interrupts and stacks are made here. Threads
 * have stacks of their own, and the simulator resumes whichever has something
 * to do next.
 */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include <ucontext.h>

#include "fakes.h"
#include "kernel/sched/thread_priv.h"

#define SIM_THREADS 40u
#define SIM_CPUS    8u
#define SIM_US	    1000ull /* one tick is one nanosecond */
#define SIM_MS	    1000000ull

struct sim_thread {
	struct thread t;
	ucontext_t ctx;
	void *stack;
	/* Runs so long, then sleeps so long; 0: no end, chosen anew each time.
	 */
	uint64_t burst, pause;
	bool random;	      /* bursts and pauses are drawn up to those */
	bool stop;	      /* ends at the next chance */
	uint64_t event_at;    /* when it has something to do while it runs */
	uint64_t ready_since; /* it waits for a CPU since then; 0: it doesn't */
	uint64_t company;     /* threads runnable at some time of that wait */
	bool used, gone;
};

struct sim {
	struct sim_thread threads[SIM_THREADS];
	struct sim_thread idle[SIM_CPUS];
	uint64_t hardware[SIM_CPUS]; /* the APIC timer is set for */
	uint64_t kicked[SIM_CPUS];   /* an IPI arrives then */
	ucontext_t loop;
	uint64_t worst_wait_permille; /* of what the bound allows */
	uint32_t seed;
};
extern struct sim sim;

/* A machine of that many CPUs, all idle, at time 1 s. */
void sim_start(uint32_t cpus, uint32_t seed);
void sim_end(void);
/* Starts a thread; g NULL: a share of its own, of `weight`. */
struct sim_thread *sim_thread(struct sched_group *g, uint32_t weight,
			      uint64_t burst, uint64_t pause);
/* Starts a service that works for ever, in pieces so long. */
struct sim_thread *sim_service(uint64_t piece);
/* Lets time pass. Fails if a thread waits too long, or while a CPU idles. */
void sim_run(uint64_t ticks);
uint64_t sim_runtime(struct sim_thread *s);
uint32_t sim_random(uint32_t below);

#endif
