/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSR policy: an allow-list. Some go to the guest without an exit (bitmap),
 * some are emulated here, the APIC's go to vmx/devices/lapic.c; everything
 * else is #GP and one rate-limited line in the log.
 */
#include "kernel/lib/errno.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/log.h"
#include "mm/gspace.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/msr_index.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

/*
 * Switched by entry/exit (VMCS fields) or with the thread (lazy_state), and
 * checked by the processor itself.
 */
static const uint32_t passed_through[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,  MSR_PAT,
	MSR_STAR,	 MSR_LSTAR,	   MSR_CSTAR,	      MSR_SFMASK,
	MSR_FS_BASE,	 MSR_GS_BASE,	   MSR_KERNELGS_BASE,
};

/* Four 1 KiB maps: read low, read high, write low, write high. */
static void bitmap_open(uint8_t *map, uint32_t msr, bool write)
{
	uint32_t at = (write ? 2048u : 0) + (msr >= 0xc0000000u ? 1024u : 0);
	uint32_t bit = msr & 0x1fffu;

	map[at + bit / 8] &= (uint8_t) ~(1u << (bit % 8));
}

void msr_bitmap_init(uint8_t *bitmap, bool has_tsc_aux)
{
	size_t i;

	for (i = 0; i < PAGE_SIZE; i++)
		bitmap[i] = 0xff;
	for (i = 0; i < ARRAY_SIZE(passed_through); i++) {
		bitmap_open(bitmap, passed_through[i], false);
		bitmap_open(bitmap, passed_through[i], true);
	}
	/* Reading applies the TSC offset; writing is emulated. */
	bitmap_open(bitmap, MSR_TSC, false);
	if (has_tsc_aux) {
		bitmap_open(bitmap, MSR_TSC_AUX, false);
		bitmap_open(bitmap, MSR_TSC_AUX, true);
	}
}

/* Values at power-up. */
void msr_reset(struct vcpu *v)
{
	unsigned i;

	v->pvclock_msr = 0;
	v->wallclock_msr = 0;
	pv_eoi_reset(v);
	v->tsc_adjust = 0;
	v->misc_enable =
		BIT(0) | BIT(11) | BIT(12); /* fast strings; no BTS, PEBS */
	v->mtrr_def_type = 0xc06;	    /* enabled, all write-back */
	for (i = 0; i < ARRAY_SIZE(v->mtrr_var); i++)
		v->mtrr_var[i] = 0;
	for (i = 0; i < ARRAY_SIZE(v->mtrr_fix); i++)
		v->mtrr_fix[i] = 0x0606060606060606ull;
	v->mcg_status = 0;
	v->mcg_ctl = 0;
	for (i = 0; i < ARRAY_SIZE(v->mc_ctl); i++)
		v->mc_ctl[i] = 0;
}

static const uint32_t mtrr_fixed[] = {
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
	0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
};

/* The stored copy of an MTRR, or NULL. They have no effect under EPT. */
static uint64_t *mtrr_slot(struct vcpu *v, uint32_t msr)
{
	size_t i;

	if (msr == MSR_MTRR_DEF_TYPE)
		return &v->mtrr_def_type;
	if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_PHYSMASK7)
		return &v->mtrr_var[msr - MSR_MTRR_PHYSBASE0];
	for (i = 0; i < ARRAY_SIZE(mtrr_fixed); i++)
		if (mtrr_fixed[i] == msr)
			return &v->mtrr_fix[i];
	return NULL;
}

static bool mtrr_type_valid(uint64_t t)
{
	return t < 7 && t != 2 && t != 3;
}

/* SDM, "Variable Range MTRRs": type, or V in bit 11, and the address. */
static bool mtrr_range_valid(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (val & cpuid_policy_no_address(v))
		return false;
	if (msr & 1)
		return !(val & 0x7ff);
	return !(val & 0xf00) && mtrr_type_valid(val & 0xff);
}

