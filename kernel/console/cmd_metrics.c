// SPDX-License-Identifier: GPL-2.0-or-later
/* `metrics`: the figures that the rooms brought. */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/metric.h"

#define MAX_TABLES 8u

static struct {
	const struct metric *metrics;
	size_t nr;
} tables[MAX_TABLES]; /* [const after boot] */
static size_t nr_tables;

void shell_register_metrics(const struct metric *metrics, size_t nr)
{
	BUG_ON(nr_tables == MAX_TABLES);
	tables[nr_tables].metrics = metrics;
	tables[nr_tables++].nr = nr;
}

static void show(const struct metric *m, struct json *j)
{
	uint64_t value = m->get(m);

	if (!j) {
		out_printf("%-20s %20llu %-10s %s\n", m->name,
			   (unsigned long long)value, m->unit, m->help);
		return;
	}
	json_open_object(j, NULL);
	json_str(j, "name", m->name);
	json_u64(j, "value", value);
	json_str(j, "unit", m->unit);
	json_str(j, "help", m->help);
	json_close_object(j);
}

int cmd_metrics(const struct shell_args *a)
{
	struct json *j;

	if (a->argc != 1)
		return -EINVAL;
	j = a->json ? out_json() : NULL;
	if (j)
		json_open_array(j, NULL);
	for (size_t t = 0; t < nr_tables; t++)
		for (size_t i = 0; i < tables[t].nr; i++)
			show(&tables[t].metrics[i], j);
	if (j) {
		json_close_array(j);
		out_json_end(j);
	}
	return 0;
}
