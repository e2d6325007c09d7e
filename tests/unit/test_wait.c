/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wait queues and mutexes over a thread that has one permit, as every thread
 * does.
 * Sources: kernel/sync/wait.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/sync/wait.h"

static bool permit;
static void (*on_park)(void); /* what others do while this thread is parked */
static struct mutex *mutexes;

struct mutex **thread_mutexes(void)
{
	return &mutexes;
}

void thread_unpark(struct thread *t)
{
	assert_ptr_equal(t, thread_self());
	permit = true;
}

void thread_park(void)
{
	if (!permit && on_park)
		on_park();
	/* Else it would sleep for ever. */
	assert_true(permit);
	permit = false;
}

static int fresh(void **state)
{
	(void)state;
	permit = false;
	on_park = NULL;
	return 0;
}

/* ---- a wait in the middle of another one ---- */

static struct waitq outer, inner;
static bool outer_is_true, inner_is_true;

static void both_come_true(void)
{
	on_park = NULL; /* nobody comes again */
	outer_is_true = true;
	waitq_wake_all(&outer);
	inner_is_true = true;
	waitq_wake_all(&inner);
}

/* As when a condition prints something and the line has no room. */
static bool look_and_wait_for_inner(void)
{
	bool seen = outer_is_true;

	wait_event(&inner, inner_is_true);
	return seen;
}

static void a_wait_takes_no_wakeup_from_the_one_around_it(void **state)
{
	(void)state;
	waitq_init(&outer);
	waitq_init(&inner);
	outer_is_true = inner_is_true = false;
	on_park = both_come_true;
	wait_event(&outer, look_and_wait_for_inner());
	assert_true(outer_is_true);
	assert_true(list_empty(&outer.waiters));
	assert_true(list_empty(&inner.waiters));
}

static void who_need_not_wait_is_not_woken(void **state)
{
	(void)state;
	waitq_init(&outer);
	wait_event(&outer, true);
	assert_false(permit);
}

/* ---- mutexes ---- */

static struct mutex m;

static void owner_lets_go(void)
{
	m.owner = NULL;
	waitq_wake_one(&m.waiters);
}

static void a_mutex_is_waited_for(void **state)
{
	(void)state;
	mutex_init(&m, LOCK_CONSOLE_MUX, "m");
	m.owner = (struct thread *)&m; /* somebody else */
	on_park = owner_lets_go;
	mutex_lock(&m);
	assert_ptr_equal(m.owner, thread_self());
	assert_ptr_equal(mutexes, &m);
	mutex_unlock(&m);
	assert_null(m.owner);
	assert_null(mutexes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_wait_takes_no_wakeup_from_the_one_around_it, fresh),
		cmocka_unit_test_setup(who_need_not_wait_is_not_woken, fresh),
		cmocka_unit_test_setup(a_mutex_is_waited_for, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
