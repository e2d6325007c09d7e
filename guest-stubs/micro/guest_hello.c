/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a Multiboot guest start as the specification says? */
#include "runtime.h"

const char guest_name[] = "hello";

static uint64_t zero_words[4096]; /* bss */

void guest_main(void)
{
	uint64_t sum = 0;

	rt_printf("hello from a micro guest: %lu MiB, \"%s\"\n",
		  rt_ram_end() / MIB, rt_cmdline());
	for (size_t i = 0; i < 4096; i++)
		sum |= ((volatile uint64_t *)zero_words)[i];
	CHECK(sum == 0);
	CHECK(rt_ram_end() >= 2 * MIB);
}
