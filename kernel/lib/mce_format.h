/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine-check registers: SDM Vol. 3B, "Machine-Check Architecture". */
#ifndef KERNEL_MCE_FORMAT_H
#define KERNEL_MCE_FORMAT_H

#include "kernel/lib/compiler.h"

/* IA32_MCG_CAP */
#define MCG_CAP_COUNT 0xffu
#define MCG_CAP_CTL_P BIT(8)
#define MCG_CAP_SER_P BIT(24) /* software error recovery */

/* IA32_MCG_STATUS */
#define MCG_RIPV BIT(0) /* the interrupted code may go on where it was */
#define MCG_EIPV BIT(1) /* and its instruction is the culprit */
#define MCG_MCIP BIT(2)

/* IA32_MCi_STATUS */
#define MC_STATUS_VAL	BIT(63)
#define MC_STATUS_OVER	BIT(62)
#define MC_STATUS_UC	BIT(61)
#define MC_STATUS_EN	BIT(60)
#define MC_STATUS_MISCV BIT(59)
#define MC_STATUS_ADDRV BIT(58)
#define MC_STATUS_PCC	BIT(57)
#define MC_STATUS_S	BIT(56)
#define MC_STATUS_AR	BIT(55)
#define MC_STATUS_CODE	0xffffu

/* IA32_MCi_MISC: lowest valid bit of the address, and what kind it is. */
#define MC_MISC_LSB(misc)     ((unsigned)((misc)&63))
#define MC_MISC_MODE(misc)    ((unsigned)((misc) >> MC_MISC_MODE_SHIFT & 7))
#define MC_MISC_MODE_SHIFT    6
#define MC_MISC_MODE_PHYSICAL 2u

#endif
