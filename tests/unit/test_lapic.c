/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual local APIC: priorities and timers against naive models, modes,
 * which accesses fault, messages.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fake_vm.h"
#include "kernel/lib/errno.h"
#include "vmx/devices/lapic_priv.h"

#define BASE	  0x1bu
#define X2(reg)	  (0x800u + (reg))
#define ID	  0x02u
#define TPR	  0x08u
#define PPR	  0x0au
#define EOI	  0x0bu
#define LDR	  0x0du
#define DFR	  0x0eu
#define SVR	  0x0fu
#define ISR	  0x10u
#define IRR	  0x20u
#define ESR	  0x28u
#define ICR	  0x30u
#define LVT_TIMER 0x32u
#define LVT_LINT0 0x35u
#define LVT_ERROR 0x37u
#define TMICT	  0x38u
#define TMCCT	  0x39u
#define TDCR	  0x3eu
#define SELF	  0x3fu
#define PERIODIC  0x20000u
#define DEADLINE  0x40000u
#define MASKED	  0x10000u
#define EN_X2APIC 0xc00u
#define EN_XAPIC  0x800u
#define APIC_PAGE 0xfee00000ull

static struct lapic *apic(unsigned i)
{
	return fake_vcpus[i].lapic;
}

static uint64_t rd(unsigned cpu, uint32_t reg)
{
	uint64_t val = 0;

	assert_int_equal(lapic_msr_read(apic(cpu), X2(reg), &val), 0);
	return val;
}

static void wr(unsigned cpu, uint32_t reg, uint64_t val)
{
	if (lapic_msr_write(apic(cpu), X2(reg), val))
		fail_msg("write of %#llx to register %#x faulted",
			 (unsigned long long)val, reg);
}

static uint32_t mmio_rd(unsigned cpu, uint32_t reg)
{
	uint64_t val = 0;

	lapic_mmio_read(apic(cpu), reg << 4, 4, &val);
	return (uint32_t)val;
}

static void mmio_wr(unsigned cpu, uint32_t reg, uint32_t val)
{
	lapic_mmio_write(apic(cpu), reg << 4, 4, val);
}

static uint64_t base_of(unsigned cpu)
{
	uint64_t base = 0;

	assert_int_equal(lapic_msr_read(apic(cpu), BASE, &base), 0);
	return base;
}

static int set_mode(unsigned cpu, uint64_t mode)
{
	return lapic_msr_write(apic(cpu), BASE,
			       (base_of(cpu) & ~(uint64_t)EN_X2APIC) | mode);
}

/* Switched on by software; `mode` as in IA32_APIC_BASE. */
static void enable(unsigned cpu, uint64_t mode)
{
	assert_int_equal(set_mode(cpu, mode), 0);
	if (mode == EN_X2APIC)
		wr(cpu, SVR, 0x1ff);
	else
		mmio_wr(cpu, SVR, 0x1ff);
}

