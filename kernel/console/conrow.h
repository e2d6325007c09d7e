/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may write to the console's last row. The console thread writes command
 * output and the line being edited; log lines come from any context at any
 * time and must appear as whole lines above it.
 */
#ifndef KERNEL_CONROW_H
#define KERNEL_CONROW_H

#include "kernel/lib/compiler.h"

/*
 * Console thread: writes s, blocking while the console is slow. Unless
 * conrow_release() follows, the row is taken: log lines wait.
 */
void conrow_write(const char *s, size_t n);
/*
 * Console thread: the row is complete. `image` are the bytes that draw it again
 * on an empty row (none: it is empty). Prints the log lines that waited.
 */
void conrow_release(const char *image, size_t n);

/*
 * Console thread: log lines are only counted from now on, because a guest has
 * the console; unmute returns how many there were.
 */
void conrow_mute(void);
uint32_t conrow_unmute(void);

/* Prints one line (with its newline) above the row. Any context but NMI. */
void conrow_log(const char *line, size_t n);

#endif
