// SPDX-License-Identifier: GPL-2.0-or-later
/* `log`: the lines that are kept, by level and key; following new ones. */
#include "kernel/console/conrow.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/log.h"

#define FOLLOW_FIRST 10u /* old lines that `log -f` begins with */

static const char *const level_names[] = { "err", "warn", "info", "debug" };

static bool find_level(const char *name, enum log_level *out)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void log_offer_levels(struct shell_asker *asker)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(level_names); i++)
		shell_offer(asker, level_names[i]);
}

struct log_query {
	enum log_level level;		   /* this and more severe */
	const char *pairs[SHELL_MAX_ARGS]; /* KEY=VALUE that a line has */
	int nr_pairs;
	bool follow;
	bool json;
	uint64_t wanted;      /* the newest so many */
	uint64_t nr_seen;     /* since the last look, matching or not */
	uint64_t nr_matching; /* first pass */
	uint64_t skip;	      /* second pass: older ones not wanted */
	struct json *array;   /* JSON of a listing */
	uint64_t next;	      /* first line not shown yet */
};

static bool has_pair(const char *line, const char *pair)
{
	size_t n = strlen(pair);

	for (const char *s = line; *s; s++) {
		if ((s == line || s[-1] == ' ') && strncmp(s, pair, n) == 0 &&
		    (!s[n] || s[n] == ' ' || s[n] == ':'))
			return true;
	}
	return false;
}

static bool matches(const struct log_query *q, enum log_level level,
		    const char *line)
{
	if (level > q->level)
		return false;
	for (int i = 0; i < q->nr_pairs; i++) {
		if (!has_pair(line, q->pairs[i]))
			return false;
	}
	return true;
}

static void count_line(void *arg, enum log_level level, const char *line)
{
	struct log_query *q = arg;

	q->nr_matching += matches(q, level, line);
}

static void json_line(struct json *j, enum log_level level, const char *line)
{
	json_open_object(j, NULL);
	json_str(j, "level", level_names[level]);
	json_str(j, "line", line);
	json_close_object(j);
}

static void print_line(void *arg, enum log_level level, const char *line)
{
	struct log_query *q = arg;

	q->nr_seen++;
	if (!matches(q, level, line))
		return;
	if (q->skip > 0) {
		q->skip--;
	} else if (q->array) {
		json_line(q->array, level, line);
	} else if (q->json) {
		struct json *j = out_json();

		json_line(j, level, line);
		out_json_end(j);
	} else {
		out_str(line);
		out_str("\n");
	}
}

/* Those that are kept, or the newest of them. */
static void show_kept(struct log_query *q)
{
	(void)log_dump_from(count_line, q, 0);
	if (q->nr_matching > q->wanted)
		q->skip = q->nr_matching - q->wanted;
	q->next = log_dump_from(print_line, q, 0);
}

static bool show_new(void *arg)
{
	struct log_query *q = arg;
	uint64_t from = q->next;

	q->nr_seen = 0;
	q->next = log_dump_from(print_line, q, from);
	if (q->next - from > q->nr_seen && !q->json)
		out_printf("[%llu lines came too fast]\n",
			   (unsigned long long)(q->next - from - q->nr_seen));
	return false;
}

/* Lines don't come by themselves meanwhile. */
static void follow(struct log_query *q)
{
	conrow_mute();
	show_kept(q);
	/* Only Ctrl-C ends it. */
	while (shell_wait(NULL, show_new, q, SHELL_NO_LIMIT) != -EINTR)
		;
	(void)conrow_unmute();
}

static void show_log(const struct shell_args *a, struct log_query *q)
{
	q->json = a->json;
	if (q->follow) {
		follow(q);
		return;
	}
	q->array = out_list(a);
	show_kept(q);
	out_list_end(q->array);
}

static int log_console(const struct shell_args *a)
{
	enum log_level level;

	if (a->argc != 3 || !find_level(a->argv[2], &level))
		return -EINVAL;
	log_set_console_level(level);
	out_done(a, "the console shows log level %s and above", a->argv[2]);
	return 0;
}

static void wrong_word(const struct shell_args *a, const char *word)
{
	const char *best = shell_guess(word, log_offer_levels);

	if (best)
		out_fail(a, "log: no level '%.40s'; did you mean '%s'?", word,
			 best);
	else
		out_fail(a,
			 "log: '%.40s' is neither a number nor a level (err, "
			 "warn, info, debug) nor KEY=VALUE, such as vm=web",
			 word);
}

/* False: said what is wrong. */
static bool parse_query(const struct shell_args *a, struct log_query *q)
{
	bool counted = false;

	*q = (struct log_query){ .level = LOG_DEBUG, .wanted = UINT64_MAX };
	for (int i = 1; i < a->argc; i++) {
		const char *word = a->argv[i];

		if (strcmp(word, "-f") == 0) {
			q->follow = true;
		} else if (strchr(word, '=')) {
			q->pairs[q->nr_pairs++] = word;
		} else if (str_to_u64(word, &q->wanted) == 0) {
			counted = true;
		} else if (!find_level(word, &q->level)) {
			wrong_word(a, word);
			return false;
		}
	}
	if (q->follow && !counted)
		q->wanted = FOLLOW_FIRST;
	return true;
}

int cmd_log(const struct shell_args *a)
{
	struct log_query q;

	if (a->argc > 1 && strcmp(a->argv[1], "console") == 0)
		return log_console(a);
	if (parse_query(a, &q))
		show_log(a, &q);
	return 0;
}
