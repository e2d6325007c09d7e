// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes of a guest to control registers, XCR0 and MSRs: what is refused with
 * #GP, and what becomes of the rest in the VMCS. Source of the cases: SDM
 * Vol. 2 "MOV - Move to/from Control Registers" and "XSETBV", Vol. 3 "Control
 * Registers", "Guest/Host Masks and Read Shadows for CR0 and CR4", Vol. 4 for
 * the MSRs.
 * Sources: vmx/exit_cr.c vmx/msr.c vmx/stay_timer.c
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
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/msr_index.h"

#define NO_FAULT (-1)

struct vmx_controls vmx_controls;
static const struct config_vm cfg = { .name = "guest" };
static struct vm the_vm = { .cfg = &cfg };
static struct vcpu v;
static int faulted; /* vector of the exception that was injected */
static unsigned nr_flushes, nr_cpuid_updates;
static uint64_t cr8, pdptes[4];
static bool pdptes_readable;

/* ---- the rest of the world ---- */

void inject_exception_code(struct vcpu *vcpu, unsigned vector, uint32_t code)
{
	(void)vcpu;
	assert_int_equal(code, 0);
	faulted = (int)vector;
}

void fake_invvpid(uint64_t type, uint64_t vpid)
{
	assert_int_equal(type, INVVPID_SINGLE);
	assert_int_equal(vpid, 7);
	nr_flushes++;
}

void cpuid_policy_update(struct vcpu *vcpu)
{
	(void)vcpu;
	nr_cpuid_updates++;
}

uint64_t cpuid_policy_no_address(struct vcpu *vcpu)
{
	(void)vcpu;
	return ~(BIT(39) - 1);
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	(void)gs;
	assert_int_equal(a.raw, 0x5000);
	assert_int_equal(nbytes, sizeof(pdptes));
	memcpy(dst, pdptes, sizeof(pdptes));
	return pdptes_readable ? 0 : -EFAULT;
}

uint64_t lapic_get_cr8(struct lapic *l)
{
	(void)l;
	return cr8;
}

void lapic_set_cr8(struct lapic *l, uint64_t val)
{
	(void)l;
	cr8 = val;
}

int lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *val)
{
	(void)l;
	*val = msr;
	return 0;
}

int lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t val)
{
	(void)l;
	(void)msr;
	return val ? -EINVAL : 0;
}

static uint64_t deadline;
static unsigned nr_deadlines, nr_clock_updates;
static bool memory_is_short;

uint64_t lapic_tsc_deadline_read(struct lapic *l)
{
	(void)l;
	return deadline;
}

void lapic_tsc_deadline_write(struct lapic *l, uint64_t val)
{
	(void)l;
	deadline = val;
	nr_deadlines++;
}

void pvclock_update(struct vcpu *vcpu, bool was_stopped)
{
	(void)vcpu;
	assert_false(was_stopped);
	nr_clock_updates++;
}

int pvclock_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t val)
{
	(void)vcpu;
	(void)msr;
	return memory_is_short ? -ENOMEM : val & 2 ? -EINVAL : 0;
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	assert_true(stop == vcpu_is_called && arg == &v);
	memory_is_short = false;
}

bool vcpu_is_called(void *vcpu)
{
	(void)vcpu;
	return false;
}

int pv_eoi_read_msr(struct vcpu *vcpu, uint64_t *val)
{
	*val = vcpu->pv_eoi_msr;
	return 0;
}

int pv_eoi_write_msr(struct vcpu *vcpu, uint64_t val)
{
	vcpu->pv_eoi_msr = val;
	return val & 2 ? -EINVAL : 0;
}

void pv_eoi_reset(struct vcpu *vcpu)
{
	vcpu->pv_eoi_msr = 0;
}

/* ---- a guest in one of the processor's modes ---- */

enum mode { REAL, PAGING32, PAE, LONG64, COMPAT };

#define MASKED_CR0 (~(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_PG))
#define CR0_BASE   (CR0_ET | CR0_NE)