static int setup(void **state)
{
	static struct vm_devices dev;

	(void)state;
	fake_tsc = 1000000;
	fake_vm.dev = &dev;
	fake_vm.tsc_offset = -500000ull;
	fake_vm.timer_pace = 0;
	fake_vm.share.extra = 0;
	dev.vm = &fake_vm;
	irqchip_init(&dev.irqchip);
	fake_vm_create(FAKE_NR_VCPUS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy();
	return 0;
}

/* ---- modes ---- */

static void only_legal_mode_changes(void **state)
{
	static const uint64_t modes[4] = { 0, 0x400, EN_XAPIC, EN_X2APIC };
	/* legal[from][to]; 1 (EXTD without EN) is never reached. */
	static const bool legal[4][4] = {
		{ true, false, true, false },
		{ false, false, false, false },
		{ true, false, true, true },
		{ true, false, false, true },
	};

	(void)state;
	for (unsigned from = 0; from < 4; from++) {
		if (from == 1)
			continue;
		for (unsigned to = 0; to < 4; to++) {
			lapic_reset(apic(0));
			assert_int_equal(set_mode(0, modes[from]), 0);
			assert_int_equal(set_mode(0, modes[to]),
					 legal[from][to] ? 0 : -EINVAL);
			if (!legal[from][to])
				assert_int_equal(base_of(0) & EN_X2APIC,
						 modes[from]);
		}
	}
}

static void x2apic_mode_that_cpuid_hides_faults(void **state)
{
	(void)state;
	lapic_refuse_x2apic(apic(0));
	assert_int_equal(set_mode(0, EN_X2APIC), -EINVAL);
	assert_int_equal(set_mode(0, 0), 0);
	assert_int_equal(set_mode(0, EN_XAPIC), 0);
	assert_int_equal(set_mode(1, EN_X2APIC), 0);
}

static void reserved_base_bits_fault(void **state)
{
	(void)state;
	assert_int_equal(base_of(0), APIC_PAGE | 0x900);
	assert_int_equal(base_of(1), APIC_PAGE | 0x800);
	assert_int_equal(lapic_msr_write(apic(0), BASE, base_of(0) | 1),
			 -EINVAL);
	assert_int_equal(lapic_msr_write(apic(0), BASE, base_of(0) | BIT(63)),
			 -EINVAL);
	/* Moving the page is fine. */
	assert_int_equal(lapic_msr_write(apic(0), BASE, 0xfed40900), 0);
	assert_true(lapic_owns_mmio(apic(0), gpa(0xfed40030)));
	assert_false(lapic_owns_mmio(apic(0), gpa(APIC_PAGE + 0x30)));
}

static void registers_are_where_the_mode_has_them(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(lapic_msr_read(apic(1), X2(ID), &val), -EINVAL);
	assert_true(lapic_owns_mmio(apic(1), gpa(APIC_PAGE)));
	assert_int_equal(mmio_rd(1, ID), 1u << 24);
	mmio_wr(1, ID, 7u << 24);
	assert_int_equal(mmio_rd(1, ID), 7u << 24);
	enable(1, EN_X2APIC);
	assert_false(lapic_owns_mmio(apic(1), gpa(APIC_PAGE)));
	assert_int_equal(rd(1, ID), 1);
	assert_int_equal(rd(1, LDR), 2);
	/* Off and on again: the initial ID is back. */
	assert_int_equal(set_mode(1, 0), 0);
	assert_int_equal(set_mode(1, EN_XAPIC), 0);
	assert_int_equal(mmio_rd(1, ID), 1u << 24);
}

static void x2apic_writes_fault_as_specified(void **state)
{
	static const struct {
		const char *name;
		uint32_t reg;
		uint64_t val;
		int err;
	} cases[] = {
		{ "ID is read-only", ID, 0, -EINVAL },
		{ "version is read-only", 0x03, 0, -EINVAL },
		{ "TPR", TPR, 0xff, 0 },
		{ "TPR, reserved bit", TPR, 0x100, -EINVAL },
		{ "PPR is read-only", PPR, 0, -EINVAL },
		{ "EOI, zero", EOI, 0, 0 },
		{ "EOI, not zero", EOI, 1, -EINVAL },
		{ "LDR is read-only", LDR, 0, -EINVAL },
		{ "DFR does not exist", DFR, 0, -EINVAL },
		{ "SVR", SVR, 0x1ff, 0 },
		{ "SVR, reserved bit", SVR, 0x400, -EINVAL },
		{ "SVR, upper half", SVR, BIT(32), -EINVAL },
		{ "ISR is read-only", ISR, 0, -EINVAL },
		{ "IRR is read-only", IRR + 7, 0, -EINVAL },
		{ "ESR, zero", ESR, 0, 0 },
		{ "ESR, not zero", ESR, 4, -EINVAL },
		{ "ICR, reserved bit", ICR, 0x2000, -EINVAL },
		{ "ICR high does not exist", 0x31, 0, -EINVAL },
		{ "LVT timer, reserved bit", LVT_TIMER, 0x100, -EINVAL },
		{ "LVT timer, reserved mode", LVT_TIMER, 0x60030, -EINVAL },
		{ "LVT error, delivery mode", LVT_ERROR, 0x700, -EINVAL },
		{ "LVT LINT0, read-only bit", LVT_LINT0, 0x11000, 0 },
		{ "current count is read-only", TMCCT, 0, -EINVAL },
		{ "divide, reserved bit", TDCR, 4, -EINVAL },
		{ "self IPI, reserved bit", SELF, 0x100, -EINVAL },
		{ "nothing there", 0x55, 0, -EINVAL },
	};

	(void)state;
	enable(0, EN_X2APIC);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (lapic_msr_write(apic(0), X2(cases[i].reg), cases[i].val) !=
		    cases[i].err)
			fail_msg("%s", cases[i].name);
}

static void x2apic_reads_fault_as_specified(void **state)
{
	static const uint32_t none[] = { 0x00, 0x09, EOI,  0x0c,
					 DFR,  0x2f, 0x31, SELF };
	uint64_t val;

	(void)state;
	enable(0, EN_X2APIC);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (lapic_msr_read(apic(0), X2(none[i]), &val) != -EINVAL)
			fail_msg("register %#x could be read", none[i]);
}

/* ---- priorities against a naive model ---- */

struct model {
	bool irr[256], isr[256];
	unsigned tpr;
};

static int top(const bool *map)
{
	for (int i = 255; i >= 0; i--)
		if (map[i])
			return i;
	return -1;
}

static int model_pending(const struct model *m)
{
	int irr = top(m->irr), isr = top(m->isr);
	int class = isr < 0 ? 0 : isr / 16;

	if ((int)(m->tpr / 16) > class)
		class = (int)m->tpr / 16;
	return irr >= 0 && irr / 16 > class ? irr : -1;
}

static void check_maps(const struct model *m)
{
	for (unsigned i = 0; i < 256; i++) {
		bool irr = rd(0, IRR + i / 32) >> (i % 32) & 1;
		bool isr = rd(0, ISR + i / 32) >> (i % 32) & 1;

		assert_int_equal(irr, m->irr[i]);
		assert_int_equal(isr, m->isr[i]);
	}
}

static void random_step(struct model *m)
{
	int vector;

	switch (rand() % 5) {
	case 0:
		vector = 16 + rand() % 240;
		wr(0, SELF, (uint64_t)vector);
		m->irr[vector] = true;
		break;
	case 1:
		vector = 16 + rand() % 240;
		lapic_deliver_msi(&fake_vm, APIC_PAGE, (uint32_t)vector);
		m->irr[vector] = true;
		break;
	case 2:
		m->tpr = (unsigned)rand() % 256;
		if (rand() % 2)
			m->tpr = (unsigned)rand() % 40;
		wr(0, TPR, m->tpr);
		break;
	case 3:
		wr(0, EOI, 0);
		if (top(m->isr) >= 0)
			m->isr[top(m->isr)] = false;
		break;
	default:
		vector = lapic_pending_vector(apic(0));
		if (vector < 0)
			break;
		lapic_accept(apic(0), vector);
		m->irr[vector] = false;
		m->isr[vector] = true;
		break;
	}
}

static void priorities_agree_with_the_model(void **state)
{
	struct model m = { .tpr = 0 };
	unsigned seed = 1;

	(void)state;
	srand(seed);
	enable(0, EN_X2APIC);
	for (unsigned i = 0; i < 100000; i++) {
		random_step(&m);
		if (lapic_pending_vector(apic(0)) != model_pending(&m))
			fail_msg("seed %u step %u: vector %d, model %d", seed,
				 i, lapic_pending_vector(apic(0)),
				 model_pending(&m));
		if (i % 1000 == 0)
			check_maps(&m);
	}
}

static void cr8_is_the_priority_class(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, SELF, 0x55);
	lapic_set_cr8(apic(0), 5);
	assert_int_equal(rd(0, TPR), 0x50);
	assert_int_equal(lapic_pending_vector(apic(0)), -1);
	fake_vcpus[0].requests = 0;
	lapic_set_cr8(apic(0), 4);
	assert_int_equal(lapic_get_cr8(apic(0)), 4);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x55);
	assert_int_equal(fake_vcpus[0].requests, VCPU_REQ_EVENT);
}

