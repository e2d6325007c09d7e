/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-x of the host: what the processors can do, switching VMX operation on.
 */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "kernel/config/config.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/metric.h"
#include "kernel/lib/stop_step.h"

/*
 * Checks every capability on this CPU and enters VMX operation on all CPUs.
 * 0, or -ENODEV: the log names the missing capability and vmx_missing()
 * returns it; the machine then works without guests. -ENOMEM.
 */
MUST_CHECK int vmx_init(const struct config_host *cfg);

/* What is missing, as one line; NULL if guests can run. */
const char *vmx_missing(void);

/* Figures of all VMs, for main.c to register; vmx/metrics.c. */
extern const struct metric vmx_metrics[];
extern const size_t nr_vmx_metrics;

/* Leaves VMX operation on this CPU, if it is in it. Interrupts off. */
void vmx_cpu_off(void);
extern const struct stop_step vmx_stop_steps[];
extern const size_t nr_vmx_stop_steps;

/*
 * For tests: called in each slow exit, interrupts off, while it is set; returns
 * the reason to go on with. [atomic]
 */
struct vcpu;
extern uint32_t (*vmx_exit_probe)(struct vcpu *v, uint32_t reason);

/*
 * The control words that all vCPUs start from, adjusted to the capability
 * MSRs. [const after vmx_init]
 */
struct vmx_controls {
	uint32_t revision; /* VMCS revision identifier */
	uint32_t pin, cpu, cpu2, exit, entry;
	unsigned preemption_shift; /* VMX-preemption timer: TSC >> this */
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	bool insn_info_io;     /* INS/OUTS report segment and address size */
	uint64_t xcr0_host;    /* components that guests may enable */
	uint32_t xsave_nbytes; /* area for all of them */
	bool xsaveopt;
	bool xsavec; /* guests may have it: vmx/xsavec.h */
	bool ibpb;   /* IA32_PRED_CMD can forget branch targets */
};
extern struct vmx_controls vmx_controls;

#endif
