/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What concerns VMs on the console; main.c hands it to the engine. */
#ifndef VMX_ADMIN_H
#define VMX_ADMIN_H

#include "kernel/console/shell.h"

extern const struct shell_cmd vm_cmds[];
extern const size_t nr_vm_cmds;
/* They break the machine on purpose, if the configuration allows it. */
extern const struct shell_cmd debug_cmds[];
extern const size_t nr_debug_cmds;

#endif
