/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills all memory with a pattern, checks it, and leaves: whoever gets
 * the frames next must find zeros (guest touch_all looks). With "mib=N": only
 * N MiB; with "stay=1": keeps the memory and halts.
 */
#include "runtime.h"

const char guest_name[] = "dirty";

static uint64_t pattern(uint64_t at)
{
	return at ^ 0xa5a5a5a55a5a5a5a;
}

void guest_main(void)
{
	uint64_t start = rt_free_start(), end = rt_ram_end(), bad = 0;
	uint64_t limit = rt_option("mib", 0) * MIB;

	if (limit && start + limit < end)
		end = start + limit;
	for (uint64_t at = start; at < end; at += 8)
		*(volatile uint64_t *)at = pattern(at);
	for (uint64_t at = start; at < end; at += 8)
		bad += *(volatile uint64_t *)at != pattern(at);
	rt_printf("dirtied %lu MiB\n", (end - start) / MIB);
	CHECK_EQ(bad, 0);
	while (rt_option("stay", 0))
		__asm__ volatile("cli; hlt");
}
