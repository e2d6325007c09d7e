// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `set`: changes keys of the configuration while the machine runs. What is set
 * lasts until the machine goes down; aerostat.conf is not written.
 *
 * Which key may change when follows from who uses it: `keys` below.
 */
#include "kernel/config/config.h"
#include "kernel/cpu/panic.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/sched.h"
#include "kernel/sync/log.h"
#include "vmx/admin/admin_priv.h"

enum when {
	SET_NOW,
	SET_DOWN,  /* while the VM is off: used by its next start */
	SET_FRESH, /* until its first start, which made parts from it */
	SET_NEVER, /* only aerostat.conf counts */
};

static const struct set_key {
	const char *name;
	bool host;
	enum when when;
	const char *why; /* SET_NEVER */
} keys[] = {
	{ "log_level", true, SET_NOW, NULL },
	{ "on_panic", true, SET_NOW, NULL },
	{ "clean_pool", true, SET_NOW, NULL },
	{ "debug_commands", true, SET_NOW, NULL },
	{ "reserve", true, SET_NEVER, "memory was divided up at boot" },
	{ "max_cpus", true, SET_NEVER, "CPUs are started at boot" },
	{ "console_port", true, SET_NEVER, "the console opens it at boot" },
	{ "console_baud", true, SET_NEVER, "the console opens it at boot" },

	{ "weight", false, SET_NOW, NULL },
	{ "mem.min", false, SET_NOW, NULL },
	{ "on_crash", false, SET_NOW, NULL },
	{ "on_poweroff", false, SET_NOW, NULL },
	{ "on_reboot", false, SET_NOW, NULL },
	{ "kernel", false, SET_DOWN, NULL },
	{ "initrd", false, SET_DOWN, NULL },
	{ "cmdline", false, SET_DOWN, NULL },
	{ "loader", false, SET_DOWN, NULL },
	{ "debug_exit", false, SET_DOWN, NULL },
	{ "vcpus", false, SET_FRESH, NULL },
	{ "mem.boot", false, SET_FRESH, NULL },
	{ "mem.max", false, SET_FRESH, NULL },
	{ "mem.commit", false, SET_FRESH, NULL },
	{ "cpu.hide", false, SET_FRESH, NULL },
	{ "module", false, SET_NEVER, "it is a list, read at boot" },
	{ "autostart", false, SET_NEVER, "it is looked at once, at boot" },
};

static const struct set_key *find_key(const char *name, bool host)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].host == host && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static void offer_host_keys(struct shell_asker *asker)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].host)
			shell_offer(asker, keys[i].name);
	}
}

static void offer_vm_keys(struct shell_asker *asker)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!keys[i].host)
			shell_offer(asker, keys[i].name);
	}
}

void set_offer_keys(struct shell_asker *asker)
{
	offer_vm_keys(asker);
	offer_host_keys(asker);
}

static void unknown_key(const struct shell_args *a, bool host)
{
	const char *best =
		shell_guess(a->argv[2], host ? offer_host_keys : offer_vm_keys);

	if (best)
		out_fail(a, "set %s: no key '%.40s'; did you mean '%s'?",
			 a->argv[1], a->argv[2], best);
	else
		out_fail(a, "set %s: no key '%.40s'; `set %s` lists them",
			 a->argv[1], a->argv[2], a->argv[1]);
}

/* ---- may it change now? ---- */

/* False: said why not. vm NULL: a key of the host. */
static bool may_change(const struct shell_args *a, const struct set_key *k,
		       struct vm *vm)
{
	if (k->when == SET_NEVER) {
		out_fail(a,
			 "set %s %s: %s; change aerostat.conf and reboot the "
			 "machine",
			 a->argv[1], k->name, k->why);
		return false;
	}
	if (!vm)
		return true;
	if (vm->cfg->bad) {
		out_fail(a,
			 "set %s: its section has errors; mend "
			 "aerostat.conf (`vm info %s` shows them)",
			 a->argv[1], a->argv[1]);
		return false;
	}
	if (k->when == SET_FRESH && vm_is_created(vm)) {
		out_fail(a,
			 "set %s %s: it was fixed by the VM's first start; "
			 "change aerostat.conf and reboot the machine",
			 a->argv[1], k->name);
		return false;
	}
	if (k->when != SET_NOW && admin_vm_is_on(vm)) {
		out_fail(a,
			 "set %s %s: the VM is %s; it can be set while it is "
			 "off",
			 a->argv[1], k->name,
			 vm_state_name(READ_ONCE(vm->state)));
		return false;
	}
	return true;
}

