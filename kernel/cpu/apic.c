// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local APIC. In x2APIC mode register n is MSR 0x800 + n, else it lies at
 * offset 16 * n of a page (SDM Vol. 3A, "x2APIC Register Address Space").
 */
#include "kernel/cpu/apic.h"

#include "kernel/cpu/irq.h"
#include "kernel/lib/apic_format.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "mm/hostpt.h"

#define CPUID1_ECX_X2APIC   BIT(21)
#define CPUID1_ECX_DEADLINE BIT(24)
#define CPUID1_EDX_APIC	    BIT(9)

enum apic_mode { APIC_NONE, APIC_MMIO, APIC_X2 };

static enum apic_mode mode;    /* [const after apic_init] */
static volatile uint8_t *mmio; /* [const after apic_init] */
static bool has_deadline;      /* [const after apic_init] */
static uint64_t timer_per_tsc; /* APIC timer ticks per TSC tick, 32.32 */

static uint32_t apic_read(enum apic_reg reg)
{
	if (mode == APIC_X2)
		return (uint32_t)rdmsr(MSR_X2APIC + reg);
	return *(volatile uint32_t *)(mmio + 16 * reg);
}

static void apic_write(enum apic_reg reg, uint32_t value)
{
	if (mode == APIC_X2)
		wrmsr(MSR_X2APIC + reg, value);
	else
		*(volatile uint32_t *)(mmio + 16 * reg) = value;
}

/*
 * A command leaves within microseconds. What hangs longer than 100 of them is
 * given up for the new one, rather than this CPU with interrupts off.
 */
static void wait_icr_idle(void)
{
	uint64_t start = rdtsc();

	while (apic_read(APIC_ICR) & APIC_ICR_BUSY &&
	       rdtsc() - start < tsc_khz / 10)
		cpu_pause();
}

static void write_icr(uint32_t dest, uint32_t low)
{
	uint64_t flags;

	if (mode == APIC_NONE)
		return;
	if (mode == APIC_X2) {
		/*
		 * Unlike the MMIO write this does not wait for earlier stores
		 * to become visible (SDM Vol. 3A, "WRMSR in x2APIC Mode").
		 */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)dest << 32 | low);
		return;
	}
	flags = irq_save();
	wait_icr_idle();
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, low);
	irq_restore(flags);
}

int apic_init(void)
{
	struct cpuid_regs c = cpuid(1, 0);
	uint64_t base;
	void *va;
	int err;

	if (!(c.edx & CPUID1_EDX_APIC))
		return -ENODEV;
	has_deadline = c.ecx & CPUID1_ECX_DEADLINE;
	base = rdmsr(MSR_APIC_BASE);
	if (c.ecx & CPUID1_ECX_X2APIC) {
		mode = APIC_X2;
		return 0;
	}
	err = hostpt_map_mmio(hpa(base & 0xffffff000ull), PAGE_SIZE, &va);
	if (err)
		return err;
	mmio = va;
	mode = APIC_MMIO;
	return 0;
}

void apic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (mode == APIC_NONE)
		return;
	wrmsr(MSR_APIC_BASE, base);
	if (mode == APIC_X2)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	apic_write(APIC_SVR, APIC_SVR_ENABLED | IRQ_VEC_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_DM_NMI << APIC_DM_SHIFT);
	apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
	apic_write(APIC_ESR, 0);
	this_cpu()->apic_id = apic_id();
	/* What the firmware left in service would block lower vectors. */
	for (int i = 0; i < 8; i++)
		apic_eoi();
}

uint32_t apic_id(void)
{
	if (mode == APIC_NONE)
		return cpuid(1, 0).ebx >> 24;
	if (mode == APIC_X2)
		return apic_read(APIC_ID);
	return apic_read(APIC_ID) >> 24;
}

bool apic_is_x2(void)
{
	return mode == APIC_X2;
}

