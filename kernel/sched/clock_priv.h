/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing time up. */
#ifndef KERNEL_CLOCK_PRIV_H
#define KERNEL_CLOCK_PRIV_H

#include "kernel/lib/compiler.h"

/*
 * Measures the TSC; boot CPU, interrupts off. Panics if no timer can serve as
 * the ruler. efi_epoch: from the firmware, 0: read the RTC.
 */
void clock_init(uint64_t efi_epoch);

/* Makes the calling CPU's timer queue work; once for each CPU. */
void timer_init_cpu(void);

#endif
