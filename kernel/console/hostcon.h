/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host console: COM1 (or the configured port) and the framebuffer.
 * Output is buffered and drained by interrupt or by a service thread; before
 * the scheduler runs and in panic it is written directly.
 */
#ifndef KERNEL_HOSTCON_H
#define KERNEL_HOSTCON_H

#include "kernel/cpu/outlet.h"
#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/stop_step.h"

/* First thing at boot: output is written directly. port 0: no serial line. */
void hostcon_init(uint16_t port, uint32_t baud);

/*
 * From now on output is buffered and input works, by interrupt if one gets
 * through, else by polling. After IOAPICs, timers and sched_init_cpu(), with
 * interrupts on.
 */
void hostcon_start(void);

/* Shows the console on the framebuffer too. Thread context. -ENODEV: it
 * is of no use. -ENOMEM. */
MUST_CHECK int hostcon_add_framebuffer(const struct boot_fb *fb);

/*
 * As hostcon_write, but blocks the calling thread while the buffer is full
 * (flow control for a flooding guest or a long listing).
 */
void hostcon_write_wait(const char *s, size_t n);
/* Reads what was typed; 0: nothing. */
size_t hostcon_read(char *dst, size_t n);
/* TSC when the newest input arrived; 0: none yet. */
uint64_t hostcon_input_tsc(void);
/* The thread that is unparked when input arrives. */
struct thread;
void hostcon_set_reader(struct thread *t);

extern const struct stop_step hostcon_stop_steps[];
extern const size_t nr_hostcon_stop_steps;

#endif
