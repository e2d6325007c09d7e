/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping the machine's CPUs, for panic and power-off: one CPU goes on, the
 * others are halted for good, wherever they are.
 */
#ifndef KERNEL_STOP_H
#define KERNEL_STOP_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/stop_step.h"

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

/* Steps of a room for the end of the machine. Boot; the table stays. */
void stop_register(const struct stop_step *steps, size_t nr);
/* Does those of one kind on the calling CPU. Interrupts off. */
void stop_do_steps(enum stop_when when);

NORETURN void stop_forever(void);

#endif
