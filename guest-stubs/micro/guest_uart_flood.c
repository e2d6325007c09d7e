/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes to the UART as fast as it can, for ever, without looking whether
 * it is ready; the administrator's console must stay usable.
 */
#include "runtime.h"

const char guest_name[] = "uart_flood";

void guest_main(void)
{
	for (unsigned i = 0;; i++)
		out8(0x3f8, (uint8_t)(i % 64 == 63 ? '\n' : 'a' + i % 26));
}
