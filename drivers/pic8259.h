/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair of legacy interrupt controllers. */
#ifndef DRIVERS_PIC8259_H
#define DRIVERS_PIC8259_H

#include "kernel/lib/compiler.h"

/* Moves their 16 lines to vectors from `vector` up and masks them all. */
void pic8259_init(uint8_t vector);
void pic8259_unmask(unsigned line);
void pic8259_mask(unsigned line);
/* End of interrupt for a line (0..15). */
void pic8259_eoi(unsigned line);

#endif
