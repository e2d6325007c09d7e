/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor made of variables, for host tests: the product's constants, and
 * its functions under other names. fake_cpu.c has weak defaults of what is
 * only declared here.
 */
#ifndef FAKES_KERNEL_X86_H
#define FAKES_KERNEL_X86_H

#define cpuid		    hardware_cpuid
#define rdmsr		    hardware_rdmsr
#define wrmsr		    hardware_wrmsr
#define xgetbv		    hardware_xgetbv
#define xsetbv		    hardware_xsetbv
#define read_cr0	    hardware_read_cr0
#define read_cr2	    hardware_read_cr2
#define read_cr3	    hardware_read_cr3
#define read_cr4	    hardware_read_cr4
#define write_cr0	    hardware_write_cr0
#define write_cr2	    hardware_write_cr2
#define write_cr3	    hardware_write_cr3
#define write_cr4	    hardware_write_cr4
#define read_dr0	    hardware_read_dr0
#define read_dr1	    hardware_read_dr1
#define read_dr2	    hardware_read_dr2
#define read_dr3	    hardware_read_dr3
#define read_dr6	    hardware_read_dr6
#define read_dr7	    hardware_read_dr7
#define write_dr0	    hardware_write_dr0
#define write_dr1	    hardware_write_dr1
#define write_dr2	    hardware_write_dr2
#define write_dr3	    hardware_write_dr3
#define write_dr6	    hardware_write_dr6
#define write_dr7	    hardware_write_dr7
#define invlpg		    hardware_invlpg
#define cpu_pause	    hardware_cpu_pause
#define irq_disable	    hardware_irq_disable
#define irq_enable	    hardware_irq_enable
#define irq_window	    hardware_irq_window
#define irq_save	    hardware_irq_save
#define irq_restore	    hardware_irq_restore
#define irqs_enabled	    hardware_irqs_enabled
#define cpu_halt	    hardware_cpu_halt
#define irq_enable_and_halt hardware_irq_enable_and_halt
#define outb		    hardware_outb
#define outw		    hardware_outw
#define outl		    hardware_outl
#define inb		    hardware_inb
#define inw		    hardware_inw
#define inl		    hardware_inl
#include "../../../../../kernel/lib/x86.h"
#undef cpuid
#undef rdmsr
#undef wrmsr
#undef xgetbv
#undef xsetbv
#undef read_cr0
#undef read_cr2
#undef read_cr3
#undef read_cr4
#undef write_cr0
#undef write_cr2
#undef write_cr3
#undef write_cr4
#undef read_dr0
#undef read_dr1
#undef read_dr2
#undef read_dr3
#undef read_dr6
#undef read_dr7
#undef write_dr0
#undef write_dr1
#undef write_dr2
#undef write_dr3
#undef write_dr6
#undef write_dr7
#undef invlpg
#undef cpu_pause
#undef irq_disable
#undef irq_enable
#undef irq_window
#undef irq_save
#undef irq_restore
#undef irqs_enabled
#undef cpu_halt
#undef irq_enable_and_halt
#undef outb
#undef outw
#undef outl
#undef inb
#undef inw
#undef inl

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
/* Ports: reads are all ones, writes go nowhere. */
uint32_t fake_port_read(uint16_t port, unsigned nbytes);
void fake_port_write(uint16_t port, unsigned nbytes, uint32_t v);
/* What a waiting CPU does: gives its host thread's time to the others. */
void cpu_pause(void);
void cpu_halt(void);
void irq_enable_and_halt(void);

extern uint64_t fake_cr0, fake_cr4, fake_xcr0;
extern _Thread_local uint64_t fake_cr2, fake_cr3, fake_dr[8];
extern _Thread_local bool fake_irqs_off;

#define FAKE_REG(name, var)                                                    \
	static inline uint64_t read_##name(void)                               \
	{                                                                      \
		return var;                                                    \
	}                                                                      \
	static inline void write_##name(uint64_t v)                            \
	{                                                                      \
		var = v;                                                       \
	}

FAKE_REG(cr0, fake_cr0)
FAKE_REG(cr2, fake_cr2)
FAKE_REG(cr3, fake_cr3)
FAKE_REG(cr4, fake_cr4)
FAKE_REG(dr0, fake_dr[0])
FAKE_REG(dr1, fake_dr[1])
FAKE_REG(dr2, fake_dr[2])
FAKE_REG(dr3, fake_dr[3])
FAKE_REG(dr6, fake_dr[6])
FAKE_REG(dr7, fake_dr[7])

static inline void xsetbv(uint32_t xcr, uint64_t v)
{
	(void)xcr;
	fake_xcr0 = v;
}

static inline uint64_t xgetbv(uint32_t xcr)
{
	(void)xcr;
	return fake_xcr0;
}

static inline void invlpg(const void *p)
{
	(void)p;
}

/* If set: what happened to this CPU before it shut interrupts out. */
extern void (*fake_before_irqs_off)(void);

static inline void irq_disable(void)
{
	if (fake_before_irqs_off)
		fake_before_irqs_off();
	fake_irqs_off = true;
}

static inline void irq_enable(void)
{
	fake_irqs_off = false;
}

static inline void irq_window(void)
{
}

static inline bool irqs_enabled(void)
{
	return !fake_irqs_off;
}

static inline uint64_t irq_save(void)
{
	bool off = fake_irqs_off;

	fake_irqs_off = true;
	return off ? 0 : RFLAGS_IF;
}

static inline void irq_restore(uint64_t rflags)
{
	fake_irqs_off = !(rflags & RFLAGS_IF);
}

static inline uint8_t inb(uint16_t port)
{
	return (uint8_t)fake_port_read(port, 1);
}

static inline uint16_t inw(uint16_t port)
{
	return (uint16_t)fake_port_read(port, 2);
}

static inline uint32_t inl(uint16_t port)
{
	return fake_port_read(port, 4);
}

static inline void outb(uint16_t port, uint8_t v)
{
	fake_port_write(port, 1, v);
}

static inline void outw(uint16_t port, uint16_t v)
{
	fake_port_write(port, 2, v);
}

static inline void outl(uint16_t port, uint32_t v)
{
	fake_port_write(port, 4, v);
}

#endif
