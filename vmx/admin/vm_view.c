// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies of VMs for the console. */
#include "vmx/admin/vm_view.h"

#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"

static bool has_run(enum vm_state s)
{
	return s == VM_RUNNING || s == VM_PAUSED || s == VM_STOPPING;
}

/* A VM that starts may wait for memory, and have some already. */
static bool has_memory(const struct vm *vm, enum vm_state s)
{
	return (has_run(s) || s == VM_STARTING) && vm_is_created(vm);
}

void vm_view_take(struct vm *vm, struct vm_view *out)
{
	memset(out, 0, sizeof(*out));
	out->cfg = vm->cfg;
	out->id = vm->id;
	out->mem.min = vm->cfg->mem_min >> PAGE_SHIFT;
	out->mem.boot = vm->cfg->mem_boot >> PAGE_SHIFT;
	out->mem.max = vm->cfg->mem_max >> PAGE_SHIFT;

	spin_lock(&vm->lock);
	out->state = READ_ONCE(vm->state);
	out->nr_starts = vm->nr_starts;
	out->debug_exited = vm->debug_exited;
	out->debug_exit_value = vm->debug_exit_value;
	(void)str_copy(out->reason, vm->reason, sizeof(out->reason));
	if (has_memory(vm, out->state)) {
		out->has_memory = true;
		gspace_get_stats(vm->gs, &out->mem);
	} else if (out->state == VM_CRASHED && vm_is_created(vm)) {
		/* on_crash = pause has kept it. */
		gspace_get_stats(vm->gs, &out->mem);
		out->has_memory = out->mem.state[PG_RESIDENT] != 0;
	}
	if (has_run(out->state))
		out->uptime_ns = tsc_to_ns(rdtsc() - vm->start_tsc);
	spin_unlock(&vm->lock);
}
