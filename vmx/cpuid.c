/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID policy: what a guest sees of the processor. Built once for each vCPU
 * from the host's answers through allow-masks: a feature is offered only if it
 * is listed here as working in a guest.
 *
 * Invariant: cr4_allowed, efer_allowed and xcr0_allowed follow from the
 * offered features. Source: SDM Vol. 2, "CPUID"; KVM leaves: Linux
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "guest-stubs/abi.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "vmx/cpuid_names.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

/* Leaf 1: no VMX, SMX, MWAIT, thermal, debug store, perfmon (PDCM). */
#define L1_ECX_ALLOW                                                           \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) |    \
	 BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | \
	 BIT(30))
#define L1_ECX_X2APIC	    BIT(21)
#define L1_ECX_TSC_DEADLINE BIT(24)
#define L1_ECX_OSXSAVE	    BIT(27)
#define L1_ECX_HYPERVISOR   BIT(31)
#define L1_EDX_ALLOW	    0x078bfbffu
#define L1_EDX_APIC	    BIT(9)
#define L1_EDX_HTT	    BIT(28)

/*
 * Leaf 7: FSGSBASE TSC_ADJUST BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512*
 * RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. No HLE/RTM, MPX, PT, SGX, RDT.
 */
#define L7_EBX_ALLOW                                                           \
	(BIT(0) | BIT(1) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) |        \
	 BIT(10) | BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | \
	 BIT(23) | BIT(24) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | \
	 BIT(31))
#define L7_ECX_ALLOW                                                           \
	(BIT(1) | BIT(2) | BIT(3) | BIT(6) | BIT(8) | BIT(9) | BIT(10) |       \
	 BIT(11) | BIT(12) | BIT(14) | BIT(22))
#define L7_ECX_PKU   BIT(3)
#define L7_ECX_OSPKE BIT(4)
#define L7_ECX_RDPID BIT(22)
/* AVX512_4VNNIW, 4FMAPS, FSRM, VP2INTERSECT. */
#define L7_EDX_ALLOW (BIT(2) | BIT(3) | BIT(4) | BIT(8))

#define LD1_EAX_ALLOW  7u /* XSAVEOPT, XSAVEC, XGETBV(1); no XSAVES */
#define LD1_EAX_XSAVEC 2u
#define LE1_ECX_ALLOW  0x121u /* LAHF, LZCNT(ABM), PREFETCHW */
/* SYSCALL NX 1GPAGES RDTSCP LM, and on AMD-style leaves nothing else. */
#define LE1_EDX_ALLOW (BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29))

#define KVM_FEATURES_EAX                                                       \
	(BIT(0) |		       /* CLOCKSOURCE */                       \
	 BIT(1) |		       /* NOP_IO_DELAY */                      \
	 BIT(3) |		       /* CLOCKSOURCE2 */                      \
	 KVM_FEATURE_PV_EOI | BIT(24)) /* CLOCKSOURCE_STABLE */

static struct cpuid_entry *add(struct vcpu *v, uint32_t leaf, uint32_t sub,
			       bool has_sub, struct cpuid_regs r)
{
	struct cpuid_entry *e = &v->cpuid[v->nr_cpuid];

	BUG_ON(v->nr_cpuid == CPUID_MAX_ENTRIES);
	if (leaf < CPUID_DIRECT && v->cpuid_first[leaf] == 0xff)
		v->cpuid_first[leaf] = (uint8_t)v->nr_cpuid;
	v->nr_cpuid++;
	*e = (struct cpuid_entry){ leaf, sub, has_sub, r };
	return e;
}

static struct cpuid_entry *entry(struct vcpu *v, uint32_t leaf, uint32_t sub)
{
	uint32_t i = 0;

