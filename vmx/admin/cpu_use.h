/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a CPU VMs and vCPUs use. Console thread only. */
#ifndef VMX_CPU_USE_H
#define VMX_CPU_USE_H

#include "vmx/vm.h"

/* In thousandths of one whole CPU, since `vm list` or `vm info` last looked. */
uint32_t cpu_use_of_vm(struct vm *vm);

/* "12.3" (16 bytes); returns dst. */
char *cpu_use_text(uint32_t permille, char *dst);

#endif
