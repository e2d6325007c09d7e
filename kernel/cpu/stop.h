/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping the machine's CPUs, for panic and power-off: one CPU goes on, the
 * others are halted for good, wherever they are.
 */
#ifndef KERNEL_STOP_H
#define KERNEL_STOP_H

#include "kernel/lib/compiler.h"

/*
 * Makes the calling CPU the one that ends the machine, interrupts off. True:
 * for the first time; false: it was already. If another CPU was first, this
 * one halts here and the call does not return. Any context.
 */
bool stop_claim(void);

/*
 * Halts all other CPUs by NMI and waits for them, but not for long. Returns a
 * mask of those that do not answer. The caller has claimed.
 */
uint64_t stop_others(void);

/* From the NMI handler: halts this CPU for good if another one claimed. */
void stop_here_if_asked(void);

/*
 * What each CPU does last: leave a mode in which INIT would not get through to
 * it. Interrupts off; must neither lock nor wait. At boot, once.
 */
void stop_set_last_step(void (*fn)(void));
/* Does it on the calling CPU. */
void stop_last_step(void);

NORETURN void stop_forever(void);

#endif
