/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor seen from C: instructions without a C spelling, control
 * register and RFLAGS bits, and the MSRs that the host itself uses. VMX
 * instructions are not here (vmx/vmx_insn.h).
 */
#ifndef KERNEL_X86_H
#define KERNEL_X86_H

#include "kernel/lib/compiler.h"

/* Selectors of the hypervisor's GDT (kernel/cpu/gdt.c). */
#define SEL_KERNEL_CS 0x08u
#define SEL_KERNEL_DS 0x10u
#define SEL_TSS	      0x18u /* two slots */

#define RFLAGS_CF BIT(0)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME	       BIT(0)
#define CR4_PVI	       BIT(1)
#define CR4_TSD	       BIT(2)
#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_PGE	       BIT(7)
#define CR4_PCE	       BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE	       BIT(22)

#define MSR_APIC_BASE	  0x1bu
#define MSR_TSC_DEADLINE  0x6e0u
#define MSR_MTRRCAP	  0xfeu
#define MSR_SYSENTER_CS	  0x174u
#define MSR_SYSENTER_ESP  0x175u
#define MSR_SYSENTER_EIP  0x176u
#define MSR_MCG_CAP	  0x179u
#define MSR_MCG_STATUS	  0x17au
#define MSR_MCG_CTL	  0x17bu
#define MSR_MISC_ENABLE	  0x1a0u
#define MSR_PAT		  0x277u
#define MSR_MC0_CTL	  0x400u
#define MSR_MC0_STATUS	  0x401u
#define MSR_X2APIC	  0x800u /* + enum apic_reg */
#define MSR_X2APIC_EOI	  0x80bu
#define MSR_EFER	  0xc0000080u
#define MSR_STAR	  0xc0000081u
#define MSR_LSTAR	  0xc0000082u
#define MSR_CSTAR	  0xc0000083u
#define MSR_SFMASK	  0xc0000084u
#define MSR_FS_BASE	  0xc0000100u
#define MSR_GS_BASE	  0xc0000101u
#define MSR_KERNELGS_BASE 0xc0000102u
#define MSR_TSC_AUX	  0xc0000103u

#define APIC_BASE_BSP	 BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

/*
 * As rdmsr/wrmsr for an MSR that may not exist: false if the instruction
 * faulted (fixed up by kernel/cpu/trap.c).
 */
MUST_CHECK bool rdmsr_safe(uint32_t msr, uint64_t *value);
MUST_CHECK bool wrmsr_safe(uint32_t msr, uint64_t value);

static inline uint64_t xgetbv(uint32_t xcr)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(xcr));
	return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv(uint32_t xcr, uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(xcr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

#define X86_DEFINE_CR(n)                                                       \
	static inline uint64_t read_cr##n(void)                                \
	{                                                                      \
		uint64_t v;                                                    \
                                                                               \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory"); \
		return v;                                                      \
	}                                                                      \
	static inline void write_cr##n(uint64_t v)                             \
	{                                                                      \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");     \
	}

X86_DEFINE_CR(0)
X86_DEFINE_CR(2)
X86_DEFINE_CR(3)
X86_DEFINE_CR(4)
X86_DEFINE_CR(8)

#define X86_DEFINE_DR(n)                                                       \
	static inline uint64_t read_dr##n(void)                                \
	{                                                                      \
		uint64_t v;                                                    \
                                                                               \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(v));              \
		return v;                                                      \
	}                                                                      \
	static inline void write_dr##n(uint64_t v)                             \
	{                                                                      \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(v));                \
	}

X86_DEFINE_DR(0)
X86_DEFINE_DR(1)
X86_DEFINE_DR(2)
X86_DEFINE_DR(3)
X86_DEFINE_DR(6)
X86_DEFINE_DR(7)

static inline void invlpg(const void *p)
{
	__asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* Lets pending interrupts in, then shuts the door again. */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

static inline uint64_t read_rflags(void)
{
	uint64_t f;

	__asm__ volatile("pushfq; popq %0" : "=r"(f) : : "memory");
	return f;
}

/* Interrupts off; returns the flags for irq_restore(). */
static inline uint64_t irq_save(void)
{
	uint64_t f = read_rflags();

	irq_disable();
	return f;
}

static inline void irq_restore(uint64_t rflags)
{
	if (rflags & RFLAGS_IF)
		irq_enable();
}

static inline bool irqs_enabled(void)
{
	return read_rflags() & RFLAGS_IF;
}

/* Sleeps until an interrupt; for ever if they are off (NMI apart). */
static inline void cpu_halt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

/* Interrupts off at the call, on afterwards; none is lost in between. */
static inline void irq_enable_and_halt(void)
{
	/* `sti` lets interrupts in only after `hlt` has begun. */
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

#endif
