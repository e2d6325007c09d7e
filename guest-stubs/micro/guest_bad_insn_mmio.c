/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Touches a device register with an instruction that no driver uses; the
 * hypervisor must stop this VM with a report that names the bytes.
 */
#include "runtime.h"

const char guest_name[] = "bad_insn_mmio";

#define LAPIC_ESR 0xfee00280ul

void guest_main(void)
{
	rt_printf("strange instruction follows\n");
	__asm__ volatile("lock; cmpxchg8b (%0)" ::"r"(LAPIC_ESR), "a"(0),
			 "b"(0), "c"(0), "d"(0)
			 : "memory");
	rt_check(false, "the instruction was executed");
}
