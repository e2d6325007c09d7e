/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does memory outside the guest's map read as ones and swallow writes? */
#include "runtime.h"

const char guest_name[] = "touch_outside";

static void probe(uint64_t at)
{
	volatile uint8_t *p = (volatile uint8_t *)at;

	CHECK_EQ(*(volatile uint8_t *)p, 0xff);
	CHECK_EQ(*(volatile uint16_t *)p, 0xffff);
	CHECK_EQ(*(volatile uint32_t *)p, 0xffffffff);
	CHECK_EQ(*(volatile uint64_t *)p, ~0ull);
	*p = 1;
	*(volatile uint16_t *)p = 2;
	*(volatile uint32_t *)p = 3;
	*(volatile uint64_t *)p = 4;
	CHECK_EQ(*(volatile uint64_t *)p, ~0ull);
}

void guest_main(void)
{
	probe(0xa0000);
	probe(0xb8000);
	probe(rt_ram_end());
	probe(rt_ram_end() + 64 * MIB);
	probe(0xd0000000);
	probe(0xfec80000);
	probe(0xfffffff0);
}
