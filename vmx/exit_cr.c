/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers, XCR0 and EFER of the guest: what is checked because the
 * hypervisor owns some of their bits. Source: SDM Vol. 3, "MOV - Move to/from
 * Control Registers" (exceptions) and "Changes to Instruction Behavior in VMX
 * Non-Root Operation".
 */
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define CR0_KNOWN                                                              \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP |        \
	 CR0_AM | CR0_NW | CR0_CD | CR0_PG)

static uint64_t guest_cr0(void)
{
	uint64_t mask = vmcs_read(VMCS_CR0_MASK);

	return (vmcs_read(VMCS_GUEST_CR0) & ~mask) |
	       (vmcs_read(VMCS_CR0_SHADOW) & mask);
}

static uint64_t guest_cr4(void)
{
	uint64_t mask = vmcs_read(VMCS_CR4_MASK);

	return (vmcs_read(VMCS_GUEST_CR4) & ~mask) |
	       (vmcs_read(VMCS_CR4_SHADOW) & mask);
}

/* PAE paging keeps its four PDPTEs in the processor. */
static int load_pdptes(struct vcpu *v, uint64_t cr3)
{
	uint64_t pdpte[4];
	unsigned i;

	if (guest_read(v->gs, gpa(cr3 & 0xffffffe0u), pdpte, sizeof(pdpte)))
		return -EFAULT;
	for (i = 0; i < 4; i++) {
		if ((pdpte[i] & 1) &&
		    (pdpte[i] & (0x1e6 | cpuid_policy_no_address(v))))
			return -EFAULT;
	}
	for (i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i),
			   pdpte[i]);
	return 0;
}

static bool cr0_valid(uint64_t val)
{
	if (val & ~0xffffffffull)
		return false;
	if ((val & CR0_PG) && !(val & CR0_PE))
		return false;
	return !(val & CR0_NW) || (val & CR0_CD);
}

/* Paging goes on or off: long mode becomes active or inactive with it. */
static int set_long_mode(uint64_t old, uint64_t val, uint64_t cr4)
{
	uint64_t efer = vmcs_read(VMCS_GUEST_EFER);
	uint64_t entry = vmcs_read(VMCS_ENTRY_CONTROLS);
	uint32_t cs = vmcs_read32(VMCS_GUEST_CS_AR);

	if (!((old ^ val) & CR0_PG) || !(efer & EFER_LME))
		return 0;
	if ((val & CR0_PG) && (!(cr4 & CR4_PAE) || (cs & AR_LONG)))
		return -EINVAL;
	if (!(val & CR0_PG) && (cs & AR_LONG))
		return -EINVAL;
	if (val & CR0_PG) {
		vmcs_write(VMCS_GUEST_EFER, efer | EFER_LMA);
		vmcs_write(VMCS_ENTRY_CONTROLS, entry | ENTRY_GUEST_64);
	} else {
		vmcs_write(VMCS_GUEST_EFER, efer & ~EFER_LMA);
		vmcs_write(VMCS_ENTRY_CONTROLS,
			   entry & ~(uint64_t)ENTRY_GUEST_64);
	}
	return 0;
}

static int set_cr0(struct vcpu *v, uint64_t val)
{
	uint64_t old = guest_cr0(), cr4 = guest_cr4();

	if (!cr0_valid(val))
		return -EINVAL;
	if (!(val & CR0_PG) && (old & CR0_PG) && (cr4 & CR4_PCIDE))
		return -EINVAL;
	val = (val & CR0_KNOWN) | CR0_ET;
	if (set_long_mode(old, val, cr4))
		return -EINVAL;
	if ((val & CR0_PG) && (cr4 & CR4_PAE) &&
	    !(vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) &&
	    ((old ^ val) & (CR0_PG | CR0_CD | CR0_NW)) &&
	    load_pdptes(v, vmcs_read(VMCS_GUEST_CR3)))
		return -EINVAL;
	vmcs_write(VMCS_CR0_SHADOW, val);
	/* Caches stay on whatever the guest thinks: its RAM is write-back. */
	vmcs_write(VMCS_GUEST_CR0, (val & ~(CR0_CD | CR0_NW)) | CR0_NE);
	if ((old ^ val) & CR0_PG)
		vmx_invvpid(INVVPID_SINGLE, v->vpid);
	return 0;
}

