/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual local APIC: priorities against a naive model, modes, which
 * accesses fault, messages. Its timer is test_lapic_timer.c.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c
 */
#include "lapic_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAPIC_TEST(only_legal_mode_changes),
		LAPIC_TEST(x2apic_mode_that_cpuid_hides_faults),
		LAPIC_TEST(reserved_base_bits_fault),
		LAPIC_TEST(registers_are_where_the_mode_has_them),
		LAPIC_TEST(x2apic_writes_fault_as_specified),
		LAPIC_TEST(x2apic_reads_fault_as_specified),
		LAPIC_TEST(priorities_agree_with_the_model),
		LAPIC_TEST(cr8_is_the_priority_class),
		LAPIC_TEST(errors_show_after_a_write_of_esr),
		LAPIC_TEST(xapic_reports_bad_registers),
		LAPIC_TEST(software_disable_masks_every_lvt),
		LAPIC_TEST(x2apic_destinations),
		LAPIC_TEST(xapic_destinations),
		LAPIC_TEST(lowest_priority_goes_to_the_idlest),
		LAPIC_TEST(nmi_init_sipi),
		LAPIC_TEST(init_keeps_mode_and_loses_interrupts),
		LAPIC_TEST(extint_passes_lint0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
