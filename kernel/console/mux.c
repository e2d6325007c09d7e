// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The multiplexer. First what the other console printed since it was last
 * looked at (as far as it is still kept), then live.
 *
 * Output goes in small pieces with the keys looked at in between, and nobody
 * waits for the line: a guest that floods its console loses output (said as
 * [... N bytes lost]), not the administrator the machine.
 */
#include "kernel/console/mux.h"

#include "kernel/console/conrow.h"
#include "kernel/console/hostcon.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"

#define KEY_SWITCH 0x14 /* Ctrl-T */
/* About 22 ms of a line at 115200 baud. */
#define CHUNK 256u
/* Ctrl-T twice within this time is one Ctrl-T for the other side. */
#define TWICE_NS 300000000ull
/* The other side is full: try again after this. */
#define RETRY_NS 10000000ull

struct session {
	struct mux_console *con;
	const char *state; /* as last told to the administrator */
	char keys[1024];   /* typed, not yet taken by the other side */
	size_t nr_keys;
};

static struct mux_console *last;

struct mux_console *mux_last(void)
{
	return last;
}

static void PRINTF(1, 2) say(const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hostcon_write_wait(text, strlen(text));
}

/* After one Ctrl-T: is it followed by another, meant for the other side? */
static bool typed_twice(void)
{
	int key = shell_wait_key(TWICE_NS);

	if (key >= 0 && key != KEY_SWITCH)
		shell_unread_key(key);
	return key == KEY_SWITCH;
}

/* Takes what was typed; false: the administrator wants the shell. */
static bool take_keys(struct session *s)
{
	int c;

	while ((c = shell_next_key()) >= 0) {
		if (c == KEY_SWITCH && !typed_twice())
			return false;
		if (s->nr_keys < sizeof(s->keys))
			s->keys[s->nr_keys++] = (char)c;
		else
			say("\a");
	}
	return true;
}

static void give_keys(struct session *s)
{
	size_t n = 0;

	if (s->nr_keys > 0)
		n = s->con->ops->write(s->con, s->keys, s->nr_keys);
	s->nr_keys -= n;
	memmove(s->keys, s->keys + n, s->nr_keys);
}

/* One piece of output; false: there is none. */
static bool show_output(struct session *s)
{
	struct term_filter *f = &s->con->filter;
	uint64_t lost = 0;
	char chunk[CHUNK];
	size_t n = s->con->ops->read(s->con, &s->con->seen, chunk,
				     sizeof(chunk), &lost);

	if (lost) {
		/* What it was in the middle of will not go on. */
		f->state = f->nr_held = f->nr_wanted = f->nr_dropped = 0;
		say("\r\n[... %llu bytes lost]\r\n", (unsigned long long)lost);
	}
	if (n > 0 && s->con->raw) {
		hostcon_write_wait(chunk, n);
	} else if (n > 0) {
		char text[CHUNK + TERM_FILTER_HELD];
		size_t left = term_filter(f, chunk, n, text);

		hostcon_write_wait(text, left);
	}
	return n > 0;
}

static void show_state(struct session *s)
{
	bool reads;
	const char *state = s->con->ops->state(s->con, &reads);

	if (state == s->state)
		return;
	s->state = state;
	say("\r\n[%s is %s]\r\n", s->con->name, state);
	/* Nobody reads what was typed for the run that ended. */
	if (!reads)
		s->nr_keys = 0;
}

static void session_loop(struct session *s)
{
	while (take_keys(s)) {
		give_keys(s);
		if (show_output(s)) {
			thread_give_way();
			continue;
		}
		show_state(s);
		if (s->nr_keys)
			thread_park_until(rdtsc() + ns_to_tsc(RETRY_NS));
		else
			thread_park();
	}
}

void mux_run(struct mux_console *c)
{
	static struct session s; /* too large for the stack */
	uint32_t nr_lines;
	bool reads;

	s.con = c;
	s.state = c->ops->state(c, &reads);
	s.nr_keys = 0;
	last = c;
	say("[console of %s, which is %s; Ctrl-T returns to the shell]\r\n",
	    c->name, s.state);
	conrow_mute();
	c->ops->listen(c, thread_self());
	session_loop(&s);
	c->ops->listen(c, NULL);
	nr_lines = conrow_unmute();
	/* Colours that were left on are not the shell's. */
	if (c->raw || c->filter.coloured)
		say("\x1b[0m");
	c->filter.coloured = false;
	say("\r\n[shell; Ctrl-T returns to %s]\r\n", c->name);
	if (nr_lines)
		say("[%u log lines meanwhile: `log %u` shows them]\r\n",
		    nr_lines, nr_lines);
}