	if (leaf < CPUID_DIRECT) {
		i = v->cpuid_first[leaf];
		if (i == 0xff)
			return NULL;
	}
	for (; i < v->nr_cpuid; i++) {
		struct cpuid_entry *e = &v->cpuid[i];

		if (e->leaf == leaf && (!e->has_subleaf || e->subleaf == sub))
			return e;
		if (leaf < CPUID_DIRECT && e->leaf != leaf)
			return NULL;
	}
	return NULL;
}

static void add_leaf1(struct vcpu *v)
{
	struct cpuid_regs r = cpuid(1, 0);
	uint32_t n = v->vm->cfg->vcpus;

	r.ebx = (r.ebx & 0xffffu) | (n & 0xff) << 16 | v->index << 24;
	r.ecx = (uint32_t)((r.ecx & L1_ECX_ALLOW) | L1_ECX_X2APIC |
			   L1_ECX_TSC_DEADLINE | L1_ECX_HYPERVISOR);
	r.edx = (uint32_t)((r.edx & L1_EDX_ALLOW) | (n > 1 ? L1_EDX_HTT : 0));
	add(v, 1, 0, false, r);
}

/* Deterministic cache parameters, without the host's sharing. */
static void add_leaf4(struct vcpu *v)
{
	struct cpuid_regs r;
	uint32_t sub;

	for (sub = 0; sub < 8; sub++) {
		r = cpuid(4, sub);
		r.eax &= 0x3fffu;
		add(v, 4, sub, true, r);
		if ((r.eax & 31) == 0)
			return;
	}
}

static void add_leaf7(struct vcpu *v)
{
	struct cpuid_regs r = cpuid(7, 0);

	r.eax = 0;
	r.ebx = (uint32_t)((r.ebx & L7_EBX_ALLOW) | BIT(1));
	if (!(vmx_controls.cpu2 & CPU2_INVPCID))
		r.ebx &= (uint32_t)~BIT(10);
	r.ecx &= (uint32_t)L7_ECX_ALLOW;
	r.edx &= (uint32_t)L7_EDX_ALLOW;
	add(v, 7, 0, true, r);
}

/* Extended topology: all vCPUs are cores of one package. */
static void add_topology(struct vcpu *v)
{
	struct cpuid_regs thread = { 0, 1, 1u << 8, v->index };
	uint32_t n = v->vm->cfg->vcpus, shift = 0;
	struct cpuid_regs core = { 0, n, 2u << 8 | 1, v->index };
	struct cpuid_regs end = { 0, 0, 2, v->index };

	while ((1u << shift) < n)
		shift++;
	core.eax = shift;
	add(v, 0xb, 0, true, thread);
	add(v, 0xb, 1, true, core);
	add(v, 0xb, 2, true, end);
}

static void add_xsave(struct vcpu *v)
{
	uint64_t all = vmx_controls.xcr0_host;
	struct cpuid_regs r = { (uint32_t)all, 576, vmx_controls.xsave_nbytes,
				(uint32_t)(all >> 32) };
	uint32_t i;

	v->xcr0_allowed = all;
	if (!all)
		return;
	add(v, 0xd, 0, true, r);
	r = (struct cpuid_regs){ cpuid(0xd, 1).eax & LD1_EAX_ALLOW, 0, 0, 0 };
	if (!vmx_controls.xsavec)
		r.eax &= ~LD1_EAX_XSAVEC;
	add(v, 0xd, 1, true, r);
	for (i = 2; i < 10; i++)
		if (all & BIT(i)) {
			r = cpuid(0xd, i);
			r.ecx &= ~1u;
			add(v, 0xd, i, true, r);
		}
}