static void errors_show_after_a_write_of_esr(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, LVT_ERROR, 0x33);
	wr(0, SELF, 3);
	assert_int_equal(rd(0, ESR), 0);
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0x20);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x33);
	lapic_accept(apic(0), 0x33);
	wr(0, EOI, 0);
	/* Received: another bit. */
	lapic_deliver_msi(&fake_vm, APIC_PAGE, 5);
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0x40);
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0);
}

static void xapic_reports_bad_registers(void **state)
{
	(void)state;
	enable(0, EN_XAPIC);
	(void)mmio_rd(0, 0x00);
	mmio_wr(0, ESR, 0);
	assert_int_equal(mmio_rd(0, ESR), 0x80);
}

static void software_disable_masks_every_lvt(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, LVT_ERROR, 0x33);
	wr(0, SVR, 0xff);
	assert_int_equal(rd(0, LVT_ERROR), 0x33 | MASKED);
	wr(0, LVT_ERROR, 0x33);
	assert_int_equal(rd(0, LVT_ERROR), 0x33 | MASKED);
	wr(0, SVR, 0x1ff);
	assert_int_equal(rd(0, LVT_ERROR), 0x33 | MASKED);
	lapic_deliver_msi(&fake_vm, APIC_PAGE, 0x40);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x40);
}