static void enter_mode(enum mode m)
{
	static const struct {
		uint64_t cr0, cr4, efer;
		uint32_t cs;
	} modes[] = {
		[REAL] = { CR0_BASE, 0, 0, 0x9b },
		[PAGING32] = { CR0_BASE | CR0_PE | CR0_PG, 0, 0, 0xc09b },
		[PAE] = { CR0_BASE | CR0_PE | CR0_PG, CR4_PAE, 0, 0xc09b },
		[LONG64] = { CR0_BASE | CR0_PE | CR0_PG, CR4_PAE,
			     EFER_LME | EFER_LMA, 0xa09b },
		[COMPAT] = { CR0_BASE | CR0_PE | CR0_PG, CR4_PAE,
			     EFER_LME | EFER_LMA, 0xc09b },
	};

	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	v.vpid = 7;
	v.cr4_allowed = CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP |
			CR4_OSXSAVE | CR4_PKE;
	v.efer_allowed = EFER_SCE | EFER_LME | EFER_NXE;
	v.xcr0_allowed = 0xe7;
	v.has_tsc_deadline = v.has_tsc_adjust = true;
	faulted = NO_FAULT;
	nr_flushes = nr_cpuid_updates = 0;
	cr8 = 0;
	memset(pdptes, 0, sizeof(pdptes));
	pdptes_readable = true;
	vmcs_write(VMCS_CR0_MASK, MASKED_CR0);
	vmcs_write(VMCS_CR0_SHADOW, modes[m].cr0);
	vmcs_write(VMCS_GUEST_CR0, modes[m].cr0);
	vmcs_write(VMCS_CR4_MASK, ~0ull);
	vmcs_write(VMCS_CR4_SHADOW, modes[m].cr4);
	vmcs_write(VMCS_GUEST_CR4, modes[m].cr4 | CR4_VMXE);
	vmcs_write(VMCS_GUEST_EFER, modes[m].efer);
	vmcs_write(VMCS_ENTRY_CONTROLS,
		   modes[m].efer & EFER_LMA ? ENTRY_GUEST_64 : 0);
	vmcs_write(VMCS_GUEST_CS_AR, modes[m].cs);
	vmcs_write(VMCS_GUEST_SS_AR, 0x93);
	vmcs_write(VMCS_GUEST_CR3, 0x5000);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
}

/* MOV CRn from RBX. */
static enum exit_action mov_to_cr(unsigned cr, uint64_t val)
{
	v.gpr[REG_RBX] = val;
	vmcs_write(VMCS_EXIT_QUAL, cr | (uint64_t)REG_RBX << 8);
	return exit_cr_access(&v);
}

/* ---- CR0 and CR4 ---- */

#define PG_PE (CR0_PG | CR0_PE)

