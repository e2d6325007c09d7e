// SPDX-License-Identifier: GPL-2.0-or-later
/* Making, ending and parking threads; who runs when is kernel/sched/sched.c's.
 */
#include "kernel/sched/thread.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/stretch.h"
#include "mm/heap.h"
#include "mm/hostpt.h"

static void sleep_over(struct timer *timer)
{
	thread_unpark(container_of(timer, struct thread, sleep));
}

/* What context_switch() pops the first time: six registers, then `ret`. */
static uint64_t initial_stack(void *top)
{
	uint64_t *sp = top;

	*--sp = (uint64_t)thread_start;
	for (int i = 0; i < 6; i++)
		*--sp = 0;
	return (uint64_t)sp;
}

int thread_create(const struct thread_params *p, struct thread **out)
{
	struct thread *t = kzalloc(sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	err = hostpt_stack_alloc(THREAD_STACK_PAGES, &t->stack_top);
	if (err) {
		kfree(t);
		return err;
	}
	str_copy(t->name, p->name, sizeof(t->name));
	t->fn = p->fn;
	t->arg = p->arg;
	t->class = p->class;
	t->group = p->group ? p->group : &t->own;
	sched_group_init(&t->own, p->weight ? p->weight : WEIGHT_DEFAULT);
	t->switch_in = p->switch_in;
	t->switch_out = p->switch_out;
	t->rsp = initial_stack(t->stack_top);
	list_init(&t->link);
	waitq_init(&t->joiners);
	timer_init(&t->sleep, sleep_over);
	*out = t;
	sched_start(t);
	return 0;
}

void thread_exit(void)
{
	struct thread *t = thread_self();

	BUG_ON(t->mutexes);
	__atomic_store_n(&t->exited, 1u, __ATOMIC_RELEASE);
	waitq_wake_all(&t->joiners);
	sched_exit();
}

void thread_join(struct thread *t)
{
	BUG_ON(t == thread_self());
	wait_event(&t->joiners, __atomic_load_n(&t->exited, __ATOMIC_ACQUIRE));
	/* It may still be on its way off the CPU. */
	while (!sched_is_gone(t))
		cpu_pause();
	hostpt_stack_free(t->stack_top, THREAD_STACK_PAGES);
	kfree(t);
}

struct thread *thread_self(void)
{
	struct thread *t;

	__asm__ volatile("movq %%gs:32, %0" : "=r"(t));
	return t;
}

struct mutex **thread_mutexes(void)
{
	return &thread_self()->mutexes;
}

const char *thread_name(const struct thread *t)
{
	return t->name;
}

void thread_park(void)
{
	sched_park();
}

void thread_unpark(struct thread *t)
{
	/*
	 * If the permit was there already its giver has woken the thread, or
	 * the thread will find it; either way it re-checks after this.
	 */
	if (!__atomic_exchange_n(&t->permit, 1u, __ATOMIC_SEQ_CST))
		sched_wake(t);
}

void thread_park_until(uint64_t tsc_deadline)
{
	struct thread *t = thread_self();

	timer_arm(&t->sleep, tsc_deadline);
	sched_park();
	timer_cancel(&t->sleep);
}

void thread_sleep_ns(uint64_t ns)
{
	uint64_t deadline = rdtsc() + ns_to_tsc(ns);

	while (rdtsc() < deadline)
		thread_park_until(deadline);
}

void thread_yield(void)
{
	sched_yield_cpu();
}

bool thread_look_round(void)
{
	stretch_end_at(__builtin_return_address(0));
	stretch_begin();
	return need_resched();
}

void thread_give_way(void)
{
	stretch_end_at(__builtin_return_address(0));
	stretch_begin();
	if (need_resched())
		sched_yield_cpu();
	else
		sched_leave_vcpus_time();
}
