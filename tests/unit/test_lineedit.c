// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Line editor: scripts of keys against the line they leave, and after every
 * key a small VT100 must show prompt, line and cursor.
 *
 * Sources: kernel/console/lineedit.c kernel/lib/lib.c
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

#include "kernel/console/lineedit.h"

#define PROMPT "aerostat> "
#define UP     "\x1b[A"
#define DOWN   "\x1b[B"
#define RIGHT  "\x1b[C"
#define LEFT   "\x1b[D"
#define HOME   "\x1b[H"
#define END    "\x1b[F"
#define DEL    "\x1b[3~"

/* ---- a terminal with one row ---- */

static struct {
	char row[81];
	size_t col, nr_rows, nr_bells, nr_bytes;
	enum { TEXT, ESC, CSI } state;
	unsigned param;
} term;

static void term_clear(void)
{
	memset(term.row, ' ', 80);
	term.row[80] = '\0';
	term.col = 0;
}

static void term_csi(char c)
{
	unsigned n = term.param ? term.param : 1;

	if (c == 'C')
		term.col += n;
	else if (c == 'D')
		term.col -= n;
	else if (c == 'K')
		memset(term.row + term.col, ' ', 80 - term.col);
	else if (c == 'H')
		term.col = 0;
	else if (c == 'J')
		memset(term.row, ' ', 80);
	else
		fail_msg("CSI %c", c);
	assert_true(term.col < 80);
}

static void term_text(char c)
{
	if (c == '\a') {
		term.nr_bells++;
	} else if (c == '\b') {
		assert_true(term.col > 0);
		term.col--;
	} else if (c == '\r') {
		term.col = 0;
	} else if (c == '\n') {
		memset(term.row, ' ', 80);
		term.nr_rows++;
	} else if (c == '\x1b') {
		term.state = ESC;
	} else {
		assert_in_range(c, 0x20, 0x7e);
		assert_true(term.col < 79); /* the last column stays free */
		term.row[term.col++] = c;
	}
}

static void term_write(void *arg, const char *s, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		term.nr_bytes++;
		if (term.state == TEXT) {
			term_text(s[i]);
		} else if (term.state == ESC) {
			assert_int_equal(s[i], '[');
			term.state = CSI;
			term.param = 0;
		} else if (s[i] >= '0' && s[i] <= '9') {
			term.param = term.param * 10 + (unsigned)(s[i] - '0');
		} else {
			term.state = TEXT;
			term_csi(s[i]);
		}
	}
}

/* ---- the editor in front of it ---- */

static struct lineedit le;
static struct lineedit_ops ops = { .emit = term_write };

static void begin(void)
{
	ops.complete = NULL;
	memset(&term, 0, sizeof(term));
	term_clear();
	lineedit_init(&le, &ops, PROMPT);
	lineedit_begin(&le);
}

/* The terminal shows the prompt and a window of the line around the cursor. */
static void check_screen(void)
{
	char want[81];
	size_t room = LINEEDIT_COLS - strlen(PROMPT);
	int n = snprintf(want, sizeof(want), "%s%.*s", PROMPT, (int)room,
			 le.line + le.first);

	memset(want + n, ' ', 80 - (size_t)n);
	want[80] = '\0';
	assert_string_equal(term.row, want);
	assert_int_equal(term.col, strlen(PROMPT) + le.cur - le.first);
	assert_int_equal(strlen(le.line), le.len);
	assert_true(le.cur <= le.len);
}

static enum lineedit_event type_n(const char *keys, size_t n)
{
	enum lineedit_event ev = LINEEDIT_MORE;

	for (size_t i = 0; i < n; i++) {
		ev = lineedit_key(&le, (unsigned char)keys[i]);
		if (ev == LINEEDIT_MORE || ev == LINEEDIT_SWITCH)
			check_screen();
	}
	return ev;
}

static enum lineedit_event type(const char *keys)
{
	return type_n(keys, strlen(keys));
}

