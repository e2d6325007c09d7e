// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events for the guest: what is injected, in which order, and what becomes of
 * an event whose delivery an exit interrupted. Each case says what the SDM
 * demands (Vol. 3: "Event Injection", "Information for VM Exits During Event
 * Delivery", "Interrupt 8 - Double Fault Exception").
 * Sources: vmx/inject.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fake_vcpu.h"
#include "vmx/devices/devices.h"

static struct vm the_vm;
static struct vcpu v;
static int irq_next; /* the vector that the APIC offers, or -1 */
static int irq_then; /* the one after it */
static int offered;  /* the last vector whose end may go without an exit */

int lapic_pending_vector(struct lapic *l)
{
	(void)l;
	return irq_next;
}

void lapic_accept(struct lapic *l, int vector)
{
	(void)l;
	assert_int_equal(vector, irq_next);
	irq_next = irq_then;
	irq_then = -1;
}

/* Only what was accepted just now may end without the APIC. */
void pv_eoi_offer(struct vcpu *vcpu, int vector)
{
	(void)vcpu;
	offered = vector;
}

static void reset(void)
{
	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	fake_end = FAKE_NOT_ENDED;
	irq_next = irq_then = offered = -1;
	vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, 0);
	vmcs_write(VMCS_ENTRY_INSN_LEN, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_CR0, CR0_PE | CR0_PG);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_IF | 2);
}

#define EXC(vector)	 (INTR_VALID | INTR_TYPE_HW_EXC | (vector))
#define EXC_CODE(vector) (EXC(vector) | INTR_ERROR_CODE)
#define IRQ(vector)	 (INTR_VALID | INTR_TYPE_EXT | (vector))
#define NMI		 (INTR_VALID | INTR_TYPE_NMI | 2)
#define SW_INT(vector)	 (INTR_VALID | INTR_TYPE_SW_INT | (vector))

/* ---- one exception while another event is being delivered ---- */

#define DE 0u
#define DB 1u
#define BP 3u
#define UD 6u
#define NM 7u
#define DF 8u
#define TS 10u
#define NP 11u
#define SS 12u
#define GP 13u
#define PF 14u
#define MF 16u
#define AC 17u

#define TRIPLE 0u /* shutdown: nothing is injected */

static const struct {
	const char *name;
	uint32_t first; /* as IDT-vectoring information */
	uint32_t second;
	uint32_t entered; /* as VM-entry interruption information */
} double_faults[] = {
	{ "benign, then benign: the second", EXC(UD), DB, EXC(DB) },
	{ "benign, then contributory: the second", EXC(UD), GP, EXC_CODE(GP) },
	{ "benign, then a page fault: the second", EXC(NM), PF, EXC_CODE(PF) },
	{ "contributory, then benign: the second", EXC_CODE(GP), UD, EXC(UD) },
	{ "#DE, then #DE: double", EXC(DE), DE, EXC_CODE(DF) },
	{ "#TS, then #NP: double", EXC_CODE(TS), NP, EXC_CODE(DF) },
	{ "#NP, then #SS: double", EXC_CODE(NP), SS, EXC_CODE(DF) },
	{ "#SS, then #GP: double", EXC_CODE(SS), GP, EXC_CODE(DF) },
	{ "#GP, then #TS: double", EXC_CODE(GP), TS, EXC_CODE(DF) },
	{ "contributory, then #PF: the second", EXC_CODE(GP), PF,
	  EXC_CODE(PF) },
	{ "#PF, then #PF: double", EXC_CODE(PF), PF, EXC_CODE(DF) },
	{ "#PF, then contributory: double", EXC_CODE(PF), GP, EXC_CODE(DF) },
	{ "#PF, then #DE: double", EXC_CODE(PF), DE, EXC_CODE(DF) },
	{ "#PF, then benign: the second", EXC_CODE(PF), AC, EXC_CODE(AC) },
	{ "#DF, then contributory: shutdown", EXC_CODE(DF), GP, TRIPLE },
	{ "#DF, then #PF: shutdown", EXC_CODE(DF), PF, TRIPLE },
	{ "#DF, then benign: the second", EXC_CODE(DF), DB, EXC(DB) },
	{ "a software interrupt, then #GP: the instruction runs again",
	  SW_INT(0x80), GP, EXC_CODE(GP) },
	{ "INT3, then #PF: the instruction runs again",
	  INTR_VALID | INTR_TYPE_SW_EXC | BP, PF, EXC_CODE(PF) },
};

