/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator's console: line editor, commands, guest consoles. The
 * service thread `console` runs it.
 */
#ifndef KERNEL_SHELL_H
#define KERNEL_SHELL_H

#include "kernel/lib/compiler.h"

/* Starts the console thread. 0, -ENOMEM. */
MUST_CHECK int shell_start(void);

#endif
