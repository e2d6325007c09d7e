// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tab completion of commands and of what their rooms offer as arguments. The
 * word before the cursor is extended as far as all candidates agree; when that
 * is nowhere, they are listed.
 */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/lib.h"

#define LIST_MAX 512u

struct matches {
	struct shell_asker asker;
	const char *prefix;
	size_t prefix_len;
	unsigned nr;
	char common[64];     /* what all matches begin with */
	char list[LIST_MAX]; /* all matches with two blanks between them */
	size_t list_len;
};

static void try_candidate(struct shell_asker *asker, const char *word)
{
	struct matches *m = container_of(asker, struct matches, asker);
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

void shell_offer(struct shell_asker *asker, const char *name)
{
	asker->offer(asker, name);
}

static void try_arg(struct matches *m, const struct shell_arg *arg)
{
	for (size_t i = 0; arg->words && arg->words[i]; i++)
		shell_offer(&m->asker, arg->words[i]);
	if (arg->names)
		arg->names(&m->asker);
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
	m.asker.offer = try_candidate;
	index = find_word(le, &m, head, sizeof(head));
	cmd = shell_find_cmd(head);
	if (index == 0)
		shell_offer_cmds(&m.asker);
	else if (cmd && index <= ARRAY_SIZE(cmd->args))
		try_arg(&m, &cmd->args[index - 1]);

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