static void exceptions_meet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(double_faults); i++) {
		uint32_t want = double_faults[i].entered;
		uint32_t got;

		reset();
		vmcs_write(VMCS_IDT_VECTORING_INFO, double_faults[i].first);
		inject_save_vectoring(&v);
		inject_exception_code(&v, double_faults[i].second, 0x18);
		if (want == TRIPLE) {
			assert_int_equal(fake_end, VM_END_CRASH);
			continue;
		}
		inject_prepare_entry(&v);
		got = vmcs_read32(VMCS_ENTRY_INTR_INFO);
		if (got != want)
			fail_msg("%s: entered with %#x, not %#x",
				 double_faults[i].name, got, want);
		assert_int_equal(fake_end, FAKE_NOT_ENDED);
		if (want & INTR_ERROR_CODE)
			assert_int_equal(
				vmcs_read(VMCS_ENTRY_ERROR_CODE),
				(want & INTR_VECTOR_MASK) == DF ? 0 : 0x18);
	}
}

/* ---- an event that an exit interrupted ---- */

static const struct {
	const char *name;
	uint32_t vectoring;
	uint32_t error_code, insn_len; /* as entered; ~0: not looked at */
} interrupted[] = {
	{ "an interrupt comes again", IRQ(0x31), ~0u, ~0u },
	{ "an NMI comes again", NMI, ~0u, ~0u },
	{ "an exception keeps its error code", EXC_CODE(PF), 0x1234, ~0u },
	{ "an exception without an error code", EXC(UD), ~0u, ~0u },
	{ "INT n keeps the length of its instruction", SW_INT(0x80), ~0u, 2 },
	{ "INT1 keeps it", INTR_VALID | INTR_TYPE_PRIV_SW_EXC | DB, ~0u, 2 },
	{ "INT3 and INTO keep it", INTR_VALID | INTR_TYPE_SW_EXC | BP, ~0u, 2 },
};

static void what_an_exit_interrupted_is_delivered_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(interrupted); i++) {
		uint32_t got;

		reset();
		vmcs_write(VMCS_IDT_VECTORING_INFO,
			   interrupted[i].vectoring | 1u << 12); /* undefined */
		vmcs_write(VMCS_IDT_VECTORING_ERROR, 0x1234);
		vmcs_write(VMCS_EXIT_INSN_LEN, 2);
		inject_save_vectoring(&v);
		inject_prepare_entry(&v);
		got = vmcs_read32(VMCS_ENTRY_INTR_INFO);
		if (got != interrupted[i].vectoring)
			fail_msg("%s: entered with %#x", interrupted[i].name,
				 got);
		if (interrupted[i].error_code != ~0u)
			assert_int_equal(vmcs_read(VMCS_ENTRY_ERROR_CODE),
					 interrupted[i].error_code);
		if (interrupted[i].insn_len != ~0u)
			assert_int_equal(vmcs_read(VMCS_ENTRY_INSN_LEN),
					 interrupted[i].insn_len);
		/* Once. */
		vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
		inject_prepare_entry(&v);
		assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), 0);
	}
}

/* "If the valid bit is 0, the other bits are undefined." */
static void an_exit_between_instructions_leaves_nothing(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_IDT_VECTORING_INFO, EXC_CODE(GP) & ~INTR_VALID);
	inject_save_vectoring(&v);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), 0);
}

