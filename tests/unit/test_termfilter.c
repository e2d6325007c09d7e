// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of a guest's output reaches the administrator's terminal.
 * Sources: kernel/console/termfilter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "kernel/console/termfilter.h"

static const struct {
	const char *name, *in, *out;
} rows[] = {
	{ "text", "hello, world\r\n", "hello, world\r\n" },
	{ "tab, backspace, bell", "a\tb\b\a", "a\tb\b\a" },
	{ "other controls", "a\x01\x05\x0e\x0f\x11\x13\x7fz", "az" },
	{ "colours", "\x1b[1;31mred\x1b[0m\x1b[m",
	  "\x1b[1;31mred\x1b[0m\x1b[m" },
	{ "24-bit colour", "\x1b[38:2:1:2:3mx", "\x1b[38:2:1:2:3mx" },
	{ "editing a line", "\x1b[3D\x1b[K\x1b[2C\x1b[J\x1b[P",
	  "\x1b[3D\x1b[K\x1b[2C\x1b[J\x1b[P" },
	{ "clear the screen", "\x1b[2Jx\x1b[3J", "x" },
	{ "go elsewhere", "\x1b[1;1H\x1b[5Ax\x1b[2B\x1b[f", "x" },
	{ "ask for the position", "\x1b[6nx", "x" },
	{ "ask for the state or the kind", "\x1b[5n\x1b[c\x1b[>c\x1b[0cx",
	  "x" },
	{ "window operations", "\x1b[21t\x1b[8;1;1tx", "x" },
	{ "modes, mouse, other screen", "\x1b[?1049h\x1b[?1000h\x1b[4hx", "x" },
	{ "private colours", "\x1b[>4;2mx", "x" },
	{ "title", "a\x1b]0;owned\x07z", "az" },
	{ "title ended by ST", "a\x1b]0;owned\x1b\\z", "az" },
	{ "clipboard", "a\x1b]52;c;aGk=\x07z", "az" },
	{ "device control", "a\x1bP$q\"p\x1b\\z", "az" },
	{ "other strings", "a\x1bXsos\x1b\\\x1b^pm\x1b\\\x1b_apc\x1b\\z",
	  "az" },
	{ "a sequence within a string", "a\x1b]0;x\x1b[2J\x07z", "az" },
	{ "string given up by CAN", "a\x1b]0;x\x18z", "az" },
	{ "reset, save, index, charset",
	  "\x1b"
	  "c\x1b"
	  "7\x1bM\x1b(0\x1b#8x",
	  "x" },
	{ "sequence broken off by a line end", "\x1b[31\nx", "\nx" },
	{ "sequence broken off by another", "\x1b[31\x1b[1mx", "\x1b[1mx" },
	{ "intermediate byte", "\x1b[1 qx\x1b[!px", "xx" },
	{ "endless parameters", "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mx",
	  "x" },
	{ "8-bit controls",
	  "a\x9b"
	  "2Jb\x90z",
	  "a?2Jb?z" },
	{ "the same as UTF-8",
	  "a\xc2\x9b"
	  "2Jb",
	  "a?2Jb" },
	{ "letters of the world", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
	  "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "no-break space is the first", "\xc2\xa0", "\xc2\xa0" },
	{ "overlong forms", "\xc0\x9b\xe0\x80\x9b\xf0\x80\x80\x9b", "????" },
	{ "surrogates and beyond the end", "\xed\xa0\x80\xf4\x90\x80\x80",
	  "??" },
	{ "UTF-8 broken off by a sequence", "\xe2\x82\x1b[2Jx", "?x" },
	{ "UTF-8 that hides a sequence", "\xe2\x1b[6nx", "?x" },
	{ "colour with nothing after it", "x\x1b[31", "x" },
};

static void assert_filtered(const char *name, const char *in, size_t step,
			    const char *want)
{
	struct term_filter f = { 0 };
	size_t n = strlen(in), got = 0;
	char *out = malloc(n + TERM_FILTER_HELD + 1);

	for (size_t i = 0; i < n; i += step)
		got += term_filter(&f, in + i, min(step, n - i), out + got);
	out[got] = '\0';
	if (got > n || strcmp(out, want) != 0)
		fail_msg("%s, by %zu: '%s'", name, step, out);
	free(out);
}

static void each_row_comes_out_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t step = 1; step < 8; step++)
			assert_filtered(rows[i].name, rows[i].in, step,
					rows[i].out);
}

static void a_string_without_end_does_not_hide_what_follows(void **state)
{
	static char in[4000], out[sizeof(in) + TERM_FILTER_HELD];
	struct term_filter f = { 0 };
	size_t n;

	(void)state;
	memset(in, 'a', sizeof(in));
	memcpy(in, "\x1b]0;", 4);
	n = term_filter(&f, in, sizeof(in), out);
	assert_in_range(n, 2000, 3500);
}

/* An independent look: every ESC begins one of the few sequences. */
static void assert_harmless(const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] >= 0x80 || (s[i] >= ' ' && s[i] < 0x7f) ||
		    memchr("\r\n\t\b\a", s[i], 5))
			continue;
		assert_int_equal(s[i], 0x1b);
		assert_int_equal(s[++i], '[');
		do
			assert_true(++i < n);
		while (memchr("0123456789;:", s[i], 12));
		assert_non_null(memchr("mKCDGPX@J", s[i], 9));
	}
	/* No C1 control, as UTF-8 or by itself. */
	for (size_t i = 0; i < n; i++)
		if (s[i] >= 0x80 && s[i] < 0xa0)
			assert_true(i > 0 && s[i - 1] >= 0x80 &&
				    s[i - 1] != 0xc2);
}

static void random_output_is_harmless(void **state)
{
	static const char likely[] = "\x1b\x1b\x1b[[[]PX^_?;:0123456789mJHnc\\"
				     "\x07\xc2\x9b\x80\xe2\x18\nA(";
	char in[64], out[64 + TERM_FILTER_HELD];
	struct term_filter f = { 0 };

	(void)state;
	srand(7);
	for (int round = 0; round < 200000; round++) {
		size_t n = (size_t)rand() % sizeof(in);

		for (size_t i = 0; i < n; i++)
			in[i] = rand() % 4 ? likely[(size_t)rand() %
						    (sizeof(likely) - 1)]
					   : (char)rand();
		n = term_filter(&f, in, n, out);
		assert_harmless((const unsigned char *)out, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_comes_out_right),
		cmocka_unit_test(
			a_string_without_end_does_not_hide_what_follows),
		cmocka_unit_test(random_output_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