/* ---- messages ---- */

static uint32_t who_got(int vector)
{
	uint32_t got = 0;

	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++) {
		if (lapic_pending_vector(apic(i)) != vector)
			continue;
		got |= 1u << i;
		lapic_accept(apic(i), vector);
		lapic_msr_write(apic(i), X2(EOI), 0) ? mmio_wr(i, EOI, 0)
						     : (void)0;
	}
	return got;
}

static void x2apic_destinations(void **state)
{
	static const struct {
		const char *name;
		uint64_t icr;
		uint32_t got;
	} cases[] = {
		{ "physical", 2ull << 32, 0x4 },
		{ "physical, nobody", 9ull << 32, 0 },
		{ "physical, everybody", 0xffffffffull << 32, 0xf },
		{ "logical, two of cluster 0", 0x800 | 0x5ull << 32, 0x5 },
		{ "logical, another cluster", 0x800 | 0x10001ull << 32, 0 },
		{ "self", 0x40000, 0x1 },
		{ "all", 0x80000, 0xf },
		{ "all but self", 0xc0000, 0xe },
	};

	(void)state;
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++)
		enable(i, EN_X2APIC);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		wr(0, ICR, cases[i].icr | 0x40);
		if (who_got(0x40) != cases[i].got)
			fail_msg("%s", cases[i].name);
	}
}

static void xapic_destinations(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++) {
		enable(i, EN_XAPIC);
		mmio_wr(i, LDR, 1u << (24 + i));
	}
	mmio_wr(0, 0x31, 3u << 24);
	mmio_wr(0, ICR, 0x40);
	assert_int_equal(who_got(0x40), 0x8);
	mmio_wr(0, 0x31, 0xffu << 24);
	mmio_wr(0, ICR, 0x40);
	assert_int_equal(who_got(0x40), 0xf);
	/* Logical, flat. */
	mmio_wr(0, 0x31, 0x6u << 24);
	mmio_wr(0, ICR, 0x840);
	assert_int_equal(who_got(0x40), 0x6);
	/* Logical, cluster: all in cluster 1 by two bits each. */
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++) {
		mmio_wr(i, DFR, 0);
		mmio_wr(i, LDR, (0x10u | 1u << i) << 24);
	}
	mmio_wr(0, 0x31, 0x19u << 24);
	mmio_wr(0, ICR, 0x840);
	assert_int_equal(who_got(0x40), 0x9);
	mmio_wr(0, 0x31, 0x29u << 24);
	mmio_wr(0, ICR, 0x840);
	assert_int_equal(who_got(0x40), 0);
}

static void lowest_priority_goes_to_the_idlest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++) {
		enable(i, EN_X2APIC);
		wr(i, TPR, i == 2 ? 0 : 0x80);
	}
	/* MSI, logical, all four, lowest priority. */
	lapic_deliver_msi(&fake_vm, APIC_PAGE | 0xf << 12 | 4, 0x140);
	assert_int_equal(lapic_pending_vector(apic(2)), 0x40);
	for (unsigned i = 0; i < FAKE_NR_VCPUS; i++)
		wr(i, TPR, 0);
	assert_int_equal(who_got(0x40), 0x4);
}

