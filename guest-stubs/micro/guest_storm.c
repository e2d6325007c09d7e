/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every CPU halts, with the fastest periodic timer that there is; "cpus=N" says
 * how many do. With "spin=1" they don't halt and have no timer.
 */
#include "runtime.h"

const char guest_name[] = "storm";

#define MSR_APIC_BASE	 0x1b
#define APIC_BASE_X2	 (1u << 10)
#define MSR_X2APIC_EOI	 0x80b
#define MSR_X2APIC_SVR	 0x80f
#define MSR_X2APIC_LVT	 0x832
#define MSR_X2APIC_COUNT 0x838
#define MSR_X2APIC_DIV	 0x83e
#define SW_ENABLE	 0x100
#define DIVIDE_BY_1	 0xb
#define MODE_PERIODIC	 (1u << 17)
#define VECTOR		 0x40

static bool spins;

static void on_timer(void)
{
	msr_write(MSR_X2APIC_EOI, 0);
}

static void storm(unsigned cpu)
{
	(void)cpu;
	while (spins)
		rt_pause();
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2);
	msr_write(MSR_X2APIC_SVR, SW_ENABLE | 0xff);
	msr_write(MSR_X2APIC_DIV, DIVIDE_BY_1);
	msr_write(MSR_X2APIC_LVT, VECTOR | MODE_PERIODIC);
	msr_write(MSR_X2APIC_COUNT, 1);
	for (;;)
		__asm__ volatile("sti; hlt" ::: "memory");
}

void guest_main(void)
{
	spins = rt_option("spin", 0);
	rt_on_irq[VECTOR] = on_timer;
	rt_start_cpus((unsigned)rt_option("cpus", 1), storm);
	rt_printf("away\n");
	storm(0);
}
