// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing one key of a configuration that has been read. */
#include "kernel/config/config_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

static const struct config_key_rule *find_rule(const struct config_key_rule *r,
					       const char *key)
{
	for (; r->name; r++) {
		if (strcmp(r->name, key) == 0)
			return r;
	}
	return NULL;
}

int config_set(struct config_host *host, struct config_vm *vm, const char *key,
	       char *value, struct config_error *e)
{
	static struct config_vm changed; /* too large for the stack */
	struct config_parser p = { .sink = e,
				   .section = vm ? SECTION_VM : SECTION_HOST };
	const struct config_key_rule *rule =
		find_rule(vm ? config_vm_rules : config_host_rules, key);
	int err;

	*e = (struct config_error){ 0 };
	if (!rule)
		return -ENOENT;
	if (!vm)
		return config_parse_value(&p, rule, value, host);
	changed = *vm;
	p.vm = &changed;
	err = config_parse_value(&p, rule, value, &changed);
	if (!err)
		err = config_check_sizes(&p, &changed);
	if (!err)
		*vm = changed;
	return err;
}
