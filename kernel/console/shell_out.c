// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Output of commands: buffered to whole lines where possible, so that log
 * lines of others come between lines and never into one.
 */
#include "kernel/console/conrow.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/lib.h"

#define PRINT_MAX 512u

static char buffer[1024];
static size_t buffered;

void out_flush(void)
{
	bool whole = buffered > 0 && buffer[buffered - 1] == '\n';

	if (buffered > 0)
		conrow_write(buffer, buffered);
	buffered = 0;
	if (whole)
		conrow_release("", 0);
}

void out_row(const char *text)
{
	static char shown[81];

	out_flush();
	if (strcmp(text, shown) == 0)
		return;
	(void)str_copy(shown, text, sizeof(shown));
	conrow_write("\r\x1b[K", 4);
	conrow_write(shown, strlen(shown));
	conrow_release(shown, strlen(shown));
}

/* ---- paging, and Ctrl-C in a listing ---- */

#define PAGE_ROWS 23u /* of a terminal with 24 */

static bool paging;
static bool stopped;
static unsigned rows_left; /* until the next pause */

void out_begin(bool page)
{
	paging = page;
	rows_left = PAGE_ROWS;
	stopped = false;
}

void out_end(void)
{
	paging = false;
	if (out_was_stopped())
		out_str("[stopped]\n");
	out_flush();
}

bool out_was_stopped(void)
{
	bool was = stopped;

	stopped = false;
	return was;
}

static void pause_page(void)
{
	int key;

	out_row("-- more: space, Enter for a line, q --");
	key = shell_wait_key(SHELL_NO_LIMIT);
	out_row("");
	switch (key) {
	case '\r':
	case '\n': rows_left = 1; break;
	case 'q':
	case 'Q':
	case 0x03: stopped = true; break;
	default: rows_left = PAGE_ROWS; break;
	}
}

/* The buffer is full or ends a line. */
static void hand_over(bool line)
{
	out_flush();
	if (shell_interrupted())
		stopped = true;
	else if (line && paging && --rows_left == 0)
		pause_page();
}

static void out_write(void *arg, const char *s, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n && !stopped; i++) {
		bool line = s[i] == '\n';

		buffer[buffered++] = s[i];
		if (line || buffered == sizeof(buffer))
			hand_over(line);
	}
}

void out_str(const char *s)
{
	out_write(NULL, s, strlen(s));
}

void out_printf(const char *fmt, ...)
{
	char text[PRINT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_str(text);
}

struct json *out_json(void)
{
	static struct json j;

	json_begin(&j, out_write, NULL);
	return &j;
}

void out_json_end(struct json *j)
{
	json_finish(j);
	out_str("\n");
}

struct json *out_list(const struct shell_args *a)
{
	struct json *j;

	if (!a->json)
		return NULL;
	j = out_json();
	json_open_array(j, NULL);
	return j;
}

void out_list_end(struct json *j)
{
	if (!j)
		return;
	json_close_array(j);
	out_json_end(j);
}

/* What became of a command: a line, or the same as JSON. */
static void say_result(const struct shell_args *a, bool ok, const char *fmt,
		       va_list ap)
{
	char text[PRINT_MAX];
	struct json *j;

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (!a->json) {
		out_str(ok ? "" : "error: ");
		out_str(text);
		out_str("\n");
		return;
	}
	j = out_json();
	json_open_object(j, NULL);
	if (ok)
		json_bool(j, "ok", true);
	json_str(j, ok ? "message" : "error", text);
	json_close_object(j);
	out_json_end(j);
}

void out_fail(const struct shell_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_result(a, false, fmt, ap);
	va_end(ap);
}

void out_done(const struct shell_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_result(a, true, fmt, ap);
	va_end(ap);
}

char *out_duration(uint64_t ns, char *dst)
{
	uint64_t s = ns / 1000000000;
	unsigned long long days = s / 86400;
	unsigned in_day = (unsigned)(s % 86400);
	int n = 0;

	if (days)
		n = snprintf(dst, 24, "%llud ", days);
	(void)snprintf(dst + n, 24 - (size_t)n, "%02u:%02u:%02u", in_day / 3600,
		       in_day / 60 % 60, in_day % 60);
	return dst;
}

char *out_mib(uint64_t npages, char *dst)
{
	uint64_t tenths = npages * 10 / (1048576 / PAGE_SIZE);

	(void)snprintf(dst, 24, "%llu.%llu", (unsigned long long)tenths / 10,
		       (unsigned long long)tenths % 10);
	return dst;
}