static const struct {
	const char *name;
	enum mode mode;
	unsigned cr;
	uint64_t val;
	bool gp;
	uint64_t real, shadow; /* if not #GP */
} moves[] = {
	{ "CR0: caches may be shut off, but are not", LONG64, 0,
	  CR0_BASE | PG_PE | CR0_CD, false, CR0_BASE | PG_PE,
	  CR0_BASE | PG_PE | CR0_CD },
	{ "CR0: NW without CD", LONG64, 0, CR0_BASE | PG_PE | CR0_NW, true, 0,
	  0 },
	{ "CR0: CD and NW", LONG64, 0, CR0_BASE | PG_PE | CR0_NW | CR0_CD,
	  false, CR0_BASE | PG_PE, CR0_BASE | PG_PE | CR0_NW | CR0_CD },
	{ "CR0: PG without PE", REAL, 0, CR0_BASE | CR0_PG, true, 0, 0 },
	{ "CR0: bits 63:32 are reserved", LONG64, 0, CR0_BASE | PG_PE | BIT(32),
	  true, 0, 0 },
	{ "CR0: reserved bits below are ignored", LONG64, 0,
	  CR0_BASE | PG_PE | BIT(9), false, CR0_BASE | PG_PE,
	  CR0_BASE | PG_PE },
	{ "CR0: ET is always 1", LONG64, 0, CR0_NE | PG_PE, false,
	  CR0_BASE | PG_PE, CR0_BASE | PG_PE },
	{ "CR0: NE may read as 0, VMX operation needs it", LONG64, 0,
	  CR0_ET | PG_PE, false, CR0_BASE | PG_PE, CR0_ET | PG_PE },
	{ "CR0: paging can't end in 64-bit mode", LONG64, 0, CR0_BASE | CR0_PE,
	  true, 0, 0 },
	{ "CR0: paging may end in compatibility mode", COMPAT, 0,
	  CR0_BASE | CR0_PE, false, CR0_BASE | CR0_PE, CR0_BASE | CR0_PE },
	{ "CR0: only 32 bits count outside 64-bit mode", PAGING32, 0,
	  BIT(40) | CR0_BASE | PG_PE, false, CR0_BASE | PG_PE,
	  CR0_BASE | PG_PE },
	{ "CR4: what the guest does not have", LONG64, 4, CR4_PAE | CR4_SMXE,
	  true, 0, 0 },
	{ "CR4: VMXE is not offered", LONG64, 4, CR4_PAE | CR4_VMXE, true, 0,
	  0 },
	{ "CR4: upper half", LONG64, 4, CR4_PAE | BIT(33), true, 0, 0 },
	{ "CR4: VMXE stays on underneath", LONG64, 4, CR4_PAE | CR4_OSXSAVE,
	  false, CR4_PAE | CR4_OSXSAVE | CR4_VMXE, CR4_PAE | CR4_OSXSAVE },
	{ "CR4: PAE can't be cleared in long mode", LONG64, 4, 0, true, 0, 0 },
	{ "CR4: PAE can't be cleared in compatibility mode", COMPAT, 4, 0, true,
	  0, 0 },
	{ "CR4: PAE may be cleared in PAE paging", PAE, 4, 0, false, CR4_VMXE,
	  0 },
	{ "CR4: PCIDs outside long mode", PAE, 4, CR4_PAE | CR4_PCIDE, true, 0,
	  0 },
	{ "CR4: PCIDs in long mode with PCID 0", LONG64, 4, CR4_PAE | CR4_PCIDE,
	  false, CR4_PAE | CR4_PCIDE | CR4_VMXE, CR4_PAE | CR4_PCIDE },
};

static void control_registers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		bool is0 = moves[i].cr == 0;
		enum exit_action act;
		uint64_t real, shadow;

		enter_mode(moves[i].mode);
		act = mov_to_cr(moves[i].cr, moves[i].val);
		if ((faulted == 13) != moves[i].gp ||
		    act != (moves[i].gp ? EXIT_RESUME : EXIT_SKIP_INSN))
			fail_msg("%s: fault %d, action %d", moves[i].name,
				 faulted, (int)act);
		if (moves[i].gp)
			continue;
		real = vmcs_read(is0 ? VMCS_GUEST_CR0 : VMCS_GUEST_CR4);
		shadow = vmcs_read(is0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW);
		if (real != moves[i].real || shadow != moves[i].shadow)
			fail_msg("%s: %#lx, shown as %#lx", moves[i].name, real,
				 shadow);
	}
}

/*
 * A machine check while CR4.MCE is 0 shuts the processor down instead of
 * making an exit (SDM Vol. 3, "Machine-Check Exceptions").
 */
static void machine_checks_stay_on_whatever_the_guest_sets(void **state)
{
	(void)state;
	enter_mode(LONG64);
	v.cr4_allowed |= CR4_MCE;
	fake_cr4 = CR4_PAE | CR4_MCE | CR4_PGE;
	for (unsigned on = 0; on < 2; on++) {
		uint64_t val = CR4_PAE | (on ? CR4_MCE : 0);

		mov_to_cr(4, val | CR4_OSXSAVE);
		assert_int_equal(faulted, NO_FAULT);
		assert_int_equal(vmcs_read(VMCS_GUEST_CR4),
				 val | CR4_OSXSAVE | CR4_VMXE | CR4_MCE);
		assert_int_equal(vmcs_read(VMCS_CR4_SHADOW), val | CR4_OSXSAVE);
	}
	fake_cr4 = 0;
}

