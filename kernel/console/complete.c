// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tab completion of commands, their words and VM names. The word before the
 * cursor is extended as far as all candidates agree; when that is nowhere,
 * they are listed.
 */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/lib.h"
#include "vmx/vm.h"

#define LIST_MAX 512u

struct matches {
	const char *prefix;
	size_t prefix_len;
	unsigned nr;
	char common[64];     /* what all matches begin with */
	char list[LIST_MAX]; /* all matches with two blanks between them */
	size_t list_len;
};

static void try_candidate(struct matches *m, const char *word)
{
	size_t i = 0;
	int n;

	if (strncmp(word, m->prefix, m->prefix_len) != 0)
		return;
	if (m->nr++ == 0)
		(void)str_copy(m->common, word, sizeof(m->common));
	while (m->common[i] && m->common[i] == word[i])
		i++;
	m->common[i] = '\0';
	n = snprintf(m->list + m->list_len, LIST_MAX - m->list_len, "%s%s",
		     m->nr > 1 ? "  " : "", word);
	m->list_len = min(m->list_len + (size_t)n, (size_t)LIST_MAX - 1);
}

static void try_words(struct matches *m, const struct shell_cmd *cmd,
		      unsigned kinds)
{
	if ((kinds & SHELL_ARG_WORD) && cmd->words) {
		for (size_t i = 0; cmd->words[i]; i++)
			try_candidate(m, cmd->words[i]);
	}
	if (kinds & SHELL_ARG_VM) {
		for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
			try_candidate(m, vm->cfg->name);
	}
	if (kinds & SHELL_ARG_ALL)
		try_candidate(m, "all");
	if (kinds & SHELL_ARG_COMMAND) {
		for (size_t i = 0; i < nr_shell_cmds; i++)
			try_candidate(m, shell_cmds[i].name);
	}
}

/*
 * Finds the word before the cursor and its number in the line; `head` gets
 * the line's first word.
 */
static unsigned find_word(const struct lineedit *le, struct matches *m,
			  char *head, size_t head_nbytes)
{
	size_t start = 0;
	unsigned index = 0;

	head[0] = '\0';
	for (size_t i = 0; i < le->cur; i++) {
		if (le->line[i] != ' ')
			continue;
		if (i > start) {
			if (index == 0 && i - start < head_nbytes) {
				memcpy(head, le->line + start, i - start);
				head[i - start] = '\0';
			}
			index++;
		}
		start = i + 1;
	}
	m->prefix = le->line + start;
	m->prefix_len = le->cur - start;
	return index;
}

void shell_complete(void *arg, struct lineedit *le)
{
	static struct matches m;
	const struct shell_cmd *cmd;
	char head[16];
	unsigned index;
	size_t more;

	(void)arg;
	memset(&m, 0, sizeof(m));
	index = find_word(le, &m, head, sizeof(head));
	cmd = shell_find_cmd(head);
	if (index == 0)
		try_words(&m, NULL, SHELL_ARG_COMMAND);
	else if (cmd && index <= ARRAY_SIZE(cmd->args))
		try_words(&m, cmd, cmd->args[index - 1]);

	more = strlen(m.common) - min(strlen(m.common), m.prefix_len);
	if (more > 0)
		lineedit_insert(le, m.common + m.prefix_len, more);
	if (m.nr == 1) {
		lineedit_insert(le, " ", 1);
	} else if (m.nr > 1 && more == 0) {
		(void)str_copy(m.list + min(m.list_len, LIST_MAX - 3), "\r\n",
			       3);
		lineedit_print(le, m.list);
	}
}
