// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of an interrupt by a bit in the guest's memory: a guest's handlers,
 * nested as they come, against what the real local APIC holds in service. The
 * guest's side is that of Linux Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_PV_EOI_EN: test and clear the bit, and only if it was clear write
 * to the APIC.
 *
 * Sources: vmx/pv_eoi.c vmx/inject.c
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: vmx/devices/pic.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fake_vcpu.h"
#include "kernel/lib/errno.h"
#include "vmx/devices/devices_priv.h"
#include "vmx/devices/lapic_priv.h"

#define WORD_AT	  0x5000u
#define ENABLE	  1u
#define NONE	  (-1)
#define X2(reg)	  (MSR_X2APIC + (reg))
#define X2APIC_ON 0xfee00d00u
#define LEVEL	  0x8000u
#define PIN	  10u

static const struct config_vm cfg = { .name = "guest" };
static struct vm_devices dev;
static struct vm the_vm = { .cfg = &cfg };
static struct vcpu v;
static uint32_t kvm_features;

/* The guest. */
static uint8_t word;
static bool has_frame;	  /* the word's page */
static int handlers[256]; /* vectors being handled, the innermost last */
static unsigned depth;
static unsigned eoi_exits;

/* ---- the rest of the world ---- */

struct cpuid_regs cpuid_policy_get(struct vcpu *vcpu, uint32_t leaf,
				   uint32_t subleaf)
{
	struct cpuid_regs r = { 0 };

	(void)vcpu;
	assert_int_equal(leaf, 0x40000101);
	assert_int_equal(subleaf, 0);
	r.eax = kvm_features;
	return r;
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	(void)gs;
	assert_int_equal(nbytes, 4);
	memset(dst, 0, nbytes);
	return a.raw < 0x100000 ? 0 : -EFAULT;
}

bool guest_quick_put8(struct gspace *gs, gpa_t a, uint8_t value)
{
	(void)gs;
	assert_int_equal(a.raw, WORD_AT);
	assert_int_equal(fake_locks_held(), 0);
	if (has_frame)
		word = value;
	return has_frame;
}

int guest_take8(struct gspace *gs, gpa_t a, uint8_t *old)
{
	(void)gs;
	assert_int_equal(a.raw, WORD_AT);
	*old = has_frame ? word : 0;
	word = 0;
	return 0;
}

static bool is_busy; /* the space */

bool guest_quick_take8(struct gspace *gs, gpa_t a, uint8_t *old)
{
	return !is_busy && !guest_take8(gs, a, old);
}

/* ---- the processor and the guest ---- */

static uint32_t rd(uint32_t reg)
{
	uint64_t val = 0;

	assert_int_equal(lapic_msr_read(v.lapic, X2(reg), &val), 0);
	return (uint32_t)val;
}

static void wr(uint32_t reg, uint64_t val)
{
	assert_int_equal(lapic_msr_write(v.lapic, X2(reg), val), 0);
}

/* Each interrupt whose handler has not ended it is in service; no other. */
static void check_in_service(void)
{
	uint32_t want[8] = { 0 };

	for (unsigned i = 0; i < depth; i++)
		want[handlers[i] / 32] |= 1u << (handlers[i] % 32);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(rd(APIC_ISR + i), want[i]);
}

/* An exit that reaches the slow path, or one by a timer on the fast one. */
static void leave(void)
{
	static unsigned nr;

	if (nr++ % 2)
		assert_true(pv_eoi_settle_quick(&v));
	else
		pv_eoi_settle(&v);
	assert_int_equal(word, 0);
	assert_false(v.pv_eoi_offered);
	check_in_service();
}

static void enter_once(void)
{
	uint32_t info;

	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	v.requests = 0;
	inject_prepare_entry(&v);
	info = vmcs_read32(VMCS_ENTRY_INTR_INFO);
	if (info & INTR_VALID && (info & INTR_TYPE_MASK) == INTR_TYPE_EXT)
		handlers[depth++] = (int)(info & INTR_VECTOR_MASK);
}

static bool guest_is_open(void)
{
	return vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF;
}

/*
 * Nothing that the guest would take now waits without an exit to come: what is
 * in service is what the guest believes.
 */
