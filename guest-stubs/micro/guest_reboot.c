/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uses some memory and reboots by the reset register, again and again: no
 * frame may get lost on the way. The memory must be zero each time.
 */
#include "runtime.h"

const char guest_name[] = "reboot";

#define RESET_PORT 0xcf9
#define RESET_FULL 0x06 /* processor and system, PIIX3 data sheet */

void guest_main(void)
{
	uint64_t start = rt_free_start();
	uint64_t end = start + rt_option("mib", 8) * MIB;

	for (uint64_t at = start; at < end; at += PAGE_NBYTES) {
		CHECK_EQ(*(volatile uint64_t *)at, 0);
		*(volatile uint64_t *)at = at;
	}
	out8(RESET_PORT, RESET_FULL);
	/* Here only if the reset did not happen. */
	CHECK(false);
}
