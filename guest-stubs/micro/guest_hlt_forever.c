/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Halts with interrupts off for ever: must cost nothing and be killable. */
#include "runtime.h"

const char guest_name[] = "hlt_forever";

void guest_main(void)
{
	rt_printf("halting\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}
