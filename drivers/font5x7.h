/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain font of 5x7 dots for ASCII 32..126, one byte for each row, bit 4 the
 * leftmost dot.
 */
#ifndef DRIVERS_FONT5X7_H
#define DRIVERS_FONT5X7_H

#include "kernel/lib/compiler.h"

#define FONT_FIRST 32
#define FONT_LAST  126
#define FONT_ROWS  7

extern const uint8_t font5x7[FONT_LAST - FONT_FIRST + 1][FONT_ROWS];

#endif