static void pcids_need_a_page_table_without_one(void **state)
{
	(void)state;
	enter_mode(LONG64);
	vmcs_write(VMCS_GUEST_CR3, 0x5003);
	mov_to_cr(4, CR4_PAE | CR4_PCIDE);
	assert_int_equal(faulted, 13);
}

static void paging_can_not_end_while_pcids_are_on(void **state)
{
	(void)state;
	enter_mode(COMPAT);
	vmcs_write(VMCS_CR4_SHADOW, CR4_PAE | CR4_PCIDE);
	mov_to_cr(0, CR0_BASE | CR0_PE);
	assert_int_equal(faulted, 13);
}

/* IA32_EFER.LMA and the VM-entry control follow CR0.PG. */
static void long_mode_comes_and_goes_with_paging(void **state)
{
	(void)state;
	enter_mode(REAL);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME);
	mov_to_cr(0, CR0_BASE | PG_PE);
	assert_int_equal(faulted, 13); /* without CR4.PAE */

	enter_mode(REAL);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME);
	vmcs_write(VMCS_CR4_SHADOW, CR4_PAE);
	mov_to_cr(0, CR0_BASE | PG_PE);
	assert_int_equal(faulted, NO_FAULT);
	assert_int_equal(vmcs_read(VMCS_GUEST_EFER), EFER_LME | EFER_LMA);
	assert_true(vmcs_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64);

	vmcs_write(VMCS_GUEST_CS_AR, 0xc09b);
	mov_to_cr(0, CR0_BASE | CR0_PE);
	assert_int_equal(vmcs_read(VMCS_GUEST_EFER), EFER_LME);
	assert_false(vmcs_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64);
	assert_int_equal(nr_flushes, 2);
}

static void pae_paging_loads_its_pdptes(void **state)
{
	static const enum vmcs_field fields[] = { VMCS_GUEST_PDPTE0,
						  VMCS_GUEST_PDPTE1,
						  VMCS_GUEST_PDPTE2,
						  VMCS_GUEST_PDPTE3 };

	(void)state;
	enter_mode(REAL);
	vmcs_write(VMCS_CR4_SHADOW, CR4_PAE);
	for (unsigned i = 0; i < 4; i++)
		pdptes[i] = 0x1001 + 0x1000 * i;
	mov_to_cr(0, CR0_BASE | PG_PE);
	assert_int_equal(faulted, NO_FAULT);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vmcs_read(fields[i]), pdptes[i]);
	pdptes[2] |= BIT(1); /* reserved */
	mov_to_cr(4, CR4_PAE | CR4_PGE);
	assert_int_equal(faulted, 13);
	enter_mode(PAE);
	pdptes[0] = BIT(39) | 1; /* an address that does not exist */
	mov_to_cr(4, CR4_PAE | CR4_PGE);
	assert_int_equal(faulted, 13);
	enter_mode(PAE);
	pdptes_readable = false;
	mov_to_cr(4, CR4_PAE | CR4_PGE);
	assert_int_equal(faulted, 13);
}

/* SDM, "Operations that Invalidate TLBs": MOV to CR4. */
static void changing_how_paging_works_flushes(void **state)
{
	static const uint64_t flushing[] = { CR4_PGE, CR4_PCIDE, CR4_SMEP,
					     CR4_PKE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flushing); i++) {
		enter_mode(LONG64);
		mov_to_cr(4, CR4_PAE | flushing[i]);
		assert_int_equal(nr_flushes, 1);
	}
	enter_mode(LONG64);
	mov_to_cr(4, CR4_PAE | CR4_OSXSAVE);
	assert_int_equal(nr_flushes, 0);
	assert_int_equal(nr_cpuid_updates, 1); /* CPUID shows OSXSAVE */
}

