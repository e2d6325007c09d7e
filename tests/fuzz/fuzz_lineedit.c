// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as keys of the console, and as a line of words. */
#include <stdlib.h>
#include <string.h>

#include "kernel/console/lineedit.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/bug.h"
#include "tests/fuzz/fuzz.h"

/* Nothing but printable ASCII and the editor's own controls goes out. */
static void check_emitted(void *arg, const char *s, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		BUG_ON(!(s[i] >= 0x20 && s[i] < 0x7f) &&
		       !strchr("\a\b\r\n\x1b", s[i]));
}

static void complete(void *arg, struct lineedit *le)
{
	(void)arg;
	lineedit_insert(le, "completed ", 10);
	lineedit_print(le, "candidates\r\n");
}

void fuzz_lineedit(const uint8_t *data, size_t n)
{
	static const struct lineedit_ops ops = { .emit = check_emitted,
						 .complete = complete };
	char image[LINEEDIT_IMAGE_MAX];
	struct lineedit *le = malloc(sizeof(*le));

	lineedit_init(le, &ops, "aerostat> ");
	lineedit_begin(le);
	for (size_t i = 0; i < n; i++) {
		enum lineedit_event ev = lineedit_key(le, data[i]);

		BUG_ON(le->len >= LINEEDIT_MAX || le->cur > le->len);
		BUG_ON(strlen(le->line) != le->len);
		BUG_ON(lineedit_image(le, image, sizeof(image)) >
		       sizeof(image));
		if (ev == LINEEDIT_SWITCH)
			lineedit_redraw(le);
		else if (ev != LINEEDIT_MORE)
			lineedit_begin(le);
	}
	free(le);
}

void fuzz_tokenize(const uint8_t *data, size_t n)
{
	char *line = malloc(n + 1);
	struct shell_args a;

	memcpy(line, data, n);
	line[n] = '\0';
	if (shell_tokenize(line, &a) == 0) {
		BUG_ON(a.argc < 0 || a.argc > SHELL_MAX_ARGS);
		for (int i = 0; i < a.argc; i++)
			BUG_ON(a.argv[i] < line ||
			       a.argv[i] + strlen(a.argv[i]) > line + n);
	}
	free(line);
}
