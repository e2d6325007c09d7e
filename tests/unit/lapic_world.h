/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APICs of a fake VM and a guest's accesses to their registers. Included
 * by one file of each test.
 */
#ifndef LAPIC_WORLD_H
#define LAPIC_WORLD_H

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

static inline struct lapic *apic(unsigned i)
{
	return fake_vcpus[i].lapic;
}

static inline uint64_t rd(unsigned cpu, uint32_t reg)
{
	uint64_t val = 0;

	assert_int_equal(lapic_msr_read(apic(cpu), X2(reg), &val), 0);
	return val;
}

static inline void wr(unsigned cpu, uint32_t reg, uint64_t val)
{
	if (lapic_msr_write(apic(cpu), X2(reg), val))
		fail_msg("write of %#llx to register %#x faulted",
			 (unsigned long long)val, reg);
}

static inline uint32_t mmio_rd(unsigned cpu, uint32_t reg)
{
	uint64_t val = 0;

	lapic_mmio_read(apic(cpu), reg << 4, 4, &val);
	return (uint32_t)val;
}

static inline void mmio_wr(unsigned cpu, uint32_t reg, uint32_t val)
{
	lapic_mmio_write(apic(cpu), reg << 4, 4, val);
}

static inline uint64_t base_of(unsigned cpu)
{
	uint64_t base = 0;

	assert_int_equal(lapic_msr_read(apic(cpu), BASE, &base), 0);
	return base;
}

static inline int set_mode(unsigned cpu, uint64_t mode)
{
	return lapic_msr_write(apic(cpu), BASE,
			       (base_of(cpu) & ~(uint64_t)EN_X2APIC) | mode);
}

/* Switched on by software; `mode` as in IA32_APIC_BASE. */
static inline void enable(unsigned cpu, uint64_t mode)
{
	assert_int_equal(set_mode(cpu, mode), 0);
	if (mode == EN_X2APIC)
		wr(cpu, SVR, 0x1ff);
	else
		mmio_wr(cpu, SVR, 0x1ff);
}

static inline int lapic_setup(void **state)
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

static inline int lapic_teardown(void **state)
{
	(void)state;
	fake_vm_destroy();
	return 0;
}

#define LAPIC_TEST(fn)                                                         \
	cmocka_unit_test_setup_teardown(fn, lapic_setup, lapic_teardown)

#endif
