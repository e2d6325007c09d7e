/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator's console: line editor, commands, consoles of guests. The
 * service thread `console` runs it. It knows no room above it: each hands its
 * commands over as a const table, and commands print by what is below.
 */
#ifndef KERNEL_SHELL_H
#define KERNEL_SHELL_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/json.h"

#define SHELL_MAX_ARGS 16

struct shell_args {
	int argc; /* without -j and -p */
	char *argv[SHELL_MAX_ARGS];
	bool json; /* -j was given */
	bool page; /* -p was given */
};

/* What completion, or a guess at a misspelling, asks for; see shell_offer(). */
struct shell_asker;

/* What may stand in an argument's place. */
struct shell_arg {
	const char *const *words; /* NULL-terminated; NULL: none */
	/* Calls shell_offer() for each name that is possible now. NULL: none */
	void (*names)(struct shell_asker *asker);
};

struct shell_cmd {
	const char *name;
	const char *usage;   /* one form on each line */
	const char *summary; /* one line for `help` */
	const char *help;    /* whole lines for `help CMD` */
	/* 0, or -EINVAL: the usage was wrong, nothing was printed. */
	int (*run)(const struct shell_args *a);
	struct shell_arg args[2]; /* for completion */
};

/* Boot, before shell_start(). The table stays; names are new ones. */
void shell_register(const struct shell_cmd *cmds, size_t nr);

/* Commands of the console itself and of the rooms below it. */
extern const struct shell_cmd host_cmds[];
extern const size_t nr_host_cmds;

struct selftest;
/* Tests for the command `selftest`. Boot, before shell_start(). */
void shell_register_selftests(const struct selftest *table, size_t nr);

struct metric;
/* Figures for the command `metrics`. Boot, before shell_start(). */
void shell_register_metrics(const struct metric *table, size_t nr);

/* Starts the console thread. 0, -ENOMEM. */
MUST_CHECK int shell_start(void);

/* ---- for commands; console thread only ---- */

/* Says one candidate to who asked. */
void shell_offer(struct shell_asker *asker, const char *name);
/* Of `names`, the closest to word if it is likely a misspelling; or NULL. */
const char *shell_guess(const char *word,
			void (*names)(struct shell_asker *asker));

/*
 * For commands that take long: true once Ctrl-C was typed. Other input is kept
 * for later.
 */
bool shell_interrupted(void);

struct waitq;

/*
 * For commands that wait for something: returns when done(arg) is true (0),
 * when Ctrl-C was typed (-EINTR), or when timeout_ns have passed
 * (-ETIMEDOUT; SHELL_NO_LIMIT: never). Whoever makes it true wakes wq; wq
 * NULL: nobody does, done is asked ten times a second. No lock held. What has
 * been printed so far is on the terminal meanwhile.
 */
#define SHELL_NO_LIMIT UINT64_MAX
MUST_CHECK int shell_wait(struct waitq *wq, bool (*done)(void *arg), void *arg,
			  uint64_t timeout_ns);

/* Waits so long; -EINTR: Ctrl-C was typed, else 0. As shell_wait(). */
MUST_CHECK int shell_sleep(uint64_t seconds);

/*
 * Asks on the last row; true: the line typed was y or yes. Anything else, and
 * Ctrl-C, is no.
 */
bool shell_ask(const char *question);

void out_printf(const char *fmt, ...) PRINTF(1, 2);
void out_str(const char *s);
/* Hands over what is buffered; the row is free again after whole lines. */
void out_flush(void);
/*
 * Shows text on the last row until the next call, "" clears it; log lines
 * appear above. After whole lines only.
 */
void out_row(const char *text);
/* "error: ..." or {"error":"..."}. */
void out_fail(const struct shell_args *a, const char *fmt, ...) PRINTF(2, 3);
/* The text, or {"ok":true,"message":"..."}. */
void out_done(const struct shell_args *a, const char *fmt, ...) PRINTF(2, 3);
/* One JSON value on a line of its own. */
struct json *out_json(void);
void out_json_end(struct json *j);
/* For listings: with -j an array of one JSON value a row, else NULL. */
struct json *out_list(const struct shell_args *a);
void out_list_end(struct json *j);

/* "01:02:03" or "4d 01:02:03" into dst (24 bytes); returns dst. */
char *out_duration(uint64_t ns, char *dst);
/* Pages as MiB with one digit behind the point (24 bytes); returns dst. */
char *out_mib(uint64_t npages, char *dst);

#endif
