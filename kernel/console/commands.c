// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands that the rooms registered, in the order of their names, and
 * the console's own table.
 */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"

#define MAX_CMDS 64u

static const struct shell_cmd *cmds[MAX_CMDS]; /* [const after boot] */
static size_t nr_cmds;			       /* [const after boot] */

static void insert(const struct shell_cmd *cmd)
{
	size_t at = nr_cmds;

	BUG_ON(nr_cmds == MAX_CMDS || shell_find_cmd(cmd->name));
	for (; at > 0 && strcmp(cmds[at - 1]->name, cmd->name) > 0; at--)
		cmds[at] = cmds[at - 1];
	cmds[at] = cmd;
	nr_cmds++;
}

void shell_register(const struct shell_cmd *table, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		insert(&table[i]);
}

const struct shell_cmd *shell_cmd_at(size_t i)
{
	return i < nr_cmds ? cmds[i] : NULL;
}

const struct shell_cmd *shell_find_cmd(const char *name)
{
	for (size_t i = 0; i < nr_cmds; i++) {
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	}
	return NULL;
}

void shell_offer_cmds(struct shell_asker *asker)
{
	for (size_t i = 0; i < nr_cmds; i++)
		shell_offer(asker, cmds[i]->name);
}

/* ---- the console's own, and those that concern the rooms below ---- */

static const char *const log_words[] = { "console", "-f", NULL };
static const char *const help_words[] = { "config", NULL };

const struct shell_cmd host_cmds[] = {
	{ "cpu", "cpu", "what each CPU does",
	  "BUSY is the share of time since boot not spent idle; READY counts\n"
	  "threads that wait for the CPU.\n",
	  .run = cmd_cpu },
	{ "echo", "echo [WORD]...", "print the words",
	  "Quotes group: \"a  b\" is one word.\n", .run = cmd_echo },
	{ "help", "help [COMMAND | config]", "this list, or one command",
	  "`help config` explains every key of aerostat.conf.\n"
	  "Every listing has a form for programs: -j anywhere in the line\n"
	  "prints one line of JSON; amounts of memory in it are bytes.\n"
	  "-p stops after each screenful. Ctrl-C drops the line, and ends any\n"
	  "listing or waiting. Keys: arrows, Home, End, Tab completes,\n"
	  "Ctrl-A/E/K/U/W/L as usual; Ctrl-T switches to the guest's console\n"
	  "used last.\n",
	  .run = cmd_help, .args = { { help_words, shell_offer_cmds } } },
	{ "log", "log [-f] [N] [LEVEL] [KEY=VALUE]...\nlog console LEVEL",
	  "the newest N lines of the log; -f follows it",
	  "LEVEL is err, warn, info or debug: lines of that level and more\n"
	  "severe ones. KEY=VALUE, such as vm=web, selects lines that say so.\n"
	  "-f shows the last ten and then new ones until Ctrl-C.\n"
	  "`log console LEVEL` chooses which new lines appear on the console\n"
	  "by themselves.\n",
	  .run = cmd_log,
	  .args = { { log_words, log_offer_levels },
		    { log_words, log_offer_levels } } },
	{ "metrics", "metrics", "figures of the whole machine",
	  "Host memory by type, CPUs, scheduler and all VMs together, since\n"
	  "boot or now. For programs: -j. Each VM's own: `stats`.\n",
	  .run = cmd_metrics },
	{ "selftest", "selftest [NAME]", "test threads, locks and timers",
	  "Runs the tests that need the real machine: park, locks, storm,\n"
	  "timers, calls, weights. Takes a few seconds and shares the\n"
	  "processors with running VMs, which makes the figures worse.\n",
	  .run = cmd_selftest },
	{ "sleep", "sleep SECONDS", "wait; Ctrl-C interrupts",
	  "For scripts that drive this console. At most a day.\n",
	  .run = cmd_sleep },
	{ "uptime", "uptime", "time since the machine came up", "",
	  .run = cmd_uptime },
	{ "version", "version", "version of Aerostat, CPUs, clock", "",
	  .run = cmd_version },
};
const size_t nr_host_cmds = ARRAY_SIZE(host_cmds);
