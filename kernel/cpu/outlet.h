/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Last words: what this room needs of the console, which provides it. */
#ifndef KERNEL_OUTLET_H
#define KERNEL_OUTLET_H

#include "kernel/lib/compiler.h"

/* Any context but NMI/#MC. May drop (and count) output when the buffer is full.
 */
void hostcon_write(const char *s, size_t n);
/*
 * Panic: polled output from now on, of this CPU only, locks ignored; first
 * what was queued. The others should have stopped, but it ends even if not.
 */
void hostcon_panic_mode(void);
/* The framebuffer's driver may be what is broken: leave it out. */
void hostcon_panic_serial_only(void);

#endif
