// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps that rooms bring for the end of the machine.
 * Sources: kernel/cpu/stop_steps.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/stop.h"
#include "kernel/lib/registry.h"

static char done[64];

static void note(char c)
{
	size_t n = strlen(done);

	done[n] = c;
	done[n + 1] = '\0';
}

static void leave(void)
{
	note('l');
}

static void drain(void)
{
	note('d');
}

static void flush(void)
{
	note('f');
}

static const struct stop_step lower[] = {
	{ "drain", STOP_MACHINE, drain },
	{ "leave", STOP_EACH_CPU, leave },
};
static const struct stop_step upper[] = {
	{ "flush", STOP_MACHINE, flush },
};

/* In the order of one process: a table once registered stays. */
static void steps_are_done_where_they_belong(void **state)
{
	(void)state;
	stop_do_steps(STOP_EACH_CPU);
	stop_do_steps(STOP_MACHINE);
	assert_string_equal(done, "");
	stop_register(lower, 2);
	stop_register(upper, 1);
	stop_do_steps(STOP_EACH_CPU);
	assert_string_equal(done, "l");
	stop_do_steps(STOP_MACHINE);
	assert_string_equal(done, "ldf");
	/* A panic in the course of a power-off does them again. */
	stop_do_steps(STOP_EACH_CPU);
	assert_string_equal(done, "ldfl");
}

static void more_steps_than_there_is_room_for_are_a_bug(void **state)
{
	(void)state;
	for (size_t i = 3; i < REGISTRY_ROWS; i++)
		stop_register(upper, 1);
	expect_assert_failure(stop_register(upper, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_done_where_they_belong),
		cmocka_unit_test(more_steps_than_there_is_room_for_are_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
