// SPDX-License-Identifier: GPL-2.0-or-later
/* The command `selftest`. */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/selftest.h"

static bool run_one(const struct selftest *t, struct json *j)
{
	char text[96] = "";
	bool ok = t->run(text, sizeof(text));

	if (j) {
		json_open_object(j, NULL);
		json_str(j, "name", t->name);
		json_bool(j, "ok", ok);
		json_str(j, "text", text);
		json_close_object(j);
	} else {
		out_printf("%s %s: %s\n", ok ? "ok    " : "not ok", t->name,
			   text);
		out_flush();
	}
	return ok;
}

int cmd_selftest(const struct shell_args *a)
{
	const char *only = a->argc > 1 ? a->argv[1] : NULL;
	struct json *j = NULL;
	unsigned nr_run = 0, nr_ok = 0;

	if (a->argc > 2)
		return -EINVAL;
	if (a->json) {
		j = out_json();
		json_open_array(j, NULL);
	}
	for (size_t i = 0; i < nr_selftests; i++) {
		if (only && strcmp(only, selftests[i].name) != 0)
			continue;
		nr_run++;
		nr_ok += run_one(&selftests[i], j);
	}
	if (j) {
		json_close_array(j);
		out_json_end(j);
	} else if (!nr_run) {
		out_fail(a, "no test is called %s", only);
	} else {
		out_printf("%u of %u passed\n", nr_ok, nr_run);
	}
	return 0;
}