static bool mtrr_value_valid(struct vcpu *v, uint32_t msr, uint64_t val)
{
	unsigned i;

	if (msr == MSR_MTRR_DEF_TYPE)
		return !(val & ~0xcffull) && mtrr_type_valid(val & 0xff);
	if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_PHYSMASK7)
		return mtrr_range_valid(v, msr, val);
	for (i = 0; i < 64; i += 8)
		if (!mtrr_type_valid(val >> i & 0xff))
			return false;
	return true;
}

/* MCG_CAP: no banks, so nothing else has to exist. */
static const struct {
	uint32_t msr;
	uint64_t value;
} constants[] = {
	{ MSR_PLATFORM_ID, 0 },	    { MSR_UCODE_REV, 0x100000000ull },
	{ MSR_MTRRCAP, 0x508 }, /* 8 variable, fixed, WC */
	{ MSR_MCG_CAP, 0 },	    { MSR_PERF_STATUS, 0 },
	{ MSR_MISC_FEATURES, 0 },   { MSR_DEBUGCTL, 0 },
	{ MSR_FEATURE_CONTROL, 1 }, /* locked, VT-x off */
	{ MSR_PLATFORM_INFO, 0 },
};

static int read_emulated(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	uint64_t *slot;
	size_t i;

	switch (msr) {
	case MSR_EFER: *val = vmcs_read(VMCS_GUEST_EFER); return 0;
	case MSR_TSC_DEADLINE:
		*val = lapic_tsc_deadline_read(v->lapic);
		return 0;
	case MSR_TSC_ADJUST: *val = v->tsc_adjust; return 0;
	case MSR_MISC_ENABLE: *val = v->misc_enable; return 0;
	case MSR_MCG_STATUS: *val = v->mcg_status; return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_OLD: *val = v->pvclock_msr; return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_OLD: *val = v->wallclock_msr; return 0;
	case MSR_KVM_PV_EOI: return pv_eoi_read_msr(v, val);
	}
	slot = mtrr_slot(v, msr);
	if (slot) {
		*val = *slot;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(constants); i++)
		if (constants[i].msr == msr) {
			*val = constants[i].value;
			return 0;
		}
	return -ENOENT;
}

static bool is_apic_msr(uint32_t msr)
{
	return msr == MSR_APIC_BASE || (msr & ~0xffu) == MSR_X2APIC;
}

/* Those that exist only where CPUID offers them (SDM Vol. 4). */
static bool is_hidden(const struct vcpu *v, uint32_t msr)
{
	return (msr == MSR_TSC_DEADLINE && !v->has_tsc_deadline) ||
	       (msr == MSR_TSC_ADJUST && !v->has_tsc_adjust);
}

static int read_any(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	if (is_hidden(v, msr))
		return -ENOENT;
	if (is_apic_msr(msr))
		return lapic_msr_read(v->lapic, msr, val);
	return read_emulated(v, msr, val);
}

static int write_efer(struct vcpu *v, uint64_t val)
{
	uint64_t old = vmcs_read(VMCS_GUEST_EFER);

	if (val & ~v->efer_allowed & ~EFER_LMA)
		return -EINVAL;
	if (((old ^ val) & EFER_LME) && (vmcs_read(VMCS_GUEST_CR0) & CR0_PG))
		return -EINVAL;
	vmcs_write(VMCS_GUEST_EFER, (val & ~EFER_LMA) | (old & EFER_LMA));
	if ((old ^ val) & EFER_NXE)
		vmx_invvpid(INVVPID_SINGLE, v->vpid);
	return 0;
}

/* What was said in terms of the TSC has to be said anew. */
static void shift_tsc(struct vcpu *v, uint64_t by)
{
	uint64_t deadline = lapic_tsc_deadline_read(v->lapic);

	v->tsc_adjust += by;
	vmcs_write(VMCS_TSC_OFFSET, vmcs_read(VMCS_TSC_OFFSET) + by);
	if (deadline)
		lapic_tsc_deadline_write(v->lapic, deadline);
	pvclock_update(v, false);
}

