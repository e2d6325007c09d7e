/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is all memory zero at the first touch? With "mib=N": only the first N MiB
 * behind the image; with "write=1": each page is also written.
 */
#include "runtime.h"

const char guest_name[] = "touch_all";

static bool page_is_zero(const uint64_t *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PAGE_NBYTES / 8; i++)
		sum |= p[i];
	return sum == 0;
}

void guest_main(void)
{
	uint64_t start = rt_free_start(), end = rt_ram_end();
	uint64_t limit = rt_option("mib", 0) * MIB, bad = 0;
	bool write = rt_option("write", 0) != 0;

	if (limit && start + limit < end)
		end = start + limit;
	for (uint64_t at = start; at < end; at += PAGE_NBYTES) {
		bad += !page_is_zero((const uint64_t *)at);
		if (write)
			*(volatile uint64_t *)at = at;
	}
	rt_printf("touched %lu MiB, %lu pages not zero\n", (end - start) / MIB,
		  bad);
	CHECK_EQ(bad, 0);
}
