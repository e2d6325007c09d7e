/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends in a triple fault; the hypervisor must stop this VM and say so. */
#include "runtime.h"

const char guest_name[] = "triple_fault";

void guest_main(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	rt_printf("triple fault follows\n");
	__asm__ volatile("lidt %0; ud2" ::"m"(none));
	rt_check(false, "the CPU went on after a triple fault");
}