static void add_hypervisor(struct vcpu *v)
{
	static const char ours[12] = "AerostatVMM", kvm[12] = "KVMKVMKVM";
	struct cpuid_regs r = { AEROSTAT_CPUID_FEATURES, 0, 0, 0 };

	memcpy(&r.ebx, ours, 4);
	memcpy(&r.ecx, ours + 4, 4);
	memcpy(&r.edx, ours + 8, 4);
	add(v, AEROSTAT_CPUID_BASE, 0, false, r);
	r = (struct cpuid_regs){ AEROSTAT_ABI_VERSION, AEROSTAT_FEATURES, 0,
				 0 };
	add(v, AEROSTAT_CPUID_FEATURES, 0, false, r);
	r.eax = AEROSTAT_CPUID_KVM + 0x10;
	memcpy(&r.ebx, kvm, 4);
	memcpy(&r.ecx, kvm + 4, 4);
	memcpy(&r.edx, kvm + 8, 4);
	add(v, AEROSTAT_CPUID_KVM, 0, false, r);
	r = (struct cpuid_regs){ (uint32_t)KVM_FEATURES_EAX, 0, 0, 0 };
	add(v, AEROSTAT_CPUID_KVM + 1, 0, false, r);
	/* TSC and APIC timer rate in kHz, as VMware and KVM report them. */
	r = (struct cpuid_regs){ (uint32_t)tsc_khz, 1000000, 0, 0 };
	add(v, AEROSTAT_CPUID_KVM + 0x10, 0, false, r);
}

static void add_extended(struct vcpu *v)
{
	uint32_t max_leaf = cpuid(0x80000000u, 0).eax, leaf;
	struct cpuid_regs r = { 0 };

	max_leaf = min(max_leaf, 0x80000008u);
	r = cpuid(0x80000000u, 0);
	r.eax = max_leaf;
	add(v, 0x80000000u, 0, false, r);
	r = cpuid(0x80000001u, 0);
	r.ecx &= LE1_ECX_ALLOW;
	r.edx &= (uint32_t)LE1_EDX_ALLOW;
	/* SYSCALL reads as absent on Intel outside 64-bit mode. */
	r.edx |= (uint32_t)BIT(11);
	if (!(vmx_controls.cpu2 & CPU2_RDTSCP))
		r.edx &= (uint32_t)~BIT(27);
	add(v, 0x80000001u, 0, false, r);
	for (leaf = 0x80000002u; leaf <= 0x80000006u && leaf <= max_leaf;
	     leaf++)
		add(v, leaf, 0, false, cpuid(leaf, 0));
	/* Invariant TSC: constant for the life of a VM. */
	r = (struct cpuid_regs){ 0, 0, 0,
				 cpuid(0x80000007u, 0).edx & (uint32_t)BIT(8) };
	if (max_leaf >= 0x80000007u)
		add(v, 0x80000007u, 0, false, r);
	if (max_leaf >= 0x80000008u) {
		r = cpuid(0x80000008u, 0);
		add(v, 0x80000008u, 0, false,
		    (struct cpuid_regs){ r.eax & 0xffffu, 0, 0, 0 });
	}
}

static bool has(struct vcpu *v, uint32_t leaf, unsigned reg, unsigned bit)
{
	struct cpuid_entry *e = entry(v, leaf, 0);

	return e && (((const uint32_t *)&e->regs)[reg] >> bit & 1);
}

enum { EAX, EBX, ECX, EDX };

static const struct {
	uint32_t leaf;
	unsigned reg, bit;
	uint64_t cr4;
} cr4_features[] = {
	{ 1, EDX, 1, CR4_VME | CR4_PVI },
	{ 1, EDX, 2, CR4_DE },
	{ 1, EDX, 3, CR4_PSE },
	{ 1, EDX, 4, CR4_TSD },
	{ 1, EDX, 6, CR4_PAE },
	{ 1, EDX, 7, CR4_MCE },
	{ 1, EDX, 13, CR4_PGE },
	{ 1, EDX, 24, CR4_OSFXSR | CR4_OSXMMEXCPT },
	{ 1, ECX, 17, CR4_PCIDE },
	{ 1, ECX, 26, CR4_OSXSAVE },
	{ 7, EBX, 0, CR4_FSGSBASE },
	{ 7, EBX, 7, CR4_SMEP },
	{ 7, EBX, 20, CR4_SMAP },
	{ 7, ECX, 2, CR4_UMIP },
	{ 7, ECX, 3, CR4_PKE },
};