static void nmi_init_sipi(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, ICR, 1ull << 32 | 0x4400);
	assert_int_equal(fake_vcpus[1].requests, VCPU_REQ_NMI);
	wr(0, ICR, 1ull << 32 | 0xc500);
	assert_int_equal(fake_vcpus[1].requests, VCPU_REQ_NMI | VCPU_REQ_INIT);
	fake_vcpus[1].requests = 0;
	/* The de-assert that follows INIT does nothing. */
	wr(0, ICR, 1ull << 32 | 0x8500);
	assert_int_equal(fake_vcpus[1].requests, 0);
	wr(0, ICR, 1ull << 32 | 0x4699);
	assert_int_equal(fake_vcpus[1].sipi_vector, 0x99);
}

static void init_keeps_mode_and_loses_interrupts(void **state)
{
	(void)state;
	enable(1, EN_X2APIC);
	wr(1, SELF, 0x80);
	wr(1, LVT_TIMER, PERIODIC | 0x30);
	wr(1, TMICT, 1000);
	lapic_init_signal(apic(1));
	assert_true(lapic_is_x2apic(apic(1)));
	assert_int_equal(rd(1, LDR), 2);
	assert_int_equal(rd(1, SVR), 0xff);
	assert_int_equal(rd(1, LVT_TIMER), MASKED);
	assert_int_equal(lapic_pending_vector(apic(1)), -1);
	assert_false(apic(1)->timer.host.armed);
}

/* ---- timer ---- */

/* Interrupts taken so far on vCPU 0 with this vector; takes one if there. */
static bool take(int vector)
{
	if (lapic_pending_vector(apic(0)) != vector)
		return false;
	lapic_accept(apic(0), vector);
	wr(0, EOI, 0);
	return true;
}

static void oneshot_counts_down_once(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 3); /* by 16 */
	wr(0, LVT_TIMER, 0x30);
	wr(0, TMICT, 1000);
	assert_int_equal(rd(0, TMCCT), 1000);
	fake_clock_advance(160 * 16);
	assert_int_equal(rd(0, TMCCT), 840);
	fake_clock_advance(840 * 16 - 1);
	assert_false(take(0x30));
	assert_int_equal(rd(0, TMCCT), 1);
	fake_clock_advance(1);
	assert_true(take(0x30));
	assert_int_equal(rd(0, TMCCT), 0);
	assert_int_equal(rd(0, TMICT), 1000);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(1000000);
	assert_false(take(0x30));
}

static void periodic_agrees_with_the_model(void **state)
{
	const uint64_t period = 100000;
	uint64_t start, taken = 0;

	(void)state;
	srand(2);
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb); /* by 1 */
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	start = fake_tsc;
	wr(0, TMICT, period);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t t;

		fake_clock_advance((uint64_t)rand() % 30000);
		t = fake_tsc - start;
		taken += take(0x31);
		if (taken != t / period)
			fail_msg("at %llu: %llu interrupts",
				 (unsigned long long)t,
				 (unsigned long long)taken);
		assert_int_equal(rd(0, TMCCT), period - t % period);
	}
	wr(0, TMICT, 0);
	assert_false(apic(0)->timer.host.armed);
}

/* ---- timers don't occupy the host ---- */

#define GAP 100000u /* ticks between firings of one VM's timers */

static void start_fastest(unsigned cpu)
{
	enable(cpu, EN_X2APIC);
	wr(cpu, TDCR, 0xb);
	wr(cpu, LVT_TIMER, PERIODIC | 0x31);
	wr(cpu, TMICT, 1);
}

static unsigned take_all(void)
{
	unsigned taken = 0;

	for (unsigned cpu = 0; cpu < FAKE_NR_VCPUS; cpu++) {
		if (lapic_pending_vector(apic(cpu)) != 0x31)
			continue;
		lapic_accept(apic(cpu), 0x31);
		wr(cpu, EOI, 0);
		taken++;
	}
	return taken;
}

