// SPDX-License-Identifier: GPL-2.0-or-later
/* `poweroff` and `reboot`: the end of the machine and of all guests. */
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "vmx/admin/admin_priv.h"

/* After this the machine goes off with whatever a guest still does. */
#define KILL_LIMIT_NS 10000000000ull

static bool is_down(const struct vm *vm)
{
	enum vm_state state = READ_ONCE(vm->state);

	return state == VM_OFF || state == VM_CRASHED;
}

static bool all_down(void *arg)
{
	(void)arg;
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		if (!is_down(vm))
			return false;
	return true;
}

/* Guests end now; what they had not written is lost. */
static void kill_all(void)
{
	struct vm_order order;
	char why[VM_WHY_MAX];

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		if (is_down(vm))
			continue;
		out_printf("%s: killing\n", vm->cfg->name);
		if (vm_order(vm, VM_DO_KILL, &order, why) != 0)
			out_printf("%s: %s\n", vm->cfg->name, why);
	}
	if (shell_wait(NULL, all_down, NULL, KILL_LIMIT_NS) != 0)
		out_str("some guests have not ended\n");
	out_flush();
}

int cmd_reboot(const struct shell_args *a)
{
	if (a->argc != 1)
		return -EINVAL;
	kill_all();
	machine_reboot();
}

int cmd_poweroff(const struct shell_args *a)
{
	if (a->argc != 1)
		return -EINVAL;
	kill_all();
	machine_poweroff();
}