static int set_cr4(struct vcpu *v, uint64_t val)
{
	uint64_t old = guest_cr4(), efer = vmcs_read(VMCS_GUEST_EFER);
	bool paging = (guest_cr0() & CR0_PG) != 0;

	if (val & ~v->cr4_allowed)
		return -EINVAL;
	if ((efer & EFER_LMA) && !(val & CR4_PAE))
		return -EINVAL;
	if ((val & ~old & CR4_PCIDE) &&
	    (!(efer & EFER_LMA) || (vmcs_read(VMCS_GUEST_CR3) & 0xfff)))
		return -EINVAL;
	if (paging && (val & CR4_PAE) && !(efer & EFER_LMA) &&
	    ((old ^ val) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) &&
	    load_pdptes(v, vmcs_read(VMCS_GUEST_CR3)))
		return -EINVAL;
	vmcs_write(VMCS_CR4_SHADOW, val);
	vmcs_write(VMCS_GUEST_CR4, vcpu_real_cr4(val));
	if ((old ^ val) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_PCIDE | CR4_SMEP |
			   CR4_SMAP | CR4_PKE))
		vmx_invvpid(INVVPID_SINGLE, v->vpid);
	if ((old ^ val) & (CR4_OSXSAVE | CR4_PKE))
		cpuid_policy_update(v);
	return 0;
}

static enum exit_action write_cr(struct vcpu *v, unsigned cr, enum reg r)
{
	uint64_t val = vcpu_get_reg(v, r);
	int err = -EINVAL;

	if (!vcpu_runs_64bit_code())
		val &= 0xffffffffu;
	if (cr == 0)
		err = set_cr0(v, val);
	else if (cr == 4)
		err = set_cr4(v, val);
	else if (cr == 8 && val < 16) {
		lapic_set_cr8(v->lapic, val);
		vcpu_request_self(v, VCPU_REQ_EVENT);
		err = 0;
	}
	if (err) {
		inject_gp(v);
		return EXIT_RESUME;
	}
	return EXIT_SKIP_INSN;
}

/* LMSW can set PE but not clear it (SDM, "LMSW"). */
static enum exit_action lmsw(struct vcpu *v, uint64_t src)
{
	uint64_t old = guest_cr0();
	uint64_t val = (old & ~0xeull) | (src & 0xf);

	if (set_cr0(v, val)) {
		inject_gp(v);
		return EXIT_RESUME;
	}
	return EXIT_SKIP_INSN;
}

enum exit_action exit_cr_access(struct vcpu *v)
{
	uint64_t q = vmcs_read(VMCS_EXIT_QUAL);
	unsigned cr = (unsigned)q & 15;
	enum reg r = (enum reg)(q >> 8 & 15);

	switch (q >> 4 & 3) {
	case 0: return write_cr(v, cr, r);
	case 1: /* only CR8 reads exit */
		vcpu_set_reg(v, r, lapic_get_cr8(v->lapic));
		return EXIT_SKIP_INSN;
	case 2: /* CLTS with TS host-owned: it is not */
		vmcs_write(VMCS_GUEST_CR0, vmcs_read(VMCS_GUEST_CR0) & ~CR0_TS);
		return EXIT_SKIP_INSN;
	default: return lmsw(v, q >> 16 & 0xffff);
	}
}

#define XCR0_X87    BIT(0)
#define XCR0_SSE    BIT(1)
#define XCR0_AVX    BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))

/* SDM Vol. 1, "Enabling the XSAVE Feature Set and XSAVE-Enabled Features". */
static bool xcr0_valid(uint64_t val, uint64_t allowed)
{
	if ((val & ~allowed) || !(val & XCR0_X87))
		return false;
	if ((val & XCR0_AVX) && !(val & XCR0_SSE))
		return false;
	if (!(val & XCR0_AVX512))
		return true;
	return (val & XCR0_AVX512) == XCR0_AVX512 && (val & XCR0_AVX);
}

enum exit_action exit_xsetbv(struct vcpu *v)
{
	uint64_t val = (v->gpr[REG_RAX] & 0xffffffffu) | v->gpr[REG_RDX] << 32;

	if ((uint32_t)v->gpr[REG_RCX] != 0 || vcpu_cpl() != 0 ||
	    !xcr0_valid(val, v->xcr0_allowed)) {
		inject_gp(v);
		return EXIT_RESUME;
	}
	v->lazy.xcr0 = val;
	xsetbv(0, val);
	cpuid_policy_update(v);
	return EXIT_SKIP_INSN;
}
