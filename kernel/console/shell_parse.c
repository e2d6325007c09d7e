// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a typed line to words, and from words to the command. Pure, but for
 * running the command.
 */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

/* Longer words are not compared. */
#define GUESS_WORD_MAX 24u

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Takes one word at *in, writes it without quotes at *out (never ahead of
 * *in), terminates it. *in ends behind the blank that ended it.
 */
static int take_word(char **in, char **out)
{
	char quote = '\0';
	char *r = *in;
	char *w = *out;
	bool last;

	for (; *r && (quote || !is_blank(*r)); r++) {
		if (quote && *r == quote)
			quote = '\0';
		else if (!quote && (*r == '"' || *r == '\''))
			quote = *r;
		else if (*r == '\\' && quote != '\'' && r[1])
			*w++ = *++r;
		else
			*w++ = *r;
	}
	if (quote)
		return -EINVAL;
	last = *r == '\0';
	*w++ = '\0';
	*out = w;
	*in = last ? r : r + 1;
	return 0;
}

/* The letter of a word that is exactly -j or -p; NUL: it is neither. */
static char flag_at(const char *s)
{
	if (s[0] != '-' || (s[1] != 'j' && s[1] != 'p') ||
	    (s[2] && !is_blank(s[2])))
		return '\0';
	return s[1];
}

int shell_tokenize(char *line, struct shell_args *a)
{
	char *in = line;
	char *out = line;
	int err;

	*a = (struct shell_args){ 0 };
	for (;;) {
		char *word;
		char flag;

		while (is_blank(*in))
			in++;
		if (!*in)
			return 0;
		flag = flag_at(in);
		word = out;
		err = take_word(&in, &out);
		if (err)
			return err;
		if (flag == 'j')
			a->json = true;
		else if (flag == 'p')
			a->page = true;
		else if (a->argc == SHELL_MAX_ARGS)
			return -E2BIG;
		else
			a->argv[a->argc++] = word;
	}
}

/* Levenshtein distance; both words at most GUESS_WORD_MAX long. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[GUESS_WORD_MAX + 1];
	size_t nb = strlen(b);

	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= nb; j++) {
			unsigned change = diagonal + (a[i] != b[j - 1]);
			unsigned shift = min(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = min(change, shift);
		}
	}
	return row[nb];
}

struct guess {
	struct shell_asker asker;
	const char *word;
	const char *best;
	unsigned distance;
};

static void guess_try(struct shell_asker *asker, const char *name)
{
	struct guess *g = container_of(asker, struct guess, asker);
	unsigned distance, allowed;

	if (strlen(name) > GUESS_WORD_MAX)
		return;
	distance = edit_distance(g->word, name);
	allowed = strlen(name) < 4 ? 1 : 2;
	if (distance > allowed || (g->best && distance >= g->distance))
		return;
	g->best = name;
	g->distance = distance;
}

const char *shell_guess(const char *word,
			void (*names)(struct shell_asker *asker))
{
	struct guess g = { .asker.offer = guess_try, .word = word };

	if (strlen(word) <= GUESS_WORD_MAX)
		names(&g.asker);
	return g.best;
}

static void unknown_command(const struct shell_args *a)
{
	const char *best = shell_guess(a->argv[0], shell_offer_cmds);

	if (best)
		out_fail(a, "unknown command '%.40s'; did you mean '%s'?",
			 a->argv[0], best);
	else
		out_fail(a, "unknown command '%.40s'; `help` lists them",
			 a->argv[0]);
}

/* The usage's first form when there are many would hide the others. */
static void wrong_usage(const struct shell_args *a, const struct shell_cmd *cmd)
{
	if (strchr(cmd->usage, '\n'))
		out_fail(a, "wrong arguments; see `help %s`", cmd->name);
	else
		out_fail(a, "wrong arguments; usage: %s", cmd->usage);
}

void shell_execute(char *line)
{
	const struct shell_cmd *cmd;
	struct shell_args a;
	int err = shell_tokenize(line, &a);

	out_begin(a.page && !a.json);
	if (err == -E2BIG) {
		out_fail(&a, "too many words; expected at most %d",
			 SHELL_MAX_ARGS);
	} else if (err) {
		out_fail(&a, "a quote is not closed");
	} else if (a.argc > 0) {
		cmd = shell_find_cmd(a.argv[0]);
		if (!cmd)
			unknown_command(&a);
		else if (cmd->run(&a) == -EINVAL)
			wrong_usage(&a, cmd);
	}
	out_end();
}
