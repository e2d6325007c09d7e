/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filling a VMCS: controls, host state, guest state. All calls need the VMCS
 * current on this CPU and interrupts off.
 *
 * Source: SDM Vol. 3, "VM Entries" (checks on controls, host and guest state)
 * and "Processor State After Reset".
 */
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/percpu.h"
#include "vmx/ept.h"
#include "vmx/msr_index.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

/*
 * #DB and #AC: a guest that makes them while delivering them would keep the
 * processor in microcode for ever (CVE-2015-5307, CVE-2015-8104). #MC is
 * the host's.
 */
#define EXCEPTIONS_INTERCEPTED (BIT(1) | BIT(17) | BIT(18))

/* CR0 bits that exit when the guest changes them. */
#define CR0_HOST_OWNED                                                         \
	(~(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM | CR0_PG))
/* CR4 bits that the guest may flip without an exit, if it has them. */
#define CR4_GUEST_OWNED                                                        \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE |  \
	 CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_SMEP |    \
	 CR4_SMAP)

void vmcs_setup_controls(struct vcpu *v)
{
	const struct vmx_controls *c = &vmx_controls;

	vmcs_write(VMCS_PIN_CONTROLS, c->pin);
	v->cpu_controls = c->cpu;
	vmcs_write(VMCS_CPU_CONTROLS, c->cpu);
	vmcs_write(VMCS_CPU2_CONTROLS, c->cpu2 & ~v->cpu2_refused);
	vmcs_write(VMCS_EXIT_CONTROLS, c->exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, c->entry);
	vmcs_write(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_INTERCEPTED);
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_MSR_BITMAP, hpa_of(v->msr_bitmap).raw);
	vmcs_write(VMCS_TSC_OFFSET, v->vm->tsc_offset);
	vmcs_write(VMCS_EPTP, v->vm->s2->eptp);
	vmcs_write(VMCS_VPID, v->vpid);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(VMCS_CR0_MASK, CR0_HOST_OWNED);
	vmcs_write(VMCS_CR4_MASK, ~(CR4_GUEST_OWNED & v->cr4_allowed));
}

static void setup_host_common(void)
{
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_CS_SEL, SEL_KERNEL_CS);
	vmcs_write(VMCS_HOST_SS_SEL, SEL_KERNEL_DS);
	vmcs_write(VMCS_HOST_DS_SEL, 0);
	vmcs_write(VMCS_HOST_ES_SEL, 0);
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
}

struct PACKED table_register {
	uint16_t limit;
	uint64_t base;
};

/* Base of a 16-byte TSS descriptor (SDM, "TSS Descriptor in 64-bit mode"). */
static uint64_t tss_base(uint64_t gdt_base, uint16_t selector)
{
	const uint64_t *d = (const uint64_t *)(gdt_base + (selector & ~7u));

	return (d[0] >> 16 & 0xffffff) | (d[0] >> 56 & 0xff) << 24 | d[1] << 32;
}

void vmcs_setup_host_cpu(void)
{
	struct table_register gdt, idt;
	uint16_t tr;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("sidt %0" : "=m"(idt));
	__asm__ volatile("str %0" : "=r"(tr));
	setup_host_common();
	vmcs_write(VMCS_HOST_TR_SEL, tr);
	vmcs_write(VMCS_HOST_GS_BASE, (uint64_t)this_cpu());
	vmcs_write(VMCS_HOST_TR_BASE, tss_base(gdt.base, tr));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
}

struct segment {
	uint16_t sel;
	uint32_t limit, ar;
	uint64_t base;
};

/* The fields of a segment register are two encodings apart. */
static void write_segment(unsigned i, const struct segment *s)
{
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SEL + 2 * i), s->sel);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + 2 * i), s->limit);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_AR + 2 * i), s->ar);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + 2 * i), s->base);
}

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

#define AR_CODE64   0xa09bu /* present, accessed, L, G */
#define AR_CODE32   0xc09bu
#define AR_DATA32   0xc093u
#define AR_CODE16   0x009bu
#define AR_DATA16   0x0093u
#define AR_TSS_BUSY 0x008bu
#define AR_LDT	    0x0082u

