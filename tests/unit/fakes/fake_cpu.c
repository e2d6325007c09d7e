// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The processor of host tests: registers that are variables, and weak
 * defaults of what a test may want to play itself.
 */
#include <sched.h>

#include "kernel/lib/x86.h"
#include "vmx/vmx_insn.h"

#define WEAK __attribute__((weak))

WEAK uint64_t fake_cr0, fake_cr4, fake_xcr0;
_Thread_local uint64_t fake_cr2, fake_cr3, fake_dr[8];
_Thread_local bool fake_irqs_off;
void (*fake_before_irqs_off)(void);

WEAK struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf;
	(void)subleaf;
	return (struct cpuid_regs){ 0 };
}

WEAK uint64_t rdmsr(uint32_t msr)
{
	(void)msr;
	return 0;
}

WEAK void wrmsr(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
}

WEAK uint32_t fake_port_read(uint16_t port, unsigned nbytes)
{
	(void)port;
	return nbytes >= 4 ? UINT32_MAX : (1u << 8 * nbytes) - 1;
}

WEAK void fake_port_write(uint16_t port, unsigned nbytes, uint32_t v)
{
	(void)port;
	(void)nbytes;
	(void)v;
}

WEAK void cpu_pause(void)
{
	sched_yield();
}

WEAK void cpu_halt(void)
{
	sched_yield();
}

WEAK void irq_enable_and_halt(void)
{
	irq_enable();
	cpu_halt();
}

/* ---- VMX ---- */

_Thread_local struct fake_vmcs fake_vmcs;
WEAK unsigned fake_nr_vmxon;
WEAK int fake_vmxon_result;
WEAK bool fake_in_vmx, fake_smm_holds_vmx;
WEAK void (*fake_before_vmxon)(void);

WEAK void vmcs_not_ours(void)
{
	panic("a VMCS that is not the thread's own");
}

WEAK void fake_vmclear(uint64_t region)
{
	if (fake_vmcs.region == region)
		fake_vmcs.region = 0;
}

WEAK void fake_vmptrld(uint64_t region)
{
	fake_vmcs.region = region;
}

WEAK void fake_invept(uint64_t type, uint64_t eptp)
{
	(void)type;
	(void)eptp;
}

WEAK void fake_invvpid(uint64_t type, uint64_t vpid)
{
	(void)type;
	(void)vpid;
}