/*
 * Delivering an NMI blocks NMIs, but if an exit interrupts the delivery, VM
 * entry with the injected NMI demands that they are not blocked.
 */
static void an_interrupted_nmi_is_not_blocked_by_itself(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_IDT_VECTORING_INFO, NMI);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_NMI);
	inject_save_vectoring(&v);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), NMI);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), 0);
}

/*
 * The processor has taken the interrupt from the APIC: it can't come again by
 * itself, unlike an exception of an instruction that is run again.
 */
static void an_exception_on_the_way_loses_no_interrupt(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_IDT_VECTORING_INFO, IRQ(0x31));
	inject_save_vectoring(&v);
	inject_exception(&v, DB);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), EXC(DB));
	/* The handler's gate has shut interrupts off. */
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), 0);
	assert_true(v.cpu_controls & CPU_INTR_WINDOW);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_IF | 2);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), IRQ(0x31));
	assert_false(v.cpu_controls & CPU_INTR_WINDOW);
	/* What was in service before it is unknown by now. */
	assert_int_equal(offered, -1);
}

static void an_exception_on_the_way_loses_no_nmi(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_IDT_VECTORING_INFO, NMI);
	inject_save_vectoring(&v);
	inject_exception(&v, DB);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), EXC(DB));
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), NMI);
}

/* ---- exceptions ---- */

static void faults_push_rf_but_debug_traps_do_not(void **state)
{
	(void)state;
	reset();
	inject_gp(&v);
	assert_true(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_RF);
	reset();
	inject_exception(&v, DB);
	assert_false(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_RF);
}

/* "Deliver error code" must be 0 if CR0.PE is 0 (SDM, entry checks). */
static void real_mode_has_no_error_codes(void **state)
{
	(void)state;
	reset();
	vmcs_write(VMCS_GUEST_CR0, 0);
	inject_gp(&v);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), EXC(GP));
}

/* ---- interrupts and NMIs ---- */

static const struct {
	const char *name;
	uint64_t rflags;
	uint32_t blocked;
	int irq, then;
	uint32_t nmis;
	uint32_t entered;
	uint32_t windows; /* controls that must be on afterwards */
} arrivals[] = {
	{ "nothing is pending", RFLAGS_IF, 0, -1, -1, 0, 0, 0 },
	{ "an interrupt goes in", RFLAGS_IF, 0, 0x40, -1, 0, IRQ(0x40), 0 },
	{ "another one waits behind it", RFLAGS_IF, 0, 0x40, 0x30, 0, IRQ(0x40),
	  CPU_INTR_WINDOW },
	{ "IF=0: it waits", 0, 0, 0x40, -1, 0, 0, CPU_INTR_WINDOW },
	{ "after STI: it waits", RFLAGS_IF, BLOCKED_BY_STI, 0x40, -1, 0, 0,
	  CPU_INTR_WINDOW },
	{ "after MOV SS: it waits", RFLAGS_IF, BLOCKED_BY_MOV_SS, 0x40, -1, 0,
	  0, CPU_INTR_WINDOW },
	{ "an NMI goes in whatever IF is", 0, 0, -1, -1, 1, NMI, 0 },
	{ "an NMI goes before an interrupt", RFLAGS_IF, 0, 0x40, -1, 1, NMI,
	  CPU_INTR_WINDOW },
	{ "NMIs are blocked: it waits", RFLAGS_IF, BLOCKED_BY_NMI, -1, -1, 1, 0,
	  CPU_NMI_WINDOW },
	{ "after MOV SS an NMI waits", 0, BLOCKED_BY_MOV_SS, -1, -1, 1, 0,
	  CPU_NMI_WINDOW },
	{ "an interrupt passes a blocked NMI", RFLAGS_IF, BLOCKED_BY_NMI, 0x40,
	  -1, 1, IRQ(0x40), CPU_NMI_WINDOW },
	{ "of many NMIs one goes in, one waits", 0, 0, -1, -1, 9, NMI,
	  CPU_NMI_WINDOW },
};