static void cr8_is_the_task_priority(void **state)
{
	(void)state;
	enter_mode(LONG64);
	assert_int_equal(mov_to_cr(8, 9), EXIT_SKIP_INSN);
	assert_int_equal(cr8, 9);
	assert_int_equal(v.requests, VCPU_REQ_EVENT);
	vmcs_write(VMCS_EXIT_QUAL, 8 | 1u << 4 | (uint64_t)REG_RSI << 8);
	assert_int_equal(exit_cr_access(&v), EXIT_SKIP_INSN);
	assert_int_equal(v.gpr[REG_RSI], 9);
	mov_to_cr(8, 16);
	assert_int_equal(faulted, 13);
}

/* LMSW writes four bits, and PE only from 0 to 1. */
static void lmsw_does_not_leave_protected_mode(void **state)
{
	(void)state;
	enter_mode(PAGING32);
	vmcs_write(VMCS_EXIT_QUAL, 3u << 4 | (uint64_t)(CR0_TS | CR0_MP) << 16);
	assert_int_equal(exit_cr_access(&v), EXIT_SKIP_INSN);
	assert_int_equal(vmcs_read(VMCS_GUEST_CR0),
			 CR0_BASE | PG_PE | CR0_TS | CR0_MP);
}

/* ---- XCR0 ---- */

static const struct {
	const char *name;
	uint32_t ecx, ss_ar;
	uint64_t val;
	bool gp;
} xsetbvs[] = {
	{ "x87 alone", 0, 0x93, 1, false },
	{ "x87 and SSE", 0, 0x93, 3, false },
	{ "with AVX", 0, 0x93, 7, false },
	{ "with all of AVX-512", 0, 0x93, 0xe7, false },
	{ "x87 can't be shut off", 0, 0x93, 6, true },
	{ "AVX needs SSE", 0, 0x93, 5, true },
	{ "a part of AVX-512", 0, 0x93, 0x67, true },
	{ "AVX-512 needs AVX", 0, 0x93, 0xe3, true },
	{ "what is not offered", 0, 0x93, 0x207, true },
	{ "another register", 1, 0x93, 7, true },
	{ "from user mode", 0, 0xf3, 7, true },
};

static void extended_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(xsetbvs); i++) {
		enter_mode(LONG64);
		fake_xcr0 = v.lazy.xcr0 = 1;
		vmcs_write(VMCS_GUEST_SS_AR, xsetbvs[i].ss_ar);
		v.gpr[REG_RCX] = xsetbvs[i].ecx;
		v.gpr[REG_RAX] = xsetbvs[i].val;
		exit_xsetbv(&v);
		if ((faulted == 13) != xsetbvs[i].gp ||
		    v.lazy.xcr0 != (xsetbvs[i].gp ? 1 : xsetbvs[i].val) ||
		    fake_xcr0 != v.lazy.xcr0)
			fail_msg("%s", xsetbvs[i].name);
	}
}

/* ---- MSRs ---- */

static enum exit_action wrmsr_exit(uint32_t msr, uint64_t val)
{
	v.gpr[REG_RCX] = msr;
	v.gpr[REG_RAX] = (uint32_t)val;
	v.gpr[REG_RDX] = val >> 32;
	return exit_wrmsr(&v);
}