static int write_emulated(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t *slot;

	switch (msr) {
	case MSR_EFER: return write_efer(v, val);
	case MSR_TSC:
		shift_tsc(v, val - (rdtsc() + vmcs_read(VMCS_TSC_OFFSET)));
		return 0;
	case MSR_TSC_ADJUST: shift_tsc(v, val - v->tsc_adjust); return 0;
	case MSR_TSC_DEADLINE:
		lapic_tsc_deadline_write(v->lapic, val);
		return 0;
	case MSR_MISC_ENABLE: v->misc_enable = val; return 0;
	case MSR_MCG_STATUS:
		if (val)
			return -EINVAL;
		v->mcg_status = 0;
		return 0;
	case MSR_UCODE_REV:	/* Linux writes 0 before it reads it */
	case MSR_DEBUGCTL:	/* no branch records are offered */
	case MSR_MISC_FEATURES: /* no CPUID faulting either */
		return val ? -ENOENT : 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_OLD: return pvclock_write_msr(v, msr, val);
	case MSR_KVM_PV_EOI: return pv_eoi_write_msr(v, val);
	}
	slot = mtrr_slot(v, msr);
	if (!slot)
		return -ENOENT;
	if (!mtrr_value_valid(v, msr, val))
		return -EINVAL;
	*slot = val;
	return 0;
}

static int write_any(struct vcpu *v, uint32_t msr, uint64_t val)
{
	int err;

	if (is_hidden(v, msr))
		return -ENOENT;
	if (!is_apic_msr(msr))
		return write_emulated(v, msr, val);
	err = lapic_msr_write(v->lapic, msr, val);
	/* CPUID says whether the APIC is on. */
	if (!err && msr == MSR_APIC_BASE)
		cpuid_policy_update(v);
	return err;
}

/* -ENOENT: nobody knows this MSR. Anything else is the guest's mistake. */
static enum exit_action msr_fault(struct vcpu *v, const char *what,
				  uint32_t msr, int err)
{
	if (err == -ENOENT) {
		v->unknown_msrs++;
		log_guest(&v->vm->log, LOG_DEBUG, "vmx",
			  "vm=%s %s of unknown MSR %#x at rip=%#lx: #GP",
			  v->vm->cfg->name, what, msr,
			  vmcs_read(VMCS_GUEST_RIP));
	}
	inject_gp(v);
	return EXIT_RESUME;
}

static ALWAYS_INLINE uint64_t edx_eax(const struct vcpu *v)
{
	return (v->gpr[REG_RAX] & 0xffffffffu) | v->gpr[REG_RDX] << 32;
}

enum exit_action exit_rdmsr(struct vcpu *v)
{
	uint32_t msr = (uint32_t)v->gpr[REG_RCX];
	uint64_t val;
	int err = read_any(v, msr, &val);

	if (err)
		return msr_fault(v, "read", msr, err);
	v->gpr[REG_RAX] = (uint32_t)val;
	v->gpr[REG_RDX] = val >> 32;
	return EXIT_SKIP_INSN;
}

enum exit_action exit_wrmsr(struct vcpu *v)
{
	uint32_t msr = (uint32_t)v->gpr[REG_RCX];
	int err = write_any(v, msr, edx_eax(v));

	if (err == -ENOMEM) { /* no fault: once more, with memory */
		gspace_wait_memory(v->gs, vcpu_is_called, v);
		return EXIT_RESUME;
	}
	if (err)
		return msr_fault(v, "write", msr, err);
	return EXIT_SKIP_INSN;
}

/* The timer and the APIC's EOI: what a busy guest writes. */
bool fast_wrmsr(struct vcpu *v)
{
	uint32_t msr = (uint32_t)v->gpr[REG_RCX];

	if (msr == MSR_TSC_DEADLINE && likely(v->has_tsc_deadline)) {
		lapic_tsc_deadline_write(v->lapic, edx_eax(v));
	} else if (msr != MSR_X2APIC_EOI || v->pv_eoi_offered ||
		   lapic_msr_write(v->lapic, msr, edx_eax(v))) {
		return false;
	}
	exit_skip_insn(vmcs_read_here(VMCS_EXIT_INSN_LEN));
	return exit_fast_touched(v, REASON_WRMSR);
}