static void check_nothing_is_stranded(void)
{
	int irr = lapic_highest(v.lapic->irr);
	int class = (int)v.lapic->tpr >> 4;

	if (depth)
		class = max(class, handlers[depth - 1] >> 4);
	if (irr >> 4 > class && !(v.cpu_controls & CPU_INTR_WINDOW) && !word)
		fail_msg("vector %#x waits, and no exit will come", irr);
}

static void enter(void)
{
	enter_once();
	while (v.cpu_controls & CPU_INTR_WINDOW && guest_is_open()) {
		leave();
		vcpu_set_controls(&v, 0, CPU_INTR_WINDOW);
		enter_once();
	}
	check_nothing_is_stranded();
}

/* The innermost handler ends its interrupt as Linux does. */
static void guest_ends_one(void)
{
	bool was_set = word & 1;

	word &= (uint8_t)~1u;
	depth--;
	if (was_set) {
		check_nothing_is_stranded();
		return;
	}
	eoi_exits++;
	depth++;
	leave();
	depth--;
	wr(APIC_EOI, 0);
	check_in_service();
	enter();
}

/* An interrupt from elsewhere: it kicks the processor out of the guest. */
static void arrive(uint32_t data)
{
	v.requests = 0;
	lapic_deliver_msi(&the_vm, APIC_DEFAULT_PAGE, data);
	assert_int_equal(v.requests, VCPU_REQ_EVENT);
	leave();
	enter();
}

static int setup(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	memset(&dev, 0, sizeof(dev));
	v.vm = dev.vm = &the_vm;
	the_vm.dev = &dev;
	the_vm.nr_vcpus = 1;
	the_vm.vcpus[0] = &v;
	fake_tsc = 1000000;
	irqchip_init(&dev.irqchip);
	assert_int_equal(lapic_create(&v, &v.lapic), 0);
	assert_int_equal(lapic_msr_write(v.lapic, MSR_APIC_BASE, X2APIC_ON), 0);
	wr(APIC_SVR, 0x1ff);
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_CR0, CR0_PE | CR0_PG);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_IF | 2);
	kvm_features = KVM_FEATURE_PV_EOI;
	word = 0;
	has_frame = true;
	depth = eoi_exits = 0;
	assert_int_equal(pv_eoi_write_msr(&v, WORD_AT | ENABLE), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lapic_destroy(v.lapic);
	assert_int_equal(fake_end, FAKE_NOT_ENDED);
	assert_int_equal(fake_locks_held(), 0);
	return 0;
}

/* ---- one thing at a time ---- */

static void a_lone_edge_ends_without_an_exit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		arrive(0x41);
		assert_int_equal(depth, 1);
		assert_int_equal(word, 1);
		guest_ends_one();
	}
	assert_int_equal(eoi_exits, 0);
	leave();
}

static void an_exit_in_the_handler_takes_the_bit_back(void **state)
{
	(void)state;
	arrive(0x41);
	leave();
	enter();
	assert_int_equal(word, 0);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
}

static void what_cannot_be_taken_back_now_stays_offered(void **state)
{
	(void)state;
	arrive(0x41);
	is_busy = true;
	assert_false(pv_eoi_settle_quick(&v));
	is_busy = false;
	assert_true(v.pv_eoi_offered);
	assert_int_equal(word, 1);
	guest_ends_one();
	assert_int_equal(eoi_exits, 0);
	leave();
}

static void an_end_by_the_apic_counts_once(void **state)
{
	(void)state;
	/* A handler that knows nothing of the bit. */
	arrive(0x41);
	assert_int_equal(word, 1);
	leave();
	wr(APIC_EOI, 0);
	depth--;
	check_in_service();
	enter();
	assert_int_equal(depth, 0);
}

static void a_second_one_that_waits_gets_its_exit(void **state)
{
	(void)state;
	lapic_deliver_msi(&the_vm, APIC_DEFAULT_PAGE, 0x42);
	arrive(0x48);
	assert_int_equal(handlers[0], 0x48);
	assert_int_equal(word, 0);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
	assert_int_equal(handlers[0], 0x42);
	assert_int_equal(word, 1);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
	leave();
}

