// SPDX-License-Identifier: GPL-2.0-or-later
/* `selftest`: runs the tests that the rooms brought. */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/registry.h"
#include "kernel/lib/selftest.h"

static struct registry tests;

void shell_register_selftests(const struct selftest *table, size_t nr)
{
	registry_add(&tests, table, sizeof(*table), nr);
}

struct tally {
	unsigned nr_run, nr_ok;
};

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

static void run_all(const char *only, struct json *j, struct tally *tally)
{
	for (size_t i = 0; i < tests.nr; i++) {
		const struct selftest *t = tests.rows[i];

		if (only && strcmp(only, t->name) != 0)
			continue;
		tally->nr_run++;
		tally->nr_ok += run_one(t, j);
	}
}

static bool is_test(const char *name)
{
	for (size_t i = 0; i < tests.nr; i++) {
		const struct selftest *t = tests.rows[i];

		if (strcmp(name, t->name) == 0)
			return true;
	}
	return false;
}

int cmd_selftest(const struct shell_args *a)
{
	const char *only = a->argc > 1 ? a->argv[1] : NULL;
	struct json *j;
	struct tally tally = { 0 };

	if (a->argc > 2)
		return -EINVAL;
	if (only && !is_test(only)) {
		out_fail(
			a,
			"no test is called '%.40s'; `help selftest` names them",
			only);
		return 0;
	}
	j = out_list(a);
	run_all(only, j, &tally);
	out_list_end(j);
	if (!j)
		out_printf("%u of %u passed\n", tally.nr_ok, tally.nr_run);
	return 0;
}
