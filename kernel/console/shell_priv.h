/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the console: what its files share. Console thread only. */
#ifndef KERNEL_SHELL_PRIV_H
#define KERNEL_SHELL_PRIV_H

#include "kernel/console/lineedit.h"
#include "kernel/console/shell.h"
#include "kernel/lib/compiler.h"

#define SHELL_PROMPT "aerostat> "

/* ---- shell_parse.c: pure, but for running the command ---- */

/*
 * Splits line in place into words: blanks separate, "..." and '...' group, a
 * backslash outside '...' takes the next character as it is. A word that is
 * exactly -j or -p sets json or page instead. 0; -EINVAL (quotes are open);
 * -E2BIG.
 */
MUST_CHECK int shell_tokenize(char *line, struct shell_args *a);

/* Runs one line; prints whatever there is to say. */
void shell_execute(char *line);

/* ---- commands.c: the registered commands ---- */

/* The i-th one by name; NULL: there are not so many. */
const struct shell_cmd *shell_cmd_at(size_t i);
const struct shell_cmd *shell_find_cmd(const char *name);
/* Offers each command's name. */
void shell_offer_cmds(struct shell_asker *asker);

/* ---- shell_out.c ---- */

/*
 * Around each command. page: its output stops after each screenful. Ctrl-C
 * stops any listing: what comes after is dropped.
 */
void out_begin(bool page);
void out_end(void);
/* True once Ctrl-C stopped the output; then it goes on. */
bool out_was_stopped(void);

/* ---- complete.c ---- */
struct shell_asker {
	void (*offer)(struct shell_asker *asker, const char *name);
};

void shell_complete(void *arg, struct lineedit *le);

/* ---- shell.c ---- */
/* Next byte of input, -1: none now. */
int shell_next_key(void);
/* Puts back the last one taken. */
void shell_unread_key(int key);
/* Waits for a key; -1: none was typed in this time. */
int shell_wait_key(uint64_t timeout_ns);
/*
 * Ticks that the last command took, from the arrival of its Enter key to its
 * last line of output: how well the console is served.
 */
uint64_t shell_answer_ticks(void);

/* ---- the commands ---- */
int cmd_cpu(const struct shell_args *a);
int cmd_echo(const struct shell_args *a);
int cmd_help(const struct shell_args *a);
int cmd_log(const struct shell_args *a);
/* Offers the names of the log's levels. */
void log_offer_levels(struct shell_asker *asker);
int cmd_metrics(const struct shell_args *a);
int cmd_selftest(const struct shell_args *a);
int cmd_sleep(const struct shell_args *a);
int cmd_uptime(const struct shell_args *a);
int cmd_version(const struct shell_args *a);

#endif
