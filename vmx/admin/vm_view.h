/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM as the console shows it: one consistent copy, taken at one moment. */
#ifndef KERNEL_VM_VIEW_H
#define KERNEL_VM_VIEW_H

#include "kernel/lib/compiler.h"
#include "mm/gspace.h"
#include "vmx/vm.h"

struct vm_view {
	const struct config_vm *cfg;
	uint32_t id;
	enum vm_state state;
	bool has_memory; /* the VM has a guest space: `mem` is its state */
	struct gspace_stats mem; /* else zero, but min, boot and max */
	uint64_t uptime_ns;	 /* of this run; 0: none */
	uint64_t nr_starts;
	bool debug_exited;
	uint32_t debug_exit_value;
	char reason[128];
};

/* Takes vm->lock, which nobody holds while it waits for something. */
void vm_view_take(struct vm *vm, struct vm_view *out);

#endif