static void setup_guest_common(struct vcpu *v, uint64_t cr0, uint64_t cr4,
			       uint64_t efer)
{
	vmcs_write(VMCS_GUEST_CR0, cr0 | CR0_NE | CR0_ET);
	vmcs_write(VMCS_CR0_SHADOW, cr0 | CR0_ET);
	vmcs_write(VMCS_GUEST_CR4, vcpu_real_cr4(cr4));
	vmcs_write(VMCS_CR4_SHADOW, cr4);
	vmcs_write(VMCS_GUEST_EFER, efer);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_DR7, 0x400);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_ENTRY_CONTROLS,
		   vmx_controls.entry |
			   ((efer & EFER_LMA) ? ENTRY_GUEST_64 : 0));
	write_segment(SEG_LDTR, &(struct segment){ 0, 0xffff, AR_LDT, 0 });
	write_segment(SEG_TR, &(struct segment){ 0, 0xffff, AR_TSS_BUSY, 0 });
	memset(v->gpr, 0, sizeof(v->gpr));
	v->inject.info = 0;
	v->irq_put_off = 0;
	v->nmi_pending = 0;
	v->halted = false;
	cpuid_policy_update(v);
}

static void setup_flat(const struct start_state *s, uint32_t code_ar)
{
	struct segment code = { s->cs, ~0u, code_ar, 0 };
	struct segment data = { s->ds, ~0u, AR_DATA32, 0 };
	unsigned i;

	for (i = SEG_ES; i <= SEG_GS; i++)
		write_segment(i, i == SEG_CS ? &code : &data);
	vmcs_write(VMCS_GUEST_GDTR_BASE, s->gdt_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0);
}

void vmcs_setup_guest_start(struct vcpu *v, const struct start_state *s)
{
	if (s->mode == START_LONG64) {
		setup_guest_common(v, CR0_PE | CR0_PG, CR4_PAE,
				   EFER_LME | EFER_LMA);
		setup_flat(s, AR_CODE64);
		vmcs_write(VMCS_GUEST_CR3, s->cr3);
	} else {
		setup_guest_common(v, CR0_PE, 0, 0);
		setup_flat(s, AR_CODE32);
		vmcs_write(VMCS_GUEST_CR3, 0);
	}
	vmcs_write(VMCS_GUEST_RIP, s->rip);
	vmcs_write(VMCS_GUEST_RSP, s->rsp);
	v->gpr[REG_RSI] = s->rsi;
	v->gpr[REG_RAX] = s->eax;
	v->gpr[REG_RBX] = s->ebx;
}

void vmcs_setup_guest_reset(struct vcpu *v)
{
	struct segment code = { 0xf000, 0xffff, AR_CODE16, 0xffff0000 };
	struct segment data = { 0, 0xffff, AR_DATA16, 0 };
	uint64_t caches = vmcs_read(VMCS_CR0_SHADOW) & (CR0_NW | CR0_CD);
	unsigned i;

	setup_guest_common(v, CR0_ET | caches, 0, 0);
	/* NW and CD are only the guest's view: its memory stays cached. */
	vmcs_write(VMCS_GUEST_CR0, CR0_NE | CR0_ET);
	for (i = SEG_ES; i <= SEG_GS; i++)
		write_segment(i, i == SEG_CS ? &code : &data);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_CR3, 0);
	vmcs_write(VMCS_GUEST_RIP, 0xfff0);
	vmcs_write(VMCS_GUEST_RSP, 0);
	v->gpr[REG_RDX] = cpuid_policy_get(v, 1, 0).eax;
	/* What it cached while it had paging would be used without. */
	vmx_invvpid(INVVPID_SINGLE, v->vpid);
}

void vmcs_setup_guest_power_on(struct vcpu *v)
{
	/* What INIT leaves alone: MSRs, and CD and NW of CR0. */
	vmcs_write(VMCS_GUEST_PAT, 0x0007040600070406ull);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_CR0_SHADOW, CR0_NW | CR0_CD);
	vmcs_setup_guest_reset(v);
}

void vmcs_setup_guest_sipi(struct vcpu *v, uint8_t vector)
{
	struct segment code = { (uint16_t)(vector << 8), 0xffff, AR_CODE16,
				(uint64_t)vector << 12 };

	(void)v;
	write_segment(SEG_CS, &code);
	vmcs_write(VMCS_GUEST_RIP, 0);
}