static const struct {
	const char *name;
	uint32_t msr;
	uint64_t val;
	bool gp;
} msr_writes[] = {
	{ "EFER: NX and SYSCALL", MSR_EFER, EFER_SCE | EFER_NXE | EFER_LME,
	  false },
	{ "EFER: LMA is ignored", MSR_EFER, EFER_LME, false },
	{ "EFER: LME can't change while paging is on", MSR_EFER, 0, true },
	{ "EFER: reserved", MSR_EFER, EFER_LME | BIT(1), true },
	{ "EFER: what the guest does not have", MSR_EFER, EFER_LME | BIT(12),
	  true },
	{ "MTRR: a write-back range", 0x200, 0x40000006, false },
	{ "MTRR: a type that does not exist", 0x200, 0x40000002, true },
	{ "MTRR: reserved bits of a base", 0x200, 0x40000106, true },
	{ "MTRR: a base beyond the address space", 0x200, BIT(60) | 6, true },
	{ "MTRR: a valid mask", 0x201, 0xfc0000800, false },
	{ "MTRR: reserved bits of a mask", 0x201, 0xfc0000801, true },
	{ "MTRR: default type", MSR_MTRR_DEF_TYPE, 0xc06, false },
	{ "MTRR: default type, reserved", MSR_MTRR_DEF_TYPE, 0x106, true },
	{ "MTRR: fixed", 0x250, 0x0606060606060606, false },
	{ "MTRR: fixed, bad in the middle", 0x250, 0x0606060306060606, true },
	{ "MTRR: capabilities are read-only", MSR_MTRRCAP, 0, true },
	{ "MCG_STATUS: only zero", MSR_MCG_STATUS, 4, true },
	{ "MCG_STATUS: cleared", MSR_MCG_STATUS, 0, false },
	{ "MCG_CAP is read-only", MSR_MCG_CAP, 0, true },
	{ "microcode: Linux clears it", MSR_UCODE_REV, 0, false },
	{ "debug control: nothing is offered", MSR_DEBUGCTL, 1, true },
	{ "an unknown one", 0x12345, 0, true },
	{ "the VMX capabilities", MSR_VMX_BASIC, 0, true },
	{ "feature control is locked", MSR_FEATURE_CONTROL, 5, true },
};

static void msr_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(msr_writes); i++) {
		enum exit_action act;

		enter_mode(LONG64);
		act = wrmsr_exit(msr_writes[i].msr, msr_writes[i].val);
		if ((faulted == 13) != msr_writes[i].gp ||
		    act != (msr_writes[i].gp ? EXIT_RESUME : EXIT_SKIP_INSN))
			fail_msg("%s", msr_writes[i].name);
	}
}

static void efer_keeps_lma(void **state)
{
	(void)state;
	enter_mode(LONG64);
	wrmsr_exit(MSR_EFER, EFER_LME | EFER_NXE);
	assert_int_equal(vmcs_read(VMCS_GUEST_EFER),
			 EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(nr_flushes, 1); /* NXE changes translations */
	enter_mode(REAL);
	wrmsr_exit(MSR_EFER, EFER_LME | EFER_LMA);
	assert_int_equal(vmcs_read(VMCS_GUEST_EFER), EFER_LME);
}

static void a_clock_waits_for_memory(void **state)
{
	(void)state;
	enter_mode(LONG64);
	v.gpr[REG_RCX] = MSR_KVM_SYSTEM_TIME;
	v.gpr[REG_RAX] = 0x5001;
	memory_is_short = true;
	assert_int_equal(exit_wrmsr(&v), EXIT_RESUME);
	assert_false(memory_is_short);
	assert_int_equal(faulted, NO_FAULT);
	assert_int_equal(exit_wrmsr(&v), EXIT_SKIP_INSN);
}

static void rdmsr_fills_two_registers(void **state)
{
	(void)state;
	enter_mode(LONG64);
	wrmsr_exit(0x250, 0x0606060606060606);
	v.gpr[REG_RAX] = v.gpr[REG_RDX] = ~0ull;
	assert_int_equal(exit_rdmsr(&v), EXIT_SKIP_INSN);
	assert_int_equal(v.gpr[REG_RAX], 0x06060606);
	assert_int_equal(v.gpr[REG_RDX], 0x06060606);
	v.gpr[REG_RCX] = 0x12345;
	assert_int_equal(exit_rdmsr(&v), EXIT_RESUME);
	assert_int_equal(faulted, 13);
	assert_int_equal(v.unknown_msrs, 1);
}

static void msrs_go_with_their_cpuid_bits(void **state)
{
	static const uint32_t msrs[] = { MSR_TSC_DEADLINE, MSR_TSC_ADJUST };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		enter_mode(LONG64);
		v.has_tsc_deadline = v.has_tsc_adjust = false;
		wrmsr_exit(msrs[i], 1);
		assert_int_equal(faulted, 13);
		faulted = NO_FAULT;
		assert_int_equal(exit_rdmsr(&v), EXIT_RESUME);
		assert_int_equal(faulted, 13);
		assert_false(fast_wrmsr(&v));
	}
}