static void one_that_comes_later_finds_the_end_made_up_for(void **state)
{
	(void)state;
	arrive(0x41);
	guest_ends_one();
	/* The same class: it may come only because 0x41 has ended. */
	arrive(0x40);
	assert_int_equal(depth, 1);
	assert_int_equal(handlers[0], 0x40);
	guest_ends_one();
	assert_int_equal(eoi_exits, 0);
}

static void nested_handlers_end_innermost_first(void **state)
{
	(void)state;
	arrive(0x41);
	arrive(0x91);
	assert_int_equal(depth, 2);
	assert_int_equal(word, 1);
	guest_ends_one();
	/* Nothing is offered for the outer one. */
	assert_int_equal(word, 0);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
}

static void a_level_is_ended_at_the_ioapic(void **state)
{
	uint64_t low;

	(void)state;
	ioapic_mmio_write(&the_vm, 0x00, 4, 0x10 + 2 * PIN);
	ioapic_mmio_write(&the_vm, 0x10, 4, 0x51 | LEVEL);
	irq_set_level(&the_vm, PIN, true);
	enter();
	assert_int_equal(handlers[0], 0x51);
	assert_int_equal(word, 0);
	irq_set_level(&the_vm, PIN, false);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
	ioapic_mmio_read(&the_vm, 0x10, 4, &low);
	assert_int_equal(low, 0x51 | LEVEL); /* no remote IRR */
}

static void an_interrupt_of_the_8259_has_no_end_here(void **state)
{
	static const uint8_t init[] = { 0x20, 4, 1 };

	(void)state;
	wr(APIC_LVT_LINT0, 0x700);
	pic_pio_write(&dev, 0x20, 0x11);
	for (unsigned i = 0; i < sizeof(init); i++)
		pic_pio_write(&dev, 0x21, init[i]);
	irq_set_level(&the_vm, 4, true);
	enter_once();
	assert_int_equal(handlers[0], 0x24);
	assert_int_equal(word, 0);
	depth = 0;
	leave();
}

static void an_nmi_in_the_handler_changes_nothing(void **state)
{
	(void)state;
	arrive(0x41);
	assert_int_equal(word, 1);
	v.nmi_pending = 1;
	leave();
	enter();
	assert_int_equal(vmcs_read32(VMCS_ENTRY_INTR_INFO),
			 INTR_VALID | INTR_TYPE_NMI | 2);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
	/* An NMI that goes in first: then the interrupt, with the bit. */
	v.nmi_pending = 1;
	arrive(0x41);
	assert_int_equal(word, 1);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
}

static void a_delivery_that_was_interrupted_ends_by_the_apic(void **state)
{
	(void)state;
	arrive(0x41);
	assert_int_equal(word, 1);
	vmcs_write(VMCS_IDT_VECTORING_INFO, INTR_VALID | INTR_TYPE_EXT | 0x41);
	inject_save_vectoring(&v);
	leave();
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
	depth = 0;
	enter();
	assert_int_equal(handlers[0], 0x41);
	assert_int_equal(word, 0);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
}

static void switching_it_off_midway_loses_no_end(void **state)
{
	(void)state;
	for (unsigned ended = 0; ended < 2; ended++) {
		arrive(0x41);
		assert_int_equal(word, 1);
		if (ended)
			guest_ends_one();
		leave(); /* WRMSR is an exit */
		assert_int_equal(pv_eoi_write_msr(&v, 0), 0);
		enter();
		if (!ended)
			guest_ends_one();
		assert_int_equal(depth, 0);
		arrive(0x42);
		assert_int_equal(word, 0);
		guest_ends_one();
		leave();
		assert_int_equal(pv_eoi_write_msr(&v, WORD_AT | ENABLE), 0);
	}
	assert_int_equal(eoi_exits, 3);
}

static void without_a_frame_nothing_is_offered(void **state)
{
	(void)state;
	has_frame = false;
	arrive(0x41);
	assert_int_equal(word, 0);
	assert_false(v.pv_eoi_offered);
	has_frame = true; /* the guest's own test and clear */
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
	arrive(0x41);
	assert_int_equal(word, 1);
}

static void reset_and_init_switch_it_off(void **state)
{
	uint64_t val;

	(void)state;
	arrive(0x41);
	leave();
	lapic_init_signal(v.lapic);
	pv_eoi_reset(&v);
	depth = 0;
	assert_int_equal(pv_eoi_read_msr(&v, &val), 0);
	assert_int_equal(val, 0);
	wr(APIC_SVR, 0x1ff);
	arrive(0x41);
	assert_int_equal(word, 0);
	guest_ends_one();
	assert_int_equal(eoi_exits, 1);
}

