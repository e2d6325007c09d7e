/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a vCPU's state that VM entry and exit do not switch: x87/SSE/AVX,
 * some MSRs, debug registers. It stays in the processor between exits; the
 * hypervisor itself uses none of it (general registers only, no SYSCALL), so
 * threads of other kinds do no harm. When it moves: vmx/vcpu_owner.c.
 */
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/frame.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define DR6_RESET 0xffff0ff0u

static void xsave(struct vcpu *v)
{
	uint64_t all = vmx_controls.xcr0_host;
	uint32_t lo = (uint32_t)all, hi = (uint32_t)(all >> 32);

	if (!all) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(v->xsave) : "memory");
		return;
	}
	/* The guest may have shut a component off that still has content. */
	if (v->lazy.xcr0 != all)
		xsetbv(0, all);
	if (vmx_controls.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)"
				 :
				 : "r"(v->xsave), "a"(lo), "d"(hi)
				 : "memory");
	else
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(v->xsave), "a"(lo), "d"(hi)
				 : "memory");
	if (v->lazy.xcr0 != all)
		xsetbv(0, v->lazy.xcr0);
}

static void xrestore(struct vcpu *v)
{
	uint64_t all = vmx_controls.xcr0_host;
	uint32_t lo = (uint32_t)all, hi = (uint32_t)(all >> 32);

	if (!all) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(v->xsave));
		return;
	}
	xsetbv(0, all);
	__asm__ volatile("xrstor64 (%0)" : : "r"(v->xsave), "a"(lo), "d"(hi));
	if (v->lazy.xcr0 != all)
		xsetbv(0, v->lazy.xcr0);
}

void vcpu_lazy_save(struct vcpu *v)
{
	struct lazy_state *l = &v->lazy;

	xsave(v);
	l->cr2 = read_cr2();
	l->dr0 = read_dr0();
	l->dr1 = read_dr1();
	l->dr2 = read_dr2();
	l->dr3 = read_dr3();
	l->dr6 = read_dr6();
	l->star = rdmsr(MSR_STAR);
	l->lstar = rdmsr(MSR_LSTAR);
	l->cstar = rdmsr(MSR_CSTAR);
	l->sfmask = rdmsr(MSR_SFMASK);
	l->kernel_gs_base = rdmsr(MSR_KERNELGS_BASE);
	if (vmx_controls.cpu2 & CPU2_RDTSCP)
		l->tsc_aux = rdmsr(MSR_TSC_AUX);
}

void vcpu_lazy_restore(struct vcpu *v)
{
	const struct lazy_state *l = &v->lazy;

	xrestore(v);
	write_cr2(l->cr2);
	write_dr0(l->dr0);
	write_dr1(l->dr1);
	write_dr2(l->dr2);
	write_dr3(l->dr3);
	write_dr6(l->dr6);
	wrmsr(MSR_STAR, l->star);
	wrmsr(MSR_LSTAR, l->lstar);
	wrmsr(MSR_CSTAR, l->cstar);
	wrmsr(MSR_SFMASK, l->sfmask);
	wrmsr(MSR_KERNELGS_BASE, l->kernel_gs_base);
	if (vmx_controls.cpu2 & CPU2_RDTSCP)
		wrmsr(MSR_TSC_AUX, l->tsc_aux);
}

int vcpu_state_create(struct vcpu *v)
{
	int err;

	while ((PAGE_SIZE << v->xsave_order) < vmx_controls.xsave_nbytes)
		v->xsave_order++;
	err = frame_alloc(v->xsave_order, FRAME_VMX, FA_ZERO, &v->xsave_frame);
	if (err)
		return err;
	v->xsave = hfn_to_ptr(v->xsave_frame);
	return 0;
}

void vcpu_state_destroy(struct vcpu *v)
{
	if (v->xsave)
		frame_free(v->xsave_frame, v->xsave_order);
}

/* SDM, "Processor State After Reset", column INIT: the rest is unchanged. */
void vcpu_state_init(void)
{
	write_cr2(0);
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr6(DR6_RESET);
}

/* Power-up values (SDM, "Processor State After Reset"). */
void vcpu_state_reset(struct vcpu *v)
{
	uint8_t *area = v->xsave;

	memset(&v->lazy, 0, sizeof(v->lazy));
	v->lazy.dr6 = DR6_RESET;
	v->lazy.xcr0 = vmx_controls.xcr0_host ? 1 : 0;
	memset(area, 0, PAGE_SIZE << v->xsave_order);
	*(uint16_t *)(void *)area = 0x37f;	   /* FCW */
	*(uint32_t *)(void *)(area + 24) = 0x1f80; /* MXCSR */
	/* XSTATE_BV: x87 and SSE are in the area, the rest is initial. */
	*(uint64_t *)(void *)(area + 512) = 3;
}
