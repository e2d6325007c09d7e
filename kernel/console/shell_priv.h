/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the shell and its commands: the command table's entries, their
 * arguments, and how they print. Console thread only.
 */
#ifndef KERNEL_SHELL_PRIV_H
#define KERNEL_SHELL_PRIV_H

#include "kernel/console/lineedit.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/json.h"

#define SHELL_PROMPT   "aerostat> "
#define SHELL_MAX_ARGS 16

struct shell_args {
	int argc; /* without -j */
	char *argv[SHELL_MAX_ARGS];
	bool json; /* -j was given */
};

/* What may stand in an argument's place; bits. */
#define SHELL_ARG_WORD	  0x1u /* one of the command's `words` */
#define SHELL_ARG_VM	  0x2u
#define SHELL_ARG_COMMAND 0x4u
#define SHELL_ARG_ALL	  0x8u /* "all" in the place of a VM */

struct shell_cmd {
	const char *name;
	const char *usage;   /* one form on each line */
	const char *summary; /* one line for `help` */
	const char *help;    /* whole lines for `help CMD` */
	/* 0, or -EINVAL: the usage was wrong, nothing was printed. */
	int (*run)(const struct shell_args *a);
	const char *const *words; /* NULL-terminated; NULL: none */
	unsigned args[2];	  /* SHELL_ARG_*, for completion */
};

extern const struct shell_cmd shell_cmds[];
extern const size_t nr_shell_cmds;

/* ---- kernel/console/shell_parse.c: pure ---- */

/*
 * Splits line in place into words: blanks separate, "..." and '...' group, a
 * backslash outside '...' takes the next character as it is. A word that is
 * exactly -j sets json instead. 0; -EINVAL (quotes are open); -E2BIG.
 */
MUST_CHECK int shell_tokenize(char *line, struct shell_args *a);

/* The candidate closest to `word` when it is likely a misspelling; or NULL. */
struct shell_guess {
	const char *best;
	unsigned distance;
};
void shell_guess_try(struct shell_guess *g, const char *word,
		     const char *candidate);

const struct shell_cmd *shell_find_cmd(const char *name);

/* Runs one line; prints whatever there is to say. */
void shell_execute(char *line);

/* ---- kernel/console/complete.c ---- */
void shell_complete(void *arg, struct lineedit *le);

/* ---- kernel/console/shell_out.c: output of commands ---- */
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

/* "01:02:03" or "4d 01:02:03" into dst (24 bytes); returns dst. */
char *out_duration(uint64_t ns, char *dst);
/* Pages as MiB with one digit behind the point (24 bytes); returns dst. */
char *out_mib(uint64_t npages, char *dst);

/* ---- kernel/console/shell.c ---- */
/*
 * For commands that take long: true once Ctrl-C was typed. Other input is kept
 * for later.
 */
bool shell_interrupted(void);
/* Next byte of input, -1: none now. */
int shell_next_key(void);

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

/* ---- vmx/admin/guestcon.c ---- */
struct vm;
/* Gives the console to the VM until Ctrl-T. */
void guestcon_run(struct vm *vm);
/* The VM that had the console last; NULL: none yet. */
struct vm *guestcon_last(void);

/* ---- vmx/admin/cmd_vm.c ---- */
/* The VM of that name; NULL: said so. */
struct vm *cmd_find_vm(const struct shell_args *a, const char *name);

/* ---- the commands ---- */
int cmd_audit(const struct shell_args *a);
int cmd_console(const struct shell_args *a);
int cmd_cpu(const struct shell_args *a);
int cmd_echo(const struct shell_args *a);
int cmd_help(const struct shell_args *a);
int cmd_log(const struct shell_args *a);
int cmd_mem(const struct shell_args *a);
int cmd_poweroff(const struct shell_args *a);
int cmd_reboot(const struct shell_args *a);
int cmd_selftest(const struct shell_args *a);
int cmd_sleep(const struct shell_args *a);
int cmd_stats(const struct shell_args *a);
int cmd_uptime(const struct shell_args *a);
int cmd_version(const struct shell_args *a);
int cmd_vm(const struct shell_args *a);

#endif
