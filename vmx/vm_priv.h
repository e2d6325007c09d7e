/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between vmx/vm.c and vmx/vm_life.c. */
#ifndef VMX_VM_PRIV_H
#define VMX_VM_PRIV_H

#include "vmx/vm.h"

#define VM_WHY_MAX 128u

/* Starts the service thread that ends runs. 0, -ENOMEM. */
MUST_CHECK int vm_life_init(void);

/* Makes space, vCPUs and devices, once. 0, -ENOMEM (nothing is left). */
MUST_CHECK int vm_create_parts(struct vm *vm);

/* What can be known to be wrong before the start; *why says it. */
MUST_CHECK int vm_check_config(struct vm *vm, char *why);

#endif