/* One control is RDTSCP's and RDPID's (SDM, "Enable RDTSCP"). */
static void refuse_tsc_aux(struct vcpu *v)
{
	v->cpu2_refused |= CPU2_RDTSCP;
	entry(v, 7, 0)->regs.ecx &= (uint32_t)~L7_ECX_RDPID;
}

static void derive_allowed(struct vcpu *v)
{
	size_t i;

	v->cr4_allowed = CR4_PCE;
	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (has(v, cr4_features[i].leaf, cr4_features[i].reg,
			cr4_features[i].bit))
			v->cr4_allowed |= cr4_features[i].cr4;
	v->cr4_allowed &= vmx_controls.cr4_fixed1;
	v->efer_allowed = EFER_SCE | EFER_LME;
	if (has(v, 0x80000001u, EDX, 20))
		v->efer_allowed |= EFER_NXE;
	v->cpu2_refused = 0;
	if (!has(v, 7, EBX, 10))
		v->cpu2_refused |= CPU2_INVPCID;
	if (!has(v, 0x80000001u, EDX, 27))
		refuse_tsc_aux(v);
	v->has_tsc_deadline = has(v, 1, ECX, 24);
	if (!v->has_tsc_deadline)
		lapic_refuse_tsc_deadline(v->lapic);
	v->has_tsc_adjust = has(v, 7, EBX, 1);
	if (!has(v, 1, ECX, 21))
		lapic_refuse_x2apic(v->lapic);
}

/* cpu.hide: features that the administrator took away by name. */
static void hide_features(struct vcpu *v)
{
	const char *s = v->vm->cfg->cpu_hide;
	const struct cpuid_name *n;
	struct cpuid_entry *e;

	while ((n = cpuid_name_next(&s)) != NULL) {
		e = entry(v, n->leaf, 0);
		if (e)
			((uint32_t *)&e->regs)[n->reg] &= ~(1u << n->bit);
	}
}

void cpuid_policy_init(struct vcpu *v)
{
	struct cpuid_regs r = cpuid(0, 0);

	v->nr_cpuid = 0;
	memset(v->cpuid_first, 0xff, sizeof(v->cpuid_first));
	r.eax = min(r.eax, 0xdu);
	add(v, 0, 0, false, r);
	add_leaf1(v);
	add(v, 2, 0, false, cpuid(2, 0));
	add_leaf4(v);
	/* ARAT: the local APIC timer never stops. */
	add(v, 6, 0, false, (struct cpuid_regs){ 4, 0, 0, 0 });
	add_leaf7(v);
	add_topology(v);
	add_xsave(v);
	add_hypervisor(v);
	add_extended(v);
	hide_features(v);
	derive_allowed(v);
}

/* Size of the XSAVE area for the components in xcr0, standard format. */
static uint32_t xsave_size(struct vcpu *v, uint64_t xcr0)
{
	uint32_t size = 576, i;

	for (i = 2; i < 10; i++) {
		struct cpuid_entry *e = entry(v, 0xd, i);

		if (e && (xcr0 & BIT(i)))
			size = max(size, e->regs.eax + e->regs.ebx);
	}
	return size;
}

static uint32_t xsavec_size(struct vcpu *v, uint64_t xcr0)
{
	uint32_t size = 576, i;

	for (i = 2; i < 10; i++) {
		struct cpuid_entry *e = entry(v, 0xd, i);

		if (!e || !(xcr0 & BIT(i)))
			continue;
		if (e->regs.ecx & 2) /* aligned to 64 in compacted form */
			size = (uint32_t)round_up(size, 64);
		size += e->regs.eax;
	}
	return size;
}

