// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel threads that are pthreads, each on a CPU of its own. Taken from the
 * archive by tests that call thread_create().
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/sched/thread.h"
#include "tsan.h"

struct host_thread {
	pthread_t id;
	sem_t permit;
	void (*fn)(void *arg);
	void *arg;
	uint32_t cpu;
};

static _Thread_local struct host_thread *self;
static uint32_t next_cpu = 1; /* 0 is main()'s [atomic] */

static struct host_thread *new_thread(void)
{
	struct host_thread *t = calloc(1, sizeof(*t));

	if (!t || sem_init(&t->permit, 0, 0))
		abort();
	return t;
}

struct thread *thread_self(void)
{
	/* The test's own pthreads become kernel threads when they ask. */
	if (!self)
		self = new_thread();
	return (struct thread *)self;
}

static void *thread_main(void *arg)
{
	self = arg;
	fake_cpu_id = self->cpu;
	self->fn(self->arg);
	return NULL;
}

int thread_create(const struct thread_params *p, struct thread **out)
{
	struct host_thread *t = new_thread();

	t->fn = p->fn;
	t->arg = p->arg;
	t->cpu = __atomic_fetch_add(&next_cpu, 1, __ATOMIC_RELAXED);
	*out = (struct thread *)t;
	if (pthread_create(&t->id, NULL, thread_main, t))
		abort();
	return 0;
}

void thread_join(struct thread *t)
{
	struct host_thread *h = (struct host_thread *)t;

	pthread_join(h->id, NULL);
	free(h);
}

void thread_park(void)
{
	struct host_thread *t = (struct host_thread *)thread_self();

	sem_wait(&t->permit);
	while (!sem_trywait(&t->permit))
		; /* at most one permit is stored */
}

void thread_unpark(struct thread *t)
{
	sem_post(&((struct host_thread *)t)->permit);
}

uint64_t thread_runtime(const struct thread *t)
{
	(void)t;
	return 0;
}
