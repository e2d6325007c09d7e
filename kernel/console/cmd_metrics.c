// SPDX-License-Identifier: GPL-2.0-or-later
/* `metrics`: the figures that the rooms brought. */
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/metric.h"
#include "kernel/lib/registry.h"

static struct registry metrics;

void shell_register_metrics(const struct metric *table, size_t nr)
{
	registry_add(&metrics, table, sizeof(*table), nr);
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
	j = out_list(a);
	for (size_t i = 0; i < metrics.nr; i++)
		show(metrics.rows[i], j);
	out_list_end(j);
	return 0;
}