/* SDM, "IA32_TSC_ADJUST MSR": the two move together. */
static void the_tsc_and_its_adjustment(void **state)
{
	(void)state;
	enter_mode(LONG64);
	fake_tsc = 1000;
	vmcs_write(VMCS_TSC_OFFSET, 500);
	wrmsr_exit(MSR_TSC, 2000);
	assert_int_equal(vmcs_read(VMCS_TSC_OFFSET), 1000);
	assert_int_equal(v.tsc_adjust, 500);
	wrmsr_exit(MSR_TSC_ADJUST, 0);
	assert_int_equal(vmcs_read(VMCS_TSC_OFFSET), 500);
	/* What is told in terms of the TSC is told anew. */
	deadline = 7777;
	nr_deadlines = nr_clock_updates = 0;
	wrmsr_exit(MSR_TSC_ADJUST, 100);
	assert_int_equal(nr_deadlines, 1);
	assert_int_equal(deadline, 7777);
	assert_int_equal(nr_clock_updates, 1);
	deadline = 0;
}

/* Four maps of 1 KiB: reads below and above, writes below and above. */
static bool exits_on(const uint8_t *map, uint32_t msr, bool write)
{
	uint32_t at = (write ? 2048 : 0) + (msr & BIT(31) ? 1024 : 0);

	return map[at + (msr & 0x1fff) / 8] >> msr % 8 & 1;
}

static void what_passes_without_an_exit(void **state)
{
	static const uint32_t passed[] = { MSR_LSTAR, MSR_KERNELGS_BASE,
					   MSR_SYSENTER_EIP, MSR_PAT,
					   MSR_FS_BASE };
	static const uint32_t caught[] = { MSR_EFER,	     MSR_APIC_BASE,
					   MSR_TSC_DEADLINE, MSR_X2APIC_EOI,
					   MSR_MISC_ENABLE,  MSR_VMX_BASIC };
	uint8_t map[4096];

	(void)state;
	msr_bitmap_init(map, true);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		assert_false(exits_on(map, passed[i], false));
		assert_false(exits_on(map, passed[i], true));
	}
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
		assert_true(exits_on(map, caught[i], false));
		assert_true(exits_on(map, caught[i], true));
	}
	assert_false(exits_on(map, MSR_TSC, false));
	assert_true(exits_on(map, MSR_TSC, true));
	assert_false(exits_on(map, MSR_TSC_AUX, false));
	assert_false(exits_on(map, MSR_TSC_AUX, true));
	/* Where neither RDTSCP nor RDPID is offered it does not exist. */
	msr_bitmap_init(map, false);
	assert_true(exits_on(map, MSR_TSC_AUX, false));
	assert_true(exits_on(map, MSR_TSC_AUX, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_registers),
		cmocka_unit_test(
			machine_checks_stay_on_whatever_the_guest_sets),
		cmocka_unit_test(pcids_need_a_page_table_without_one),
		cmocka_unit_test(paging_can_not_end_while_pcids_are_on),
		cmocka_unit_test(long_mode_comes_and_goes_with_paging),
		cmocka_unit_test(pae_paging_loads_its_pdptes),
		cmocka_unit_test(changing_how_paging_works_flushes),
		cmocka_unit_test(cr8_is_the_task_priority),
		cmocka_unit_test(lmsw_does_not_leave_protected_mode),
		cmocka_unit_test(extended_states),
		cmocka_unit_test(msr_values),
		cmocka_unit_test(efer_keeps_lma),
		cmocka_unit_test(a_clock_waits_for_memory),
		cmocka_unit_test(rdmsr_fills_two_registers),
		cmocka_unit_test(msrs_go_with_their_cpuid_bits),
		cmocka_unit_test(the_tsc_and_its_adjustment),
		cmocka_unit_test(what_passes_without_an_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