void apic_eoi(void)
{
	if (mode != APIC_NONE)
		apic_write(APIC_EOI, 0);
}

void apic_send_ipi(uint32_t dest, uint8_t vector)
{
	write_icr(dest, APIC_ICR_ASSERT | vector);
}

/*
 * By the shorthand: it leaves the destination of a command that was just being
 * written alone.
 */
void apic_send_self(uint8_t vector)
{
	uint32_t low = APIC_ICR_SELF | APIC_ICR_ASSERT | vector;

	if (mode == APIC_X2)
		wrmsr(MSR_X2APIC + APIC_ICR, low);
	else if (mode == APIC_MMIO)
		apic_write(APIC_ICR, low);
}

void apic_send_nmi(uint32_t dest)
{
	write_icr(dest, APIC_ICR_ASSERT | APIC_DM_NMI << APIC_DM_SHIFT);
}

void apic_send_init(uint32_t dest)
{
	write_icr(dest, APIC_ICR_ASSERT | APIC_DM_INIT << APIC_DM_SHIFT);
}

void apic_send_startup(uint32_t dest, uint8_t page)
{
	write_icr(dest, APIC_ICR_ASSERT | APIC_DM_SIPI << APIC_DM_SHIFT | page);
}

void apic_set_extint(bool on)
{
	if (mode != APIC_NONE)
		apic_write(APIC_LVT_LINT0, on ? APIC_DM_EXTINT << APIC_DM_SHIFT
					      : APIC_LVT_MASKED);
}

/*
 * Lets the timer count for 10 ms of TSC time. Interrupts are off on this CPU
 * (boot), so nothing stretches the window.
 */
void apic_timer_calibrate(void)
{
	uint64_t window = tsc_khz * 10;
	uint64_t start, ticks, elapsed;

	if (mode == APIC_NONE || has_deadline)
		return;
	apic_write(APIC_TDCR, APIC_TDCR_BY_1);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
	apic_write(APIC_TMICT, UINT32_MAX);
	start = rdtsc();
	do
		elapsed = rdtsc() - start;
	while (elapsed < window);
	ticks = UINT32_MAX - apic_read(APIC_TMCCT);
	apic_write(APIC_TMICT, 0);
	timer_per_tsc = (ticks << 32) / elapsed;
	log_info("apic", "timer_khz=%llu one-shot",
		 (unsigned long long)(ticks * tsc_khz / elapsed));
}

void apic_timer_init_cpu(uint8_t vector)
{
	if (mode == APIC_NONE)
		return;
	apic_write(APIC_TDCR, APIC_TDCR_BY_1);
	apic_write(APIC_LVT_TIMER,
		   has_deadline
			   ? APIC_TIMER_DEADLINE << APIC_LVT_MODE_SHIFT | vector
			   : vector);
	/*
	 * The MMIO write of the mode must be seen before the first write of
	 * the deadline MSR (SDM Vol. 3A, "TSC-Deadline Mode").
	 */
	__asm__ volatile("mfence" : : : "memory");
}

void apic_timer_set(uint64_t tsc_deadline)
{
	uint64_t now, count;

	if (mode == APIC_NONE)
		return;
	if (has_deadline) {
		/* 0 disarms; all others fire, at once if already past. */
		wrmsr(MSR_TSC_DEADLINE,
		      tsc_deadline == UINT64_MAX ? 0 : tsc_deadline | 1);
		return;
	}
	if (tsc_deadline == UINT64_MAX) {
		apic_write(APIC_TMICT, 0);
		return;
	}
	now = rdtsc();
	count = 1;
	if (tsc_deadline > now) {
		/* Cut to one second of TSC: the product fits 64 bits. */
		uint64_t delta = min(tsc_deadline - now, tsc_khz * 1000);

		count = min((delta * timer_per_tsc >> 32) + 1,
			    (uint64_t)UINT32_MAX);
	}
	apic_write(APIC_TMICT, (uint32_t)count);
}
