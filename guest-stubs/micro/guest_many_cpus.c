/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do all CPUs of a large VM come up, each with an APIC ID of its own, and can
 * each of them be interrupted alone and with its cluster? cpus=N (default 64).
 */
#include "runtime.h"

const char guest_name[] = "many_cpus";

#define MSR_X2APIC	0x800
#define X2_ID		0x02
#define X2_EOI		0x0b
#define X2_LDR		0x0d
#define X2_SPURIOUS	0x0f
#define X2_ICR		0x30
#define ICR_ASSERT	(1u << 14)
#define ICR_LOGICAL	(1u << 11)
#define SW_ENABLE	0x100
#define VECTOR		0x41
#define CLUSTER		16u
#define CLUSTER_MEMBERS 0xffffu

static volatile uint32_t is_up[RT_MAX_CPUS];	 /* by APIC ID */
static volatile uint32_t nr_irqs[RT_MAX_CPUS];	 /* by APIC ID */
static volatile uint32_t wrong_ldr[RT_MAX_CPUS]; /* by APIC ID */

static uint32_t apic_read(uint32_t reg)
{
	return (uint32_t)msr_read(MSR_X2APIC + reg);
}

static void on_ipi(void)
{
	nr_irqs[apic_read(X2_ID) % RT_MAX_CPUS]++;
	msr_write(MSR_X2APIC + X2_EOI, 0);
}

/* SDM, "Logical Destination Mode in x2APIC Mode". */
static void come_up(void)
{
	uint32_t id = apic_read(X2_ID) % RT_MAX_CPUS;

	msr_write(MSR_X2APIC + X2_SPURIOUS, SW_ENABLE | 0xff);
	wrong_ldr[id] = apic_read(X2_LDR) !=
			((id / CLUSTER) << 16 | 1u << id % CLUSTER);
	__atomic_fetch_add(&is_up[id], 1, __ATOMIC_SEQ_CST);
}

static void wait_for_ipis(unsigned cpu)
{
	(void)cpu;
	come_up();
	for (;;)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void send(uint32_t dest, uint32_t mode)
{
	msr_write(MSR_X2APIC + X2_ICR,
		  (uint64_t)dest << 32 | ICR_ASSERT | mode | VECTOR);
}

/* A CPU that never answers shows as a guest that never ends. */
static void wait_irqs(uint32_t id, uint32_t want)
{
	while (nr_irqs[id] < want)
		__asm__ volatile("sti; nop; cli; pause" ::: "memory");
	CHECK_EQ(nr_irqs[id], want);
}

void guest_main(void)
{
	uint32_t n = (uint32_t)rt_option("cpus", RT_MAX_CPUS);

	rt_on_irq[VECTOR] = on_ipi;
	/* The 8259s' vectors are not ours. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	rt_start_cpus(n, wait_for_ipis);
	come_up();
	for (uint32_t id = 0; id < n; id++) {
		while (!is_up[id])
			rt_pause();
		CHECK_EQ(is_up[id], 1);
		CHECK_EQ(wrong_ldr[id], 0);
	}
	for (uint32_t id = 0; id < n; id++) {
		send(id, 0);
		wait_irqs(id, 1);
	}
	for (uint32_t id = 0; id < n; id += CLUSTER)
		send((id / CLUSTER) << 16 | CLUSTER_MEMBERS, ICR_LOGICAL);
	for (uint32_t id = 0; id < n; id++)
		wait_irqs(id, 2);
}