void cpuid_policy_update(struct vcpu *v)
{
	uint64_t cr4 = vmcs_read(VMCS_GUEST_CR4);
	struct cpuid_entry *e = entry(v, 1, 0);

	e->regs.ecx &= (uint32_t)~L1_ECX_OSXSAVE;
	if (cr4 & CR4_OSXSAVE)
		e->regs.ecx |= (uint32_t)L1_ECX_OSXSAVE;
	e->regs.edx &= (uint32_t)~L1_EDX_APIC;
	if (lapic_is_on(v->lapic))
		e->regs.edx |= (uint32_t)L1_EDX_APIC;
	e = entry(v, 7, 0);
	e->regs.ecx &= (uint32_t)~L7_ECX_OSPKE;
	if (cr4 & CR4_PKE)
		e->regs.ecx |= (uint32_t)L7_ECX_OSPKE;
	e = entry(v, 0xd, 0);
	if (!e)
		return;
	e->regs.ebx = xsave_size(v, v->lazy.xcr0);
	e = entry(v, 0xd, 1);
	if (e->regs.eax & 2)
		e->regs.ebx = xsavec_size(v, v->lazy.xcr0);
}

static bool is_beyond_extended(struct vcpu *v, uint32_t leaf)
{
	const struct cpuid_entry *e = entry(v, 0x80000000u, 0);

	return leaf >= 0x80000000u && e && leaf > e->regs.eax;
}

struct cpuid_regs cpuid_policy_get(struct vcpu *v, uint32_t leaf,
				   uint32_t subleaf)
{
	struct cpuid_entry *e = entry(v, leaf, subleaf);
	struct cpuid_regs none = { 0, 0, 0, 0 };

	if (e)
		return e->regs;
	/* The topology leaf answers every level with the APIC ID. */
	if (leaf == 0xb)
		return (struct cpuid_regs){ 0, 0, subleaf & 0xff, v->index };
	if ((leaf < 0x40000000u && leaf > v->cpuid[0].regs.eax) ||
	    is_beyond_extended(v, leaf)) {
		/* SDM: beyond the last leaf, the last basic one answers. */
		e = entry(v, v->cpuid[0].regs.eax, subleaf);
		return e ? e->regs : none;
	}
	return none;
}

uint64_t cpuid_policy_no_address(struct vcpu *v)
{
	/* SDM Vol. 2, "CPUID": 36 bits where leaf 80000008H is missing. */
	uint32_t bits = cpuid_policy_get(v, 0x80000008u, 0).eax & 0xff;

	return ~(BIT(bits ? bits : 36) - 1);
}

static ALWAYS_INLINE void answer(struct vcpu *v, const struct cpuid_regs *r)
{
	v->gpr[REG_RAX] = r->eax;
	v->gpr[REG_RBX] = r->ebx;
	v->gpr[REG_RCX] = r->ecx;
	v->gpr[REG_RDX] = r->edx;
}

/* With subleaves, or beyond the basic ones: looked for, never far. */
static NOINLINE bool cpuid_of_many(struct vcpu *v)
{
	struct cpuid_regs r = cpuid_policy_get(v, (uint32_t)v->gpr[REG_RAX],
					       (uint32_t)v->gpr[REG_RCX]);

	answer(v, &r);
	return exit_fast_skip(v, REASON_CPUID);
}

bool fast_cpuid(struct vcpu *v)
{
	uint32_t leaf = (uint32_t)v->gpr[REG_RAX];
	const struct cpuid_entry *e;

	if (unlikely(leaf >= CPUID_DIRECT || v->cpuid_first[leaf] == 0xff))
		return cpuid_of_many(v);
	e = &v->cpuid[v->cpuid_first[leaf]];
	if (unlikely(e->has_subleaf))
		return cpuid_of_many(v);
	answer(v, &e->regs);
	return exit_fast_skip(v, REASON_CPUID);
}
