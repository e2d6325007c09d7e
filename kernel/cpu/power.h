/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending the machine; the calls themselves are in kernel/cpu/machine.h. */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

#include "kernel/lib/boot_info.h"

/* Notes where the firmware's ResetSystem() is. After hostpt_init(). */
void power_init(const struct boot_info *bi);

#endif
