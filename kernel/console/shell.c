// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console thread: reads keys, edits the line, runs commands, switches
 * between the shell and guests' consoles. It is the only one that reads
 * input, and the only writer besides conrow_log().
 */
#include "kernel/console/shell.h"

#include "kernel/console/conrow.h"
#include "kernel/console/hostcon.h"
#include "kernel/console/mux.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/version_string.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"

#define KEY_INTERRUPT 0x03 /* Ctrl-C */
#define TYPED_MAX     1024u

/* Typed and not yet used: a ring. Console thread only. */
static unsigned char typed[TYPED_MAX];
static size_t typed_head, typed_tail;

/* What the editor wants on the terminal, gathered over a burst of keys. */
static char edits[512];
static size_t nr_edits;

static struct lineedit editor;

/* ---- input ---- */

static void read_input(void)
{
	while (typed_head - typed_tail < TYPED_MAX) {
		char c;

		if (hostcon_read(&c, 1) == 0)
			return;
		typed[typed_head++ % TYPED_MAX] = (unsigned char)c;
	}
}

int shell_next_key(void)
{
	if (typed_head == typed_tail)
		read_input();
	if (typed_head == typed_tail)
		return -1;
	return typed[typed_tail++ % TYPED_MAX];
}

void shell_unread_key(int key)
{
	typed[--typed_tail % TYPED_MAX] = (unsigned char)key;
}

bool shell_interrupted(void)
{
	read_input();
	for (size_t i = typed_tail; i != typed_head; i++) {
		if (typed[i % TYPED_MAX] == KEY_INTERRUPT) {
			typed_tail = i + 1;
			return true;
		}
	}
	return false;
}

/* With nobody to wake the waiter, it looks this often. */
#define ASK_AGAIN_NS 100000000ull

/* Until the next look at what is waited for; `now` and `end` are TSCs. */
static void wait_some(const struct waitq *wq, uint64_t now, uint64_t end)
{
	uint64_t again = wq ? UINT64_MAX : now + ns_to_tsc(ASK_AGAIN_NS);
	uint64_t until = min(again, end);

	if (until == UINT64_MAX)
		thread_park();
	else
		thread_park_until(until);
}

static int wait_loop(const struct waitq *wq, bool (*done)(void *arg), void *arg,
		     uint64_t end)
{
	for (;;) {
		uint64_t now = rdtsc();

		if (done(arg))
			return 0;
		if (out_was_stopped() || shell_interrupted())
			return -EINTR;
		if (now >= end)
			return -ETIMEDOUT;
		wait_some(wq, now, end);
	}
}

