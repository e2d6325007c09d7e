/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host console: COM1 (or the configured port) and the framebuffer.
 * Output is buffered and drained by interrupt or by a service thread; before
 * the scheduler runs and in panic it is written directly.
 */
#ifndef KERNEL_HOSTCON_H
#define KERNEL_HOSTCON_H

#include "kernel/lib/compiler.h"

/* Any context but NMI/#MC. May drop (and count) output when the buffer is full.
 */
void hostcon_write(const char *s, size_t n);
/*
 * As hostcon_write, but blocks the calling thread while the buffer is full
 * (flow control for a flooding guest or a long listing).
 */
void hostcon_write_wait(const char *s, size_t n);
/* Reads what was typed; 0: nothing. The input thread parks in hostcon_wait().
 */
size_t hostcon_read(char *dst, size_t n);
/* The thread that is unparked when input arrives. */
struct thread;
void hostcon_set_reader(struct thread *t);
/* Panic: polled output from now on, locks ignored. */
void hostcon_panic_mode(void);

#endif
