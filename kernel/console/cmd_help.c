// SPDX-License-Identifier: GPL-2.0-or-later
/* `help`: the commands, one of them, or the keys of the configuration. */
#include "kernel/config/config.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

static void json_cmd(struct json *j, const struct shell_cmd *cmd)
{
	json_open_object(j, NULL);
	json_str(j, "name", cmd->name);
	json_str(j, "usage", cmd->usage);
	json_str(j, "summary", cmd->summary);
	json_str(j, "help", cmd->help);
	json_close_object(j);
}

static void help_list(const struct shell_args *a)
{
	const struct shell_cmd *cmd;
	struct json *j = out_list(a);

	for (size_t i = 0; (cmd = shell_cmd_at(i)) != NULL; i++) {
		if (j)
			json_cmd(j, cmd);
		else
			out_printf("%-10s %s\n", cmd->name, cmd->summary);
	}
	out_list_end(j);
	if (j)
		return;
	out_str("`help COMMAND` tells more. After any command: -j prints JSON,\n"
		"-p pauses after each screenful; Ctrl-C ends it.\n");
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
	struct json *j = out_list(a);
	struct config_key_doc k;

	for (size_t i = 0; config_key_get(i, &k); i++) {
		if (!j) {
			out_printf("[%s] %s = %s (default: %s)\n    %s\n",
				   k.section, k.key, k.values, k.dflt,
				   k.meaning);
			continue;
		}
		json_open_object(j, NULL);
		json_str(j, "section", k.section);
		json_str(j, "key", k.key);
		json_str(j, "values", k.values);
		json_str(j, "default", k.dflt);
		json_str(j, "meaning", k.meaning);
		json_close_object(j);
	}
	out_list_end(j);
}

int cmd_help(const struct shell_args *a)
{
	const struct shell_cmd *cmd;

	if (a->argc == 1) {
		help_list(a);
		return 0;
	}
	/* `help vm start`: all of `vm` is on one page. */
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
