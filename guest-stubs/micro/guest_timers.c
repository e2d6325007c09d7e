/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the local APIC's timer modes interrupt a halted CPU? */
#include "runtime.h"

const char guest_name[] = "timers";

#define LAPIC		 0xfee00000ul
#define LAPIC_ID	 0x020
#define LAPIC_EOI	 0x0b0
#define LAPIC_SPURIOUS	 0x0f0
#define LAPIC_LVT_TIMER	 0x320
#define LAPIC_TIMER_INIT 0x380
#define LAPIC_TIMER_NOW	 0x390
#define LAPIC_TIMER_DIV	 0x3e0
#define SW_ENABLE	 0x100
#define DIVIDE_BY_1	 0xb
#define MODE_ONE_SHOT	 0u
#define MODE_PERIODIC	 (1u << 17)
#define MODE_DEADLINE	 (2u << 17)
#define VECTOR		 0x40
#define MSR_APIC_BASE	 0x1b
#define APIC_BASE_X2	 (1u << 10)
#define MSR_X2APIC	 0x800
#define MSR_TSC_DEADLINE 0x6e0
#define F1_ECX_DEADLINE	 (1u << 24)
#define F1_ECX_X2APIC	 (1u << 21)

static volatile unsigned nr_irqs;
static bool is_x2;

static void lapic_write(unsigned reg, uint32_t v)
{
	if (is_x2)
		msr_write(MSR_X2APIC + reg / 16, v);
	else
		*(volatile uint32_t *)(LAPIC + reg) = v;
}

static uint32_t lapic_read(unsigned reg)
{
	if (is_x2)
		return (uint32_t)msr_read(MSR_X2APIC + reg / 16);
	return *(volatile uint32_t *)(LAPIC + reg);
}

static void on_timer(void)
{
	nr_irqs++;
	lapic_write(LAPIC_EOI, 0);
}

/* Halts until `want` interrupts have come. */
static void wait_irqs(unsigned want)
{
	while (nr_irqs < want)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void arm(uint32_t mode, uint32_t count)
{
	nr_irqs = 0;
	lapic_write(LAPIC_LVT_TIMER, VECTOR | mode);
	lapic_write(LAPIC_TIMER_INIT, count);
}

static void check_modes(void)
{
	lapic_write(LAPIC_SPURIOUS, SW_ENABLE | 0xff);
	lapic_write(LAPIC_TIMER_DIV, DIVIDE_BY_1);
	CHECK_EQ(lapic_read(LAPIC_ID), 0);
	arm(MODE_ONE_SHOT, 100000);
	wait_irqs(1);
	CHECK_EQ(lapic_read(LAPIC_TIMER_NOW), 0);
	arm(MODE_PERIODIC, 200000);
	wait_irqs(5);
	lapic_write(LAPIC_TIMER_INIT, 0);
	CHECK(nr_irqs >= 5);
}

static void check_deadline(void)
{
	uint64_t deadline;

	if (!(cpuid_read(1, 0).ecx & F1_ECX_DEADLINE))
		return;
	arm(MODE_DEADLINE, 0);
	deadline = ticks_now() + 1000000;
	msr_write(MSR_TSC_DEADLINE, deadline);
	wait_irqs(1);
	CHECK(ticks_now() >= deadline);
	CHECK_EQ(msr_read(MSR_TSC_DEADLINE), 0);
	/* One that is past already. */
	nr_irqs = 0;
	msr_write(MSR_TSC_DEADLINE, 1);
	wait_irqs(1);
}

void guest_main(void)
{
	rt_on_irq[VECTOR] = on_timer;
	/* The 8259s' vectors are not ours. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	check_modes();
	check_deadline();
	if (!(cpuid_read(1, 0).ecx & F1_ECX_X2APIC))
		return;
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2);
	is_x2 = true;
	check_modes();
	check_deadline();
}
