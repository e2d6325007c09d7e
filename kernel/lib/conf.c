// SPDX-License-Identifier: GPL-2.0-or-later
/* The syntax of aerostat.conf; see conf.h. Pure. */
#include "kernel/lib/conf.h"

#include "kernel/lib/lib.h"

bool conf_next_line(struct conf_text *t, const char **line, size_t *n)
{
	const char *s;
	size_t len = 0;

	/* A byte order mark, which some editors put in front. */
	if (t->at == 0 && t->nbytes >= 3 &&
	    memcmp(t->text, "\xef\xbb\xbf", 3) == 0)
		t->at = 3;
	if (t->at >= t->nbytes)
		return false;
	s = t->text + t->at;
	while (t->at + len < t->nbytes && s[len] != '\n')
		len++;
	t->at += len + 1;
	if (len > 0 && s[len - 1] == '\r')
		len--;
	*line = s;
	*n = len;
	return true;
}

void conf_trim_end(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && conf_is_blank(s[n - 1]))
		n--;
	s[n] = '\0';
}

char *conf_unquote(char *s)
{
	bool whole = *s == '"';
	bool quoted = false;
	size_t n;

	for (char *c = s; *c; c++) {
		if (*c == '"')
			quoted = !quoted;
		if (!quoted && (*c == '#' || *c == ';') && c > s &&
		    conf_is_blank(c[-1])) {
			*c = '\0';
			break;
		}
	}
	conf_trim_end(s);
	if (quoted)
		return NULL;
	n = strlen(s);
	if (!whole)
		return s;
	if (strchr(s + 1, '"') != s + n - 1)
		return NULL;
	s[n - 1] = '\0';
	return s + 1;
}

/* The path that the line names, within it; NULL: none. Changes the line. */
static char *file_in_line(char *line)
{
	static const char *const keys[] = { "kernel", "initrd", "module" };
	char *value;
	size_t i = 0, n = 0;

	line = conf_skip_blanks(line);
	value = strchr(line, '=');
	if (!value || *line == '#' || *line == ';')
		return NULL;
	*value++ = '\0';
	conf_trim_end(line);
	while (i < ARRAY_SIZE(keys) && strcmp(line, keys[i]) != 0)
		i++;
	if (i == ARRAY_SIZE(keys))
		return NULL;
	value = conf_unquote(conf_skip_blanks(value));
	/* A module's path ends where its arguments begin. */
	while (value && value[n] && (i < 2 || !conf_is_blank(value[n])))
		n++;
	if (n == 0 || n >= CONF_PATH_MAX)
		return NULL;
	value[n] = '\0';
	return value;
}

bool conf_next_file(struct conf_text *t, char *path)
{
	/* Too large for a stack; only the loader asks. */
	static char line[CONF_LINE_MAX + 1];
	const char *text, *found;
	size_t n;

	while (conf_next_line(t, &text, &n)) {
		if (n > CONF_LINE_MAX)
			continue;
		memcpy(line, text, n);
		line[n] = '\0';
		found = file_in_line(line);
		if (found) {
			(void)str_copy(path, found, CONF_PATH_MAX);
			return true;
		}
	}
	return false;
}