/* ---- the MSR ---- */

static const struct {
	const char *name;
	uint64_t val;
	int err;
} msr_values[] = {
	{ "off", 0, 0 },
	{ "an aligned word", 0x6004 | ENABLE, 0 },
	{ "off, with an address", 0x6004, 0 },
	{ "not aligned to 4", 0x6002 | ENABLE, -EINVAL },
	{ "off, not aligned to 4", 0x6002, -EINVAL },
	{ "not RAM", 0x100000 | ENABLE, -EINVAL },
	{ "off, not RAM", 0x100000, 0 },
	{ "beyond every address", ~3ull | ENABLE, -EINVAL },
};

static void the_msr_takes_only_words_in_ram(void **state)
{
	uint64_t val, last = WORD_AT | ENABLE;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(msr_values); i++) {
		int err = pv_eoi_write_msr(&v, msr_values[i].val);

		if (err != msr_values[i].err)
			fail_msg("%s", msr_values[i].name);
		if (!err)
			last = msr_values[i].val;
		assert_int_equal(pv_eoi_read_msr(&v, &val), 0);
		assert_int_equal(val, last);
	}
	/* cpu.hide = kvm_pv_eoi */
	kvm_features = 0;
	assert_int_equal(pv_eoi_write_msr(&v, 0), -ENOENT);
	assert_int_equal(pv_eoi_read_msr(&v, &val), -ENOENT);
}

/* ---- everything at once ---- */

static void some_exit(void)
{
	leave();
	if (rand() % 4 == 0)
		wr(APIC_TPR, rand() % 4 ? 0 : 0x40);
	if (rand() % 8 == 0)
		v.nmi_pending = 1;
	if (rand() % 8 == 0)
		assert_int_equal(
			pv_eoi_write_msr(&v, rand() % 4 ? WORD_AT | ENABLE : 0),
			0);
	has_frame = rand() % 8 != 0;
	enter();
}

static void open_or_shut(void)
{
	if (guest_is_open() && rand() % 4)
		return;
	vmcs_write(VMCS_GUEST_RFLAGS, vmcs_read(VMCS_GUEST_RFLAGS) ^ RFLAGS_IF);
	if (guest_is_open() && (v.cpu_controls & CPU_INTR_WINDOW)) {
		leave();
		enter();
	}
}

static void handlers_as_they_come(void **state)
{
	unsigned ended = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		switch (rand() % 16) {
		case 0:
		case 1: arrive(0x20 + (uint32_t)rand() % 0xe0); break;
		case 2: arrive(LEVEL | (0x20 + (uint32_t)rand() % 0xe0)); break;
		case 3: some_exit(); break;
		case 4: open_or_shut(); break;
		default:
			if (!depth)
				break;
			guest_ends_one();
			ended++;
		}
	}
	/* It was worth it, and neither way was rare. */
	assert_in_range(eoi_exits, ended / 10, ended * 9 / 10);
	/* All that came is delivered and ends. */
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_IF | 2);
	leave();
	wr(APIC_TPR, 0);
	enter();
	while (depth)
		guest_ends_one();
	leave();
	assert_int_equal(lapic_highest(v.lapic->irr), NONE);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_lone_edge_ends_without_an_exit),
		T(an_exit_in_the_handler_takes_the_bit_back),
		T(what_cannot_be_taken_back_now_stays_offered),
		T(an_end_by_the_apic_counts_once),
		T(a_second_one_that_waits_gets_its_exit),
		T(one_that_comes_later_finds_the_end_made_up_for),
		T(nested_handlers_end_innermost_first),
		T(a_level_is_ended_at_the_ioapic),
		T(an_interrupt_of_the_8259_has_no_end_here),
		T(an_nmi_in_the_handler_changes_nothing),
		T(a_delivery_that_was_interrupted_ends_by_the_apic),
		T(switching_it_off_midway_loses_no_end),
		T(without_a_frame_nothing_is_offered),
		T(reset_and_init_switch_it_off),
		T(the_msr_takes_only_words_in_ram),
		T(handlers_as_they_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