static void events_go_in_when_they_may(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arrivals); i++) {
		uint32_t got;

		reset();
		vmcs_write(VMCS_GUEST_RFLAGS, arrivals[i].rflags | 2);
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, arrivals[i].blocked);
		irq_next = arrivals[i].irq;
		irq_then = arrivals[i].then;
		v.nmi_pending = arrivals[i].nmis;
		inject_prepare_entry(&v);
		got = vmcs_read32(VMCS_ENTRY_INTR_INFO);
		if (got != arrivals[i].entered ||
		    v.cpu_controls != arrivals[i].windows)
			fail_msg("%s: entered with %#x, windows %#x",
				 arrivals[i].name, got, v.cpu_controls);
	}
}

/* An entry that injects them would drop it. */
static void a_debug_trap_goes_before_interrupts_and_nmis(void **state)
{
	static const uint64_t traps[] = { PENDING_DEBUG_BS,
					  PENDING_DEBUG_ENABLED_BP | 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(traps); i++) {
		reset();
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, traps[i]);
		irq_next = 0x40;
		v.nmi_pending = 1;
		inject_prepare_entry(&v);
		assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), 0);
		assert_int_equal(v.nmi_pending, 1);
		assert_int_equal(irq_next, 0x40);
		assert_int_equal(v.cpu_controls,
				 CPU_INTR_WINDOW | CPU_NMI_WINDOW);
	}
}

static void an_event_keeps_its_place_before_new_ones(void **state)
{
	(void)state;
	reset();
	irq_next = 0x40;
	v.nmi_pending = 1;
	inject_gp(&v);
	inject_prepare_entry(&v);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_INFO), EXC_CODE(GP));
	assert_int_equal(v.nmi_pending, 1);
	assert_int_equal(irq_next, 0x40);
	assert_int_equal(v.cpu_controls, CPU_INTR_WINDOW | CPU_NMI_WINDOW);
}

/* ---- HLT ---- */

static const struct {
	const char *name;
	uint64_t rflags;
	uint32_t blocked;
	int irq;
	uint32_t nmis;
	uint32_t trap;
	bool wakes;
} halts[] = {
	{ "nothing", RFLAGS_IF, 0, -1, 0, 0, false },
	{ "an interrupt", RFLAGS_IF, 0, 0x40, 0, 0, true },
	{ "an interrupt while IF=0", 0, 0, 0x40, 0, 0, false },
	{ "an NMI while IF=0", 0, 0, -1, 1, 0, true },
	{ "an NMI in an NMI handler", 0, BLOCKED_BY_NMI, -1, 1, 0, false },
	{ "its own single step", 0, 0, -1, 0, PENDING_DEBUG_BS, true },
};

static void what_ends_hlt(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(halts); i++) {
		reset();
		vmcs_write(VMCS_GUEST_RFLAGS, halts[i].rflags | 2);
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, halts[i].blocked);
		irq_next = halts[i].irq;
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, halts[i].trap);
		v.nmi_pending = halts[i].nmis;
		if (inject_wakes_halt(&v) != halts[i].wakes)
			fail_msg("%s", halts[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exceptions_meet),
		cmocka_unit_test(what_an_exit_interrupted_is_delivered_again),
		cmocka_unit_test(an_exit_between_instructions_leaves_nothing),
		cmocka_unit_test(an_interrupted_nmi_is_not_blocked_by_itself),
		cmocka_unit_test(an_exception_on_the_way_loses_no_interrupt),
		cmocka_unit_test(an_exception_on_the_way_loses_no_nmi),
		cmocka_unit_test(faults_push_rf_but_debug_traps_do_not),
		cmocka_unit_test(real_mode_has_no_error_codes),
		cmocka_unit_test(events_go_in_when_they_may),
		cmocka_unit_test(a_debug_trap_goes_before_interrupts_and_nmis),
		cmocka_unit_test(an_event_keeps_its_place_before_new_ones),
		cmocka_unit_test(what_ends_hlt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
