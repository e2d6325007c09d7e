// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of commands with their help, and `help` itself. */
#include "kernel/config/config.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

static const char *const vm_words[] = { "list",	  "info",  "start",
					"stop",	  "kill",  "pause",
					"resume", "reset", NULL };
static const char *const mem_words[] = { "host", NULL };
static const char *const log_words[] = { "console", "err",   "warn",
					 "info",    "debug", NULL };
static const char *const help_words[] = { "config", NULL };

const struct shell_cmd shell_cmds[] = {
	{ "audit", "audit", "check all memory accounts against each other",
	  "Walks every frame, memory object and guest mapping and checks that\n"
	  "both sums and every owner link hold. The machine keeps running.\n",
	  .run = cmd_audit },
	{ "console", "console NAME", "use a guest's serial console",
	  "Shows what the guest printed since you last looked (up to 64 KiB;\n"
	  "more is marked as lost), then connects you to it.\n"
	  "Ctrl-T returns to the shell; Ctrl-T in the shell returns to the\n"
	  "console used last. Log lines stay in the log meanwhile.\n",
	  .run = cmd_console, .args = { SHELL_ARG_VM } },
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
	  "Keys: arrows, Home, End, Tab completes, Ctrl-A/E/K/U/W/L as usual,\n"
	  "Ctrl-C drops the line or interrupts `sleep`, Ctrl-T switches to\n"
	  "the guest's console used last.\n",
	  .run = cmd_help, .words = help_words,
	  .args = { SHELL_ARG_COMMAND | SHELL_ARG_WORD } },
	{ "log", "log [N] [LEVEL]\nlog console LEVEL",
	  "the newest N lines of the log",
	  "LEVEL is err, warn, info or debug: lines of that level and more\n"
	  "severe ones. `log console LEVEL` chooses which new lines appear\n"
	  "on the console by themselves.\n",
	  .run = cmd_log, .words = log_words,
	  .args = { SHELL_ARG_WORD, SHELL_ARG_WORD } },
	{ "mem",
	  "mem\nmem host\nmem NAME\nmem NAME SIZE [--wait] [--timeout=S]\n"
	  "mem NAME +SIZE|-SIZE [--wait] [--timeout=S]",
	  "who has which memory; change a VM's target",
	  "`mem` lists the host by type and every VM, in MiB: RESID has\n"
	  "host memory, HOLLOW was never touched, BALLOON was given back,\n"
	  "ZERO is read but never written. `mem host` and `mem NAME` have the\n"
	  "details. `mem NAME SIZE` sets the VM's target, for example\n"
	  "`mem web 512M`, and +64M or -64M changes it; it must lie between\n"
	  "mem.min and mem.boot. --wait waits until the guest has reached it,\n"
	  "at most 60 s or those of --timeout (0: no end); Ctrl-C leaves.\n",
	  .run = cmd_mem, .words = mem_words,
	  .args = { SHELL_ARG_VM | SHELL_ARG_WORD } },
	{ "poweroff", "poweroff", "kill all VMs and switch the machine off",
	  "At once and without asking: guests are not shut down first. To\n"
	  "shut them down use `vm stop all` and wait until they are off.\n",
	  .run = cmd_poweroff },
	{ "reboot", "reboot", "kill all VMs and reboot the machine",
	  "At once and without asking, as `poweroff`.\n", .run = cmd_reboot },
	{ "selftest", "selftest [NAME]", "test threads, locks and timers",
	  "Runs the tests that need the real machine: park, locks, storm,\n"
	  "timers, calls, weights. Takes a few seconds and shares the\n"
	  "processors with running VMs, which makes the figures worse.\n",
	  .run = cmd_selftest },
	{ "sleep", "sleep SECONDS", "wait; Ctrl-C interrupts",
	  "For scripts that drive this console. At most a day.\n",
	  .run = cmd_sleep },
	{ "stats", "stats NAME", "a VM's exits, ticks, faults",
	  "Exits by reason and processor ticks since boot, memory events of\n"
	  "the VM, and what the guest's memory driver publishes.\n",
	  .run = cmd_stats, .args = { SHELL_ARG_VM } },
	{ "uptime", "uptime", "time since the machine came up", "",
	  .run = cmd_uptime },
	{ "version", "version", "version of Aerostat, CPUs, clock", "",
	  .run = cmd_version },
	{ "vm",
	  "vm list\nvm info NAME\nvm start|stop|kill|pause|resume|reset NAME\n"
	  "vm start|stop|kill|pause|resume|reset all",
	  "list VMs, start and stop them",
	  "stop asks the guest to power off, kill ends it at once, reset is\n"
	  "the reset button. pause stops its CPUs until resume. WAIT shows\n"
	  "what a VM waits for; REASON why it is not running.\n",
	  .run = cmd_vm, .words = vm_words,
	  .args = { SHELL_ARG_WORD, SHELL_ARG_VM | SHELL_ARG_ALL } },
};

const size_t nr_shell_cmds = ARRAY_SIZE(shell_cmds);

static void help_list(void)
{
	for (size_t i = 0; i < nr_shell_cmds; i++)
		out_printf("%-10s %s\n", shell_cmds[i].name,
			   shell_cmds[i].summary);
	out_str("`help COMMAND` tells more; -j after a command prints JSON.\n");
}

static void json_cmd(struct json *j, const struct shell_cmd *cmd)
{
	json_open_object(j, NULL);
	json_str(j, "name", cmd->name);
	json_str(j, "usage", cmd->usage);
	json_str(j, "summary", cmd->summary);
	json_str(j, "help", cmd->help);
	json_close_object(j);
}

static void help_list_json(void)
{
	struct json *j = out_json();

	json_open_array(j, NULL);
	for (size_t i = 0; i < nr_shell_cmds; i++)
		json_cmd(j, &shell_cmds[i]);
	json_close_array(j);
	out_json_end(j);
}

static void help_cmd(const struct shell_args *a, const struct shell_cmd *cmd)
{
	struct json *j;

	if (a->json) {
		j = out_json();
		json_cmd(j, cmd);
		out_json_end(j);
		return;
	}
	out_str(cmd->usage);
	out_printf("\n\n%s\n", cmd->summary);
	out_str(cmd->help);
}

static void help_config(const struct shell_args *a)
{
	struct json *j = a->json ? out_json() : NULL;

	if (j)
		json_open_array(j, NULL);
	for (size_t i = 0; i < nr_config_keys; i++) {
		const struct config_key_doc *k = &config_keys[i];

		if (!j) {
			out_printf("[%s] %s = %s (default: %s)\n    %s\n",
				   k->section, k->key, k->values, k->dflt,
				   k->meaning);
			continue;
		}
		json_open_object(j, NULL);
		json_str(j, "section", k->section);
		json_str(j, "key", k->key);
		json_str(j, "values", k->values);
		json_str(j, "default", k->dflt);
		json_str(j, "meaning", k->meaning);
		json_close_object(j);
	}
	if (j) {
		json_close_array(j);
		out_json_end(j);
	}
}

int cmd_help(const struct shell_args *a)
{
	const struct shell_cmd *cmd;

	if (a->argc == 1) {
		if (a->json)
			help_list_json();
		else
			help_list();
		return 0;
	}
	if (a->argc != 2)
		return -EINVAL;
	if (strcmp(a->argv[1], "config") == 0) {
		help_config(a);
		return 0;
	}
	cmd = shell_find_cmd(a->argv[1]);
	if (cmd)
		help_cmd(a, cmd);
	else
		out_fail(a, "no command '%.40s'; `help` lists them",
			 a->argv[1]);
	return 0;
}
