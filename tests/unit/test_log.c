// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log: what guests provoke neither pushes out the host's lines nor another
 * guest's, and nothing in a line can act on a terminal.
 * Sources: kernel/sync/log.c kernel/lib/tsc.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/tsc.h"
#include "kernel/sync/log.h"

#define LIMITS_ARE_OVER (100 * 1000000000ull)

static unsigned nr_lines, nr_with;
static const char *looked_for;
static char last[512];

static void note(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	nr_lines++;
	nr_with += strstr(line, looked_for) != NULL;
	snprintf(last, sizeof(last), "%s", line);
}

/* Lines of the log from number `from` on that hold `text`. */
static unsigned lines_with(const char *text, uint64_t from)
{
	nr_lines = nr_with = 0;
	looked_for = text;
	log_dump_from(note, NULL, from);
	return nr_with;
}

static void guests_do_not_push_out_the_hosts_lines(void **state)
{
	static struct log_source loud, quiet;

	(void)state;
	for (int i = 0; i < 100; i++)
		log_info("host", "before %d", i);
	log_guest(&quiet, LOG_INFO, "vm", "vm=quiet its only word");
	for (int i = 0; i < 5000; i++)
		log_guest(&loud, LOG_WARN, "vm", "vm=loud announces a crash");
	assert_int_equal(lines_with("before", 0), 100);
	assert_int_equal(lines_with("vm=quiet", 0), 1);
	assert_in_range(lines_with("vm=loud", 0), 10, 40);
	/* Hours of it, at the rate that is allowed: still not. */
	for (int i = 0; i < 5000; i++) {
		loud.next_free = 0;
		log_guest(&loud, LOG_WARN, "vm", "vm=loud announces a crash");
	}
	assert_int_equal(lines_with("before", 0), 100);
}

static void what_was_left_out_is_counted(void **state)
{
	static struct log_source s;

	(void)state;
	/* The loud one has used up what all guests have. */
	s.nr_dropped = 40;
	log_guest(&s, LOG_INFO, "vm", "vm=a lost");
	assert_int_equal(lines_with("vm=a lost", 0), 0);
	assert_int_equal(s.nr_dropped, 41);
	fake_clock_advance(LIMITS_ARE_OVER);
	log_guest(&s, LOG_INFO, "vm", "vm=a again");
	assert_int_equal(lines_with("vm=a again", 0), 1);
	assert_int_equal(lines_with("(41 earlier lines", 0), 1);
}

static void all_guests_together_are_limited(void **state)
{
	static struct log_source many[200];

	(void)state;
	fake_clock_advance(LIMITS_ARE_OVER);
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		for (int n = 0; n < 10; n++)
			log_guest(&many[i], LOG_INFO, "vm", "vm=many");
	assert_in_range(lines_with("vm=many", 0), 10, 80);
}

static void lines_come_in_order_and_from_a_number_on(void **state)
{
	static struct log_source s;
	uint64_t from;

	(void)state;
	fake_clock_advance(LIMITS_ARE_OVER);
	from = log_dump_from(note, NULL, ~0ull);
	log_info("host", "first");
	log_guest(&s, LOG_INFO, "vm", "second");
	log_info("host", "third");
	(void)lines_with("", from);
	assert_int_equal(nr_lines, 3);
	assert_non_null(strstr(last, "third"));
	for (int i = 0; i < 1000; i++)
		log_info("host", "line %d", i);
	assert_int_equal(lines_with("host", 0), 256);
	assert_non_null(strstr(last, "line 999"));
}

static void nothing_acts_on_a_terminal(void **state)
{
	char all[256];

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	log_info("host", "marker %s", all);
	assert_int_equal(lines_with("marker", 0), 1);
	for (const char *c = last; *c; c++)
		assert_in_range(*c, ' ', '~');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_do_not_push_out_the_hosts_lines),
		cmocka_unit_test(what_was_left_out_is_counted),
		cmocka_unit_test(all_guests_together_are_limited),
		cmocka_unit_test(lines_come_in_order_and_from_a_number_on),
		cmocka_unit_test(nothing_acts_on_a_terminal),
	};

	tsc_khz = 1000000;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