static const struct {
	const char *name, *keys, *line;
	size_t cur;
} scripts[] = {
	{ "plain text", "vm list", "vm list", 7 },
	{ "backspace", "vmm\x7f\b\bx", "x", 1 },
	{ "backspace on nothing", "\x7fz", "z", 1 },
	{ "insert in the middle", "vm ist" LEFT LEFT LEFT "l", "vm list", 4 },
	{ "home and end", "m" HOME "v" END "!", "vm!", 3 },
	{ "home and end, other codes", "m\x1b[1~v\x1b[4~!\x1bOHa\x1bOFb",
	  "avm!b", 5 },
	{ "Ctrl-A, Ctrl-E",
	  "b\x01"
	  "a\x05"
	  "c",
	  "abc", 3 },
	{ "Ctrl-B, Ctrl-F",
	  "ac\x02"
	  "b\x06"
	  "d",
	  "abcd", 4 },
	{ "delete key", "abc" LEFT LEFT DEL, "ac", 1 },
	{ "delete at the end", "abc" DEL, "abc", 3 },
	{ "Ctrl-D deletes", "abc\x01\x04", "bc", 0 },
	{ "Ctrl-K", "abc def" LEFT LEFT LEFT "\x0b", "abc ", 4 },
	{ "Ctrl-U", "abc def" LEFT LEFT LEFT "\x15", "def", 0 },
	{ "Ctrl-W", "vm start  web  \x17", "vm start  ", 10 },
	{ "Ctrl-W in the middle", "abc def" LEFT "\x17", "abc f", 4 },
	{ "Ctrl-L keeps the line", "abc" LEFT "\x0c", "abc", 2 },
	{ "arrows stop at the ends", LEFT "a" RIGHT RIGHT "b", "ab", 2 },
	{ "Ctrl-arrow is an arrow", "ab\x1b[1;5Dc", "acb", 2 },
	{ "unknown sequences vanish", "a\x1b[15~\x1bOP\x1b[200~b\x1bxc", "abc",
	  3 },
	{ "control byte ends a sequence", "ab\x1b[\x7f", "a", 1 },
	{ "UTF-8 is refused", "a\xc3\xa9\xf0\x9f\x8e\x88z", "az", 2 },
	{ "control bytes are refused", "a\x07\x0e\x1d\x1f\x60", "a`", 2 },
};

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		begin();
		assert_int_equal(type(scripts[i].keys), LINEEDIT_MORE);
		if (strcmp(le.line, scripts[i].line) != 0 ||
		    le.cur != scripts[i].cur)
			fail_msg("%s: '%s' %zu", scripts[i].name, le.line,
				 le.cur);
	}
}

static void test_one_bell_for_each_character(void **state)
{
	(void)state;
	begin();
	type("\xc3\xa9\xe2\x82\xac");
	assert_int_equal(term.nr_bells, 2);
}

static void test_line_ends(void **state)
{
	(void)state;
	begin();
	assert_int_equal(type("help\r"), LINEEDIT_LINE);
	assert_string_equal(le.line, "help");
	assert_int_equal(term.nr_rows, 1);
	lineedit_begin(&le);
	assert_int_equal(type("\n"), LINEEDIT_MORE); /* of CR LF */
	assert_int_equal(type("mem\n"), LINEEDIT_LINE);
	assert_string_equal(le.line, "mem");
	lineedit_begin(&le);
	assert_int_equal(type("oops\x03"), LINEEDIT_CANCEL);
	assert_string_equal(le.line, "");
}

static void enter(const char *line)
{
	type(line);
	assert_int_equal(lineedit_key(&le, '\r'), LINEEDIT_LINE);
	lineedit_begin(&le);
}

