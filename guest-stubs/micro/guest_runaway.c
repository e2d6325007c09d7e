/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spins with interrupts off for ever; the neighbours must not notice. */
#include "runtime.h"

const char guest_name[] = "runaway";

void guest_main(void)
{
	rt_printf("running away\n");
	__asm__ volatile("cli; 1: jmp 1b");
}
