/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A processor made of tables, for host tests. */
#ifndef KERNEL_X86_H
#define KERNEL_X86_H

#include "../../../../../kernel/lib/compiler.h"

#define CR4_VMXE    BIT(13)
#define CR4_OSXSAVE BIT(18)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* The test defines these. */
struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t rdmsr(uint32_t msr);
bool rdmsr_safe(uint32_t msr, uint64_t *value);
bool wrmsr_safe(uint32_t msr, uint64_t value);
extern uint64_t fake_cr0, fake_cr4, fake_xcr0;

static inline uint64_t read_cr0(void)
{
	return fake_cr0;
}

static inline void write_cr0(uint64_t v)
{
	fake_cr0 = v;
}

static inline uint64_t read_cr4(void)
{
	return fake_cr4;
}

static inline void write_cr4(uint64_t v)
{
	fake_cr4 = v;
}

/* Nothing is at the ports. */
static inline uint32_t inl(uint16_t port)
{
	(void)port;
	return UINT32_MAX;
}

static inline void outw(uint16_t port, uint16_t v)
{
	(void)port;
	(void)v;
}

static inline void outb(uint16_t port, uint8_t v)
{
	(void)port;
	(void)v;
}

/* There is nothing that could interrupt a test. */
static inline uint64_t irq_save(void)
{
	return 0;
}

static inline void irq_restore(uint64_t rflags)
{
	(void)rflags;
}

static inline void cpu_pause(void)
{
}

static inline void xsetbv(uint32_t xcr, uint64_t v)
{
	(void)xcr;
	fake_xcr0 = v;
}

#endif
