/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does XSAVEC write what XRSTOR reads? */
#ifndef VMX_XSAVEC_H
#define VMX_XSAVEC_H

#include "kernel/lib/compiler.h"

/*
 * True if the processor's XSAVEC puts AVX's component where the
 * compacted form has it: right behind the header (SDM Vol. 1, "Extended Region
 * of an XSAVE Area"). An emulator is known whose does not, and whose guests
 * lost registers at each task switch. Before any vCPU runs: vector
 * registers are overwritten and left in their initial state. The processor has
 * XSAVEC, and XCR0 is set.
 */
bool xsavec_is_sound(void);

#endif
