// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `poweroff` and `reboot`: guests are shut down first, in the order of the
 * configuration and all at once, as by `vm stop all`; who does not go in time
 * is killed, after a question. -y answers yes, -f kills at once.
 */
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/admin/admin_priv.h"

/* After this the machine goes off with whatever a guest still does. */
#define KILL_LIMIT_NS 10000000000ull

struct power {
	const struct shell_args *a;
	const char *question; /* ends with what is going to happen */
	bool yes, force;
	struct admin_wait wait;
	bool quiet; /* no progress on the last row */
	/* When each VM was asked to power off; 0: it was not. By id - 1. */
	uint64_t asked_run[CONFIG_MAX_VMS];
};

/* ---- which guests ---- */

/* Names of up to a line's worth of those for which is() holds. */
static unsigned list_vms(struct power *p,
			 bool (*is)(struct power *p, struct vm *vm), char *dst,
			 size_t nbytes)
{
	size_t used = 0;
	unsigned n = 0;

	dst[0] = '\0';
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		if (!is(p, vm))
			continue;
		if (n++ && used < nbytes)
			used += (size_t)snprintf(dst + used, nbytes - used,
						 ", ");
		if (used < nbytes)
			used += (size_t)snprintf(dst + used, nbytes - used,
						 "%s", vm->cfg->name);
	}
	return n;
}

static bool is_on(struct power *p, struct vm *vm)
{
	(void)p;
	return admin_vm_is_on(vm);
}

/* Asked to power off, and still in the run that was asked. */
static bool is_awaited(struct power *p, struct vm *vm)
{
	return admin_vm_is_on(vm) && p->asked_run[vm->id - 1] &&
	       READ_ONCE(vm->run) == p->asked_run[vm->id - 1];
}

/* ---- shutting down ---- */

static void ask_guests(struct power *p)
{
	struct vm_order order;
	char why[VM_WHY_MAX];

	memset(p->asked_run, 0, sizeof(p->asked_run));
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		int err;

		if (!admin_vm_is_on(vm))
			continue;
		err = vm_order(vm, VM_DO_STOP, &order, why);
		if (!err)
			p->asked_run[vm->id - 1] = order.run;
		if (!p->quiet)
			out_printf("%s: %s\n", vm->cfg->name,
				   err ? why : "asked to power off");
	}
}

static bool all_gone(void *arg)
{
	struct power *p = arg;
	char names[48], row[80];

	if (!list_vms(p, is_awaited, names, sizeof(names)))
		return true;
	if (!p->quiet) {
		(void)snprintf(row, sizeof(row),
			       "waiting for %s (Ctrl-C: leave)", names);
		out_row(row);
	}
	return false;
}

/* False: the administrator wants it no more. */
static bool shut_down_guests(struct power *p)
{
	char names[160];
	int err;

	ask_guests(p);
	err = shell_wait(NULL, all_gone, p, p->wait.timeout_ns);
	out_row("");
	if (err == -EINTR) {
		out_fail(p->a,
			 "%s: interrupted; guests that were asked to "
			 "power off go on with it",
			 p->a->argv[0]);
		return false;
	}
	if (!list_vms(p, is_on, names, sizeof(names)))
		return true;
	if (!p->quiet)
		out_printf("still on: %s\n", names);
	return p->yes || shell_ask("Kill them?");
}

static bool all_down(void *arg)
{
	char names[2];

	return list_vms(arg, is_on, names, sizeof(names)) == 0;
}

/* Guests end now; what they had not written is lost. */
static void kill_guests(struct power *p)
{
	struct vm_order order;
	char why[VM_WHY_MAX];

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		if (!admin_vm_is_on(vm))
			continue;
		if (!p->quiet)
			out_printf("%s: killing\n", vm->cfg->name);
		if (vm_order(vm, VM_DO_KILL, &order, why) != 0 && !p->quiet)
			out_printf("%s: %s\n", vm->cfg->name, why);
	}
	if (shell_wait(NULL, all_down, p, KILL_LIMIT_NS) != 0 && !p->quiet)
		out_str("some guests have not ended\n");
}

/* ---- the commands ---- */

static int parse(struct power *p)
{
	const struct shell_args *a = p->a;

	p->wait.timeout_ns = ADMIN_WAIT_NS;
	for (int i = 1; i < a->argc; i++) {
		if (strcmp(a->argv[i], "-f") == 0)
			p->force = true;
		else if (strcmp(a->argv[i], "-y") == 0)
			p->yes = true;
		else if (admin_wait_word(&p->wait, a->argv[i]) != 0)
			return -EINVAL;
	}
	return 0;
}

/* True: no guest is on, or the administrator wants the end all the same. */
static bool may_end(struct power *p)
{
	char names[160], text[80];

	if (!list_vms(p, is_on, names, sizeof(names)) || p->force)
		return true;
	if (p->a->json && !p->yes) {
		out_fail(p->a,
			 "guests run: %s; -y shuts them down first, -f "
			 "kills them",
			 names);
		return false;
	}
	if (!p->yes) {
		out_printf("guests run: %s\n", names);
		(void)snprintf(text, sizeof(text), "Shut them down and %s?",
			       p->question);
		if (!shell_ask(text))
			return false;
	}
	return shut_down_guests(p);
}

static int end_machine(const struct shell_args *a, const char *question,
		       void (*end)(void))
{
	static struct power p; /* too large for the stack */

	p = (struct power){ .a = a, .question = question, .quiet = a->json };
	if (parse(&p) != 0)
		return -EINVAL;
	if (!may_end(&p))
		return 0;
	kill_guests(&p);
	if (a->json)
		out_done(a, "%s", a->argv[0]);
	out_flush();
	end();
	return 0;
}

int cmd_reboot(const struct shell_args *a)
{
	return end_machine(a, "reboot", machine_reboot);
}

int cmd_poweroff(const struct shell_args *a)
{
	return end_machine(a, "switch the machine off", machine_poweroff);
}
