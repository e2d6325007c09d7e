/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text on the framebuffer. Output changes a grid of characters; fbcon_flush()
 * draws the cells that changed, so that many scrolled lines cost one redraw.
 * One user at a time (the console's thread, or panic); before fbcon_init()
 * nothing happens.
 */
#ifndef DRIVERS_FBCON_H
#define DRIVERS_FBCON_H

#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/* How much memory fbcon_init() wants for its cells; 0: *fb is of no use. */
size_t fbcon_nbytes(const struct boot_fb *fb);
/* `va` is where fb is mapped, `cells` zeroed memory; both stay. */
void fbcon_init(const struct boot_fb *fb, volatile uint32_t *va, char *cells);
void fbcon_write(const char *s, size_t n);
void fbcon_flush(void);

#endif
