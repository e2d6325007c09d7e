/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between vmx/vm.c (what a VM is), vm_life.c (its keeper) and vm_order.c (what
 * the administrator wants of it).
 */
#ifndef VMX_VM_PRIV_H
#define VMX_VM_PRIV_H

#include "vmx/vm.h"

/* Makes space, vCPUs and devices, once. 0; -ENOMEM, -ENOSPC: nothing is left.
 */
MUST_CHECK int vm_create_parts(struct vm *vm);

/* What can be known to be wrong before the start; *why says it. */
MUST_CHECK int vm_check_config(struct vm *vm, char *why);

/*
 * For whoever brought the VM to VM_STARTING: its keeper goes on from there, and
 * is made first if there is none. 0; -ENOMEM: the VM is off again.
 */
MUST_CHECK int vm_hand_to_keeper(struct vm *vm);

/* Starts the service that puts guests' memory together again, once. */
void vm_collapse_start(void);

/*
 * Brings the VM one step on; false: there is nothing to do until somebody calls
 * vm_wake_keeper(). On the keeper thread (or a host test) only.
 */
bool vm_keeper_step(struct vm *vm);

static inline enum vm_state vm_get_state(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_SEQ_CST);
}

/* Off and crashed: there is no run, and none is being made. */
static inline bool vm_state_is_down(enum vm_state s)
{
	return s == VM_OFF || s == VM_CRASHED;
}

#endif
