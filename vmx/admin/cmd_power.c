// SPDX-License-Identifier: GPL-2.0-or-later
/* `poweroff` and `reboot`: the end of the machine and of all guests. */
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "vmx/admin/admin_priv.h"

/* Guests end now; what they had not written is lost. */
static void kill_all(void)
{
	char why[128];

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		enum vm_state state = READ_ONCE(vm->state);

		if (state == VM_OFF || state == VM_CRASHED)
			continue;
		out_printf("%s: killing\n", vm->cfg->name);
		if (vm_kill(vm, why) != 0)
			out_printf("%s: %s\n", vm->cfg->name, why);
	}
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