int shell_wait(struct waitq *wq, bool (*done)(void *arg), void *arg,
	       uint64_t timeout_ns)
{
	uint64_t end = UINT64_MAX;
	struct waitq_entry e;
	int err;

	if (timeout_ns != SHELL_NO_LIMIT)
		end = rdtsc() + ns_to_tsc(timeout_ns);
	out_flush();
	if (wq)
		waitq_prepare(wq, &e);
	err = wait_loop(wq, done, arg, end);
	if (wq)
		waitq_finish(wq, &e);
	return err;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

int shell_sleep(uint64_t seconds)
{
	struct waitq nobody;
	int err;

	waitq_init(&nobody);
	err = shell_wait(&nobody, never, NULL, seconds * 1000000000ull);
	return err == -EINTR ? err : 0;
}

static bool key_typed(void *arg)
{
	int *key = arg;

	*key = shell_next_key();
	return *key >= 0;
}

int shell_wait_key(uint64_t timeout_ns)
{
	int key = -1;

	if (shell_wait(NULL, key_typed, &key, timeout_ns) == -EINTR)
		key = KEY_INTERRUPT;
	return key;
}

/* What was typed in answer to a question; more than "yes" is no anyway. */
struct answer {
	char text[8];
	size_t len;
};

/* One key of the answer. True: that was the last one. */
static bool answer_key(struct answer *r, int key)
{
	if (key == KEY_INTERRUPT)
		r->len = 0;
	if (key == KEY_INTERRUPT || key == '\r' || key == '\n')
		return true;
	if (key == '\b' || key == 0x7f)
		r->len -= r->len > 0;
	else if (key >= ' ' && key < 0x7f && r->len < sizeof(r->text) - 1)
		r->text[r->len++] = (char)key;
	r->text[r->len] = '\0';
	return false;
}

static bool is_yes(struct answer *r)
{
	for (size_t i = 0; i < r->len; i++)
		r->text[i] |= 0x20; /* lower case */
	r->text[r->len] = '\0';
	return strcmp(r->text, "y") == 0 || strcmp(r->text, "yes") == 0;
}

/*
 * A line, not a key: of "yes" or "no" nothing must be left over for the next
 * question, or to be taken for a command.
 */
bool shell_ask(const char *question)
{
	struct answer r = { "", 0 };
	char row[LINEEDIT_COLS + 1], text[sizeof(row) - sizeof(r.text)];
	bool yes;

	(void)snprintf(text, sizeof(text), "%s [y/N] ", question);
	do {
		(void)snprintf(row, sizeof(row), "%s%s", text, r.text);
		out_row(row);
	} while (!answer_key(&r, shell_wait_key(SHELL_NO_LIMIT)));
	out_row("");
	yes = is_yes(&r);
	out_printf("%s%s\n", text, yes ? "yes" : "no");
	return yes;
}

/* ---- the edited line ---- */

static void flush_edits(void)
{
	if (nr_edits > 0)
		conrow_write(edits, nr_edits);
	nr_edits = 0;
}

static void gather_edit(void *arg, const char *s, size_t n)
{
	(void)arg;
	while (n > 0) {
		size_t part = min(n, sizeof(edits) - nr_edits);

		memcpy(edits + nr_edits, s, part);
		nr_edits += part;
		s += part;
		n -= part;
		if (nr_edits == sizeof(edits))
			flush_edits();
	}
}

/* The terminal shows the line being edited: log lines may come above it. */
static void release_edited_line(void)
{
	char image[LINEEDIT_IMAGE_MAX];
	size_t n = lineedit_image(&editor, image, sizeof(image));

	flush_edits();
	conrow_release(image, n);
}

/* The terminal's row is empty. */
static void release_empty_row(void)
{
	flush_edits();
	conrow_release("", 0);
}

static uint64_t answer_ticks; /* console thread only */

uint64_t shell_answer_ticks(void)
{
	return answer_ticks;
}

static void run_line(void)
{
	static char line[LINEEDIT_MAX];
	uint64_t asked = hostcon_input_tsc();

	(void)str_copy(line, editor.line, sizeof(line));
	release_empty_row();
	shell_execute(line);
	answer_ticks = rdtsc() - asked;
	lineedit_begin(&editor);
}

static void switch_console(void)
{
	struct mux_console *con = mux_last();

	if (!con) {
		lineedit_print(&editor, "no guest's console was open yet; "
					"`console NAME` opens one\r\n");
		return;
	}
	gather_edit(NULL, "\r\x1b[K", 4);
	release_empty_row();
	mux_run(con);
	lineedit_redraw(&editor);
}

static void handle_key(unsigned char c)
{
	switch (lineedit_key(&editor, c)) {
	case LINEEDIT_MORE: break;
	case LINEEDIT_LINE: run_line(); break;
	case LINEEDIT_TOO_LONG:
		release_empty_row();
		out_printf("error: the line has more than %u characters\n",
			   LINEEDIT_MAX - 1);
		lineedit_begin(&editor);
		break;
	case LINEEDIT_CANCEL: lineedit_begin(&editor); break;
	case LINEEDIT_SWITCH: switch_console(); break;
	}
}

static void console_main(void *arg)
{
	static const struct lineedit_ops ops = { .emit = gather_edit,
						 .complete = shell_complete };

	(void)arg;
	hostcon_set_reader(thread_self());
	log_set_sink(conrow_log);
	out_printf("%s. `help` lists the commands.\n", version_string);
	lineedit_init(&editor, &ops, SHELL_PROMPT);
	lineedit_begin(&editor);
	for (;;) {
		int c = shell_next_key();

		if (c >= 0) {
			handle_key((unsigned char)c);
		} else {
			release_edited_line();
			thread_park();
		}
	}
}

int shell_start(void)
{
	const struct thread_params p = { .name = "console",
					 .fn = console_main,
					 .class = THREAD_SERVICE };
	struct thread *t;

	return thread_create(&p, &t);
}