static void the_fastest_timers_share_one_pace(void **state)
{
	unsigned taken[2] = { 0, 0 };

	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		for (unsigned cpu = 0; cpu < (all ? FAKE_NR_VCPUS : 1); cpu++)
			start_fastest(cpu);
		for (unsigned i = 0; i < 10000; i++) {
			fake_clock_advance(GAP / 100);
			taken[all] += take_all();
		}
	}
	/* A hundred gaps, and a few of the tolerance at the beginning. */
	assert_in_range(taken[0], 95, 125);
	assert_in_range(taken[1], 95, 125);
	/* All of it is on the VM's account. */
	assert_true(fake_vm.share.extra >= 1000 * (taken[0] + taken[1]));
}

static void no_host_timer_while_an_interrupt_waits(void **state)
{
	(void)state;
	start_fastest(0);
	fake_clock_advance(GAP);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x31);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(1000 * GAP);
	/* Those that nobody took were one; the next period goes on. */
	assert_true(take(0x31));
	assert_true(apic(0)->timer.host.armed);
	assert_false(take(0x31));
	fake_clock_advance(2 * GAP);
	assert_true(take(0x31));
	/* Another vector is another matter. */
	fake_clock_advance(2 * GAP);
	assert_false(apic(0)->timer.host.armed);
	wr(0, LVT_TIMER, PERIODIC | 0x32);
	assert_true(apic(0)->timer.host.armed);
}

/* One-shot timers set anew again and again are no way around it. */
static void setting_a_timer_anew_gives_no_earlier_turn(void **state)
{
	unsigned taken = 0;

	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	for (unsigned i = 0; i < 10000; i++) {
		wr(0, TMICT, 1 + i % 7);
		fake_clock_advance(GAP / 100);
		taken += take(0x31);
	}
	assert_in_range(taken, 95, 125);
}

static void a_masked_timer_runs_without_a_host_timer(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, PERIODIC | MASKED | 0x31);
	wr(0, TMICT, 1000000);
	assert_false(apic(0)->timer.host.armed);
	fake_clock_advance(2300000);
	assert_int_equal(rd(0, TMCCT), 700000);
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_true(apic(0)->timer.host.armed);
	assert_false(take(0x31));
	fake_clock_advance(700000);
	assert_true(take(0x31));
	wr(0, LVT_TIMER, PERIODIC | MASKED | 0x31);
	assert_false(apic(0)->timer.host.armed);
}

static void mode_change_keeps_the_count(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	wr(0, TMICT, 1000000);
	fake_clock_advance(600000);
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_int_equal(rd(0, TMCCT), 400000);
	fake_clock_advance(500000);
	assert_true(take(0x31));
	assert_int_equal(rd(0, TMCCT), 900000);
	wr(0, LVT_TIMER, 0x31);
	fake_clock_advance(900000);
	assert_true(take(0x31));
	assert_int_equal(rd(0, TMCCT), 0);
	/* One-shot has run out: periodic does not start it again. */
	wr(0, LVT_TIMER, PERIODIC | 0x31);
	assert_int_equal(rd(0, TMCCT), 0);
	/* To deadline mode: all is forgotten. */
	wr(0, TMICT, 1000);
	wr(0, LVT_TIMER, DEADLINE | 0x31);
	assert_int_equal(rd(0, TMICT), 0);
	assert_false(apic(0)->timer.host.armed);
}

static void divide_change_keeps_the_count(void **state)
{
	(void)state;
	enable(0, EN_X2APIC);
	wr(0, TDCR, 0xb);
	wr(0, LVT_TIMER, 0x31);
	wr(0, TMICT, 1000000);
	fake_clock_advance(200000);
	wr(0, TDCR, 0); /* by 2 */
	assert_int_equal(rd(0, TMCCT), 800000);
	fake_clock_advance(800000);
	assert_int_equal(rd(0, TMCCT), 400000);
}