static void test_history(void **state)
{
	char line[32];

	(void)state;
	begin();
	enter("one");
	enter("two");
	enter("two"); /* once is enough */
	enter("");
	type("dra" UP);
	assert_string_equal(le.line, "two");
	type(UP);
	assert_string_equal(le.line, "one");
	type(UP);
	assert_string_equal(le.line, "one");
	assert_int_equal(term.nr_bells, 1);
	type("!" DOWN);
	assert_string_equal(le.line, "two");
	type(DOWN "ft");
	assert_string_equal(le.line, "draft");
	type("\x15");
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "line %d", i);
		enter(line);
	}
	for (int i = 0; i < 50; i++)
		type(UP);
	assert_string_equal(le.line, "line 68"); /* the oldest of 32 */
}

static void test_long_line_scrolls(void **state)
{
	char line[201];

	(void)state;
	begin();
	for (int i = 0; i < 200; i++)
		line[i] = (char)('a' + i % 26);
	line[200] = '\0';
	type(line);
	assert_string_equal(le.line, line);
	type(HOME);
	assert_int_equal(le.first, 0);
	for (int i = 0; i < 200; i++)
		type(RIGHT);
	type("\x15");
	assert_int_equal(le.len, 0);
}

static void test_long_paste_is_bounded(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 5000; i++)
		(void)lineedit_key(&le, 'x');
	assert_int_equal(le.len, LINEEDIT_MAX - 1);
	assert_int_equal(lineedit_key(&le, '\r'), LINEEDIT_TOO_LONG);
	lineedit_begin(&le);
	assert_int_equal(type("ok\r"), LINEEDIT_LINE);
}

/* On a slow line a typed character costs one byte. */
static void test_redraw_is_small(void **state)
{
	size_t before;

	(void)state;
	begin();
	type("vm lis");
	before = term.nr_bytes;
	type("t");
	assert_int_equal(term.nr_bytes - before, 1);
	before = term.nr_bytes;
	type("\x7f");
	assert_in_range(term.nr_bytes - before, 1, 4);
	before = term.nr_bytes;
	type(LEFT);
	assert_int_equal(term.nr_bytes - before, 1);
}

static void complete(void *arg, struct lineedit *l)
{
	(void)arg;
	lineedit_print(l, "list  info\r\n");
	lineedit_insert(l, "list ", 5);
}

static void test_completion(void **state)
{
	(void)state;
	begin();
	type("vm \t");
	assert_int_equal(term.nr_bells, 1);
	ops.complete = complete;
	type("\t");
	assert_string_equal(le.line, "vm list ");
	assert_int_equal(term.nr_rows, 2);
}

static void test_switch_keeps_the_line(void **state)
{
	(void)state;
	begin();
	assert_int_equal(type("vm li\x14"), LINEEDIT_SWITCH);
	term_clear();
	lineedit_redraw(&le);
	type("st");
	assert_string_equal(le.line, "vm list");
}

/* What is printed after a log line above the edited one. */
static void test_image(void **state)
{
	char image[LINEEDIT_IMAGE_MAX];

	(void)state;
	begin();
	type("vm list" LEFT LEFT);
	term_clear();
	term_write(NULL, image, lineedit_image(&le, image, sizeof(image)));
	check_screen();
}

/* Any bytes: the screen stays right, nothing overflows. */
static void test_random_keys(void **state)
{
	static const char *const seqs[] = { UP,	  DOWN,	  LEFT,	   RIGHT,
					    HOME, END,	  DEL,	   "word ",
					    "\r", "\x17", "\x1b[", "\t" };

	(void)state;
	begin();
	ops.complete = complete;
	srand(1);
	for (int i = 0; i < 30000; i++) {
		const char *s = seqs[(size_t)rand() % ARRAY_SIZE(seqs)];
		char c = (char)rand();
		enum lineedit_event ev;

		ev = rand() % 3 ? type(s) : type_n(&c, 1);
		if (ev != LINEEDIT_MORE && ev != LINEEDIT_SWITCH)
			lineedit_begin(&le);
		check_screen();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_one_bell_for_each_character),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_long_line_scrolls),
		cmocka_unit_test(test_long_paste_is_bounded),
		cmocka_unit_test(test_redraw_is_small),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_switch_keeps_the_line),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_random_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
