/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing the host console up. */
#ifndef KERNEL_HOSTCON_PRIV_H
#define KERNEL_HOSTCON_PRIV_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/* First thing at boot: output is written directly. port 0: no serial line. */
void hostcon_init(uint16_t port, uint32_t baud);

/*
 * From now on output is buffered and input works, by interrupt if one gets
 * through, else by polling. After IOAPICs, timers and sched_init_cpu(), with
 * interrupts on.
 */
void hostcon_start(void);

/* Shows the console on the framebuffer too. Thread context. 0, -ENOMEM. */
MUST_CHECK int hostcon_add_framebuffer(const struct boot_fb *fb);

#endif