/* ---- carrying it out ---- */

/* The configuration has the new value: tells who keeps a copy. */
static void apply_host(const struct set_key *k)
{
	/* Another key leaves alone what `log console` has chosen. */
	if (strcmp(k->name, "log_level") == 0)
		log_set_console_level(host_config.host.log_level);
	panic_set_reboot(host_config.host.on_panic == PANIC_REBOOT);
	sched_set_clean_pool(host_config.host.clean_pool);
}

static void set_host(const struct shell_args *a, char *value)
{
	const struct set_key *k = find_key(a->argv[2], true);
	struct config_error e;

	if (!k)
		unknown_key(a, true);
	else if (!may_change(a, k, NULL))
		return;
	else if (config_set(&host_config.host, NULL, k->name, value, &e) != 0)
		out_fail(a, "set host %s", e.text);
	else {
		apply_host(k);
		out_done(a, "host: %s = %s", k->name, value);
	}
}

static void set_vm(const struct shell_args *a, struct vm *vm, char *value)
{
	const struct set_key *k = find_key(a->argv[2], false);
	struct config_vm *cfg = &host_config.vms[vm->id - 1];
	static struct config_vm old; /* too large for the stack */
	char why[VM_WHY_MAX] = "";
	struct config_error e;

	if (!k) {
		unknown_key(a, false);
		return;
	}
	if (!may_change(a, k, vm))
		return;
	old = *cfg;
	if (config_set(NULL, cfg, k->name, value, &e) != 0) {
		out_fail(a, "set %s %s", a->argv[1], e.text);
		return;
	}
	if (vm_apply_config(vm, why) != 0) {
		*cfg = old;
		out_fail(a, "set %s %s: %s", a->argv[1], k->name, why);
		return;
	}
	out_done(a, "%s: %s = %s%s", a->argv[1], k->name, value,
		 k->when == SET_NOW ? "" : ", from its next start on");
}

/* ---- listing ---- */

static const char *when_name(enum when when)
{
	static const char *const names[] = { "now", "off", "fresh", "never" };

	return names[when];
}

static void list_keys(const struct shell_args *a, bool host)
{
	static const char *const meaning[] = { "at any time",
					       "while the VM is off",
					       "until the VM's first start",
					       "in aerostat.conf only" };
	struct json *j = out_list(a);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].host != host)
			continue;
		if (!j) {
			out_printf("%-14s %s\n", keys[i].name,
				   meaning[keys[i].when]);
			continue;
		}
		json_open_object(j, NULL);
		json_str(j, "key", keys[i].name);
		json_str(j, "settable", when_name(keys[i].when));
		json_close_object(j);
	}
	out_list_end(j);
}

/* The words from argv[3] on, as they stood on the line, one blank between. */
static bool join_value(const struct shell_args *a, char *dst, size_t nbytes)
{
	size_t n = 0;

	for (int i = 3; i < a->argc && n < nbytes; i++)
		n += (size_t)snprintf(dst + n, nbytes - n, "%s%s",
				      i > 3 ? " " : "", a->argv[i]);
	return n < nbytes;
}

int cmd_set(const struct shell_args *a)
{
	static char value[CONFIG_CMDLINE_MAX];
	struct vm *vm = NULL;
	bool host;

	if (a->argc != 2 && a->argc < 4)
		return -EINVAL;
	host = strcmp(a->argv[1], "host") == 0;
	if (!host) {
		vm = cmd_find_vm(a, a->argv[1]);
		if (!vm)
			return 0;
	}
	if (a->argc == 2)
		list_keys(a, host);
	else if (!join_value(a, value, sizeof(value)))
		out_fail(a, "set: the value is too long");
	else if (host)
		set_host(a, value);
	else
		set_vm(a, vm, value);
	return 0;
}
