// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON writer: commas, nesting, escapes, and misuse caught.
 *
 * Sources: kernel/lib/json.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "kernel/lib/json.h"

static char out[1024];
static size_t out_len;

static void emit(void *arg, const char *s, size_t n)
{
	(void)arg;
	assert_true(out_len + n < sizeof(out));
	memcpy(out + out_len, s, n);
	out_len += n;
	out[out_len] = '\0';
}

static struct json *start(void)
{
	static struct json j;

	out_len = 0;
	out[0] = '\0';
	json_begin(&j, emit, NULL);
	return &j;
}

static void test_nesting_and_commas(void **state)
{
	struct json *j = start();

	(void)state;
	json_open_object(j, NULL);
	json_str(j, "name", "web");
	json_u64(j, "big", UINT64_MAX);
	json_open_array(j, "list");
	json_u64(j, NULL, 1);
	json_open_object(j, NULL);
	json_close_object(j);
	json_open_array(j, NULL);
	json_close_array(j);
	json_bool(j, NULL, true);
	json_close_array(j);
	json_bool(j, "last", false);
	json_close_object(j);
	json_finish(j);
	assert_string_equal(out, "{\"name\":\"web\","
				 "\"big\":18446744073709551615,"
				 "\"list\":[1,{},[],true],\"last\":false}");
}

static void test_escapes(void **state)
{
	struct json *j = start();

	(void)state;
	json_str(j, NULL, "a\"b\\c\n\t\x1b\x7f\xe9z");
	json_finish(j);
	assert_string_equal(out,
			    "\"a\\\"b\\\\c\\n\\u0009\\u001b\\u007f\\u00e9z\"");
}

static void test_deepest_nesting(void **state)
{
	struct json *j = start();

	(void)state;
	for (unsigned i = 0; i < JSON_DEPTH_MAX; i++)
		json_open_array(j, NULL);
	expect_assert_failure(json_open_array(j, NULL));
}

static void test_misuse_is_a_bug(void **state)
{
	struct json *j = start();

	(void)state;
	expect_assert_failure(json_finish(j));
	expect_assert_failure(json_str(j, "key", "at top level"));
	expect_assert_failure(json_close_object(j));
	json_open_object(j, NULL);
	expect_assert_failure(json_u64(j, NULL, 1));
	expect_assert_failure(json_close_array(j));
	expect_assert_failure(json_finish(j));
	json_close_object(j);
	expect_assert_failure(json_u64(j, NULL, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting_and_commas),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_deepest_nesting),
		cmocka_unit_test(test_misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