static void deadline_fires_at_the_guest_tsc(void **state)
{
	uint64_t now;

	(void)state;
	enable(0, EN_X2APIC);
	/* Not in deadline mode: writes are ignored. */
	lapic_tsc_deadline_write(apic(0), 1);
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), 0);
	wr(0, LVT_TIMER, DEADLINE | 0x31);
	now = vm_guest_tsc(&fake_vm);
	lapic_tsc_deadline_write(apic(0), now + 5000);
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), now + 5000);
	fake_clock_advance(4999);
	assert_false(take(0x31));
	fake_clock_advance(1);
	assert_true(take(0x31));
	assert_int_equal(lapic_tsc_deadline_read(apic(0)), 0);
	/* In the past: at once. */
	lapic_tsc_deadline_write(apic(0), 1);
	assert_true(take(0x31));
	/* By this vCPU's own TSC, if it has moved it. */
	fake_vcpus[0].tsc_adjust = 1000000;
	lapic_tsc_deadline_write(apic(0), now + 1005100);
	fake_clock_advance(99);
	assert_false(take(0x31));
	fake_clock_advance(1);
	assert_true(take(0x31));
	fake_vcpus[0].tsc_adjust = 0;
	/* Disarmed. */
	lapic_tsc_deadline_write(apic(0), vm_guest_tsc(&fake_vm) + 5000);
	lapic_tsc_deadline_write(apic(0), 0);
	assert_false(apic(0)->timer.host.armed);
	/* For ever. */
	lapic_tsc_deadline_write(apic(0), ~0ull);
	fake_clock_advance(1000000000);
	assert_false(take(0x31));
	/* The count registers are dead in this mode. */
	wr(0, TMICT, 77);
	assert_int_equal(rd(0, TMICT), 0);
	assert_int_equal(rd(0, TMCCT), 0);
}

/* ---- the 8259 behind LINT0 ---- */

static void pic_write(uint16_t port, uint8_t val)
{
	pic_pio_write(fake_vm.dev, port, val);
}

static void extint_passes_lint0(void **state)
{
	(void)state;
	pic_write(0x20, 0x11);
	pic_write(0x21, 0x20);
	pic_write(0x21, 0x04);
	pic_write(0x21, 0x01);
	/* Firmware left virtual-wire mode. */
	irq_set_level(&fake_vm, 4, true);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x24);
	assert_int_equal(lapic_pending_vector(apic(1)), -1);
	assert_int_equal(fake_vcpus[0].requests, VCPU_REQ_EVENT);
	/* Masked at the pin: it waits. */
	enable(0, EN_X2APIC);
	wr(0, LVT_LINT0, MASKED | 0x700);
	assert_int_equal(lapic_pending_vector(apic(0)), -1);
	wr(0, LVT_LINT0, 0x700);
	assert_int_equal(lapic_pending_vector(apic(0)), 0x24);
	lapic_accept(apic(0), 0x24);
	assert_int_equal(lapic_pending_vector(apic(0)), -1);
	/* It is in service at the 8259, not here. */
	assert_int_equal(rd(0, ISR + 1), 0);
	pic_write(0x20, 0x0b);
	assert_int_equal(pic_pio_read(fake_vm.dev, 0x20), 0x10);
	pic_write(0x20, 0x20);
	assert_int_equal(pic_pio_read(fake_vm.dev, 0x20), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_legal_mode_changes),
		T(x2apic_mode_that_cpuid_hides_faults),
		T(reserved_base_bits_fault),
		T(registers_are_where_the_mode_has_them),
		T(x2apic_writes_fault_as_specified),
		T(x2apic_reads_fault_as_specified),
		T(priorities_agree_with_the_model),
		T(cr8_is_the_priority_class),
		T(errors_show_after_a_write_of_esr),
		T(xapic_reports_bad_registers),
		T(software_disable_masks_every_lvt),
		T(x2apic_destinations),
		T(xapic_destinations),
		T(lowest_priority_goes_to_the_idlest),
		T(nmi_init_sipi),
		T(init_keeps_mode_and_loses_interrupts),
		T(oneshot_counts_down_once),
		T(periodic_agrees_with_the_model),
		T(the_fastest_timers_share_one_pace),
		T(no_host_timer_while_an_interrupt_waits),
		T(setting_a_timer_anew_gives_no_earlier_turn),
		T(a_masked_timer_runs_without_a_host_timer),
		T(mode_change_keeps_the_count),
		T(divide_change_keeps_the_count),
		T(deadline_fires_at_the_guest_tsc),
		T(extint_passes_lint0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
