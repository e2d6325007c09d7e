/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSRs that only vmx/ uses. Source: SDM Vol. 4. */
#ifndef VMX_MSR_INDEX_H
#define VMX_MSR_INDEX_H

#define MSR_TSC		    0x10u
#define MSR_PLATFORM_ID	    0x17u
#define MSR_FEATURE_CONTROL 0x3au
#define MSR_TSC_ADJUST	    0x3bu
#define MSR_PRED_CMD	    0x49u
#define MSR_UCODE_REV	    0x8bu
#define MSR_PLATFORM_INFO   0xceu
#define MSR_MISC_FEATURES   0x140u
#define MSR_PERF_STATUS	    0x198u
#define MSR_DEBUGCTL	    0x1d9u
#define MSR_MTRR_PHYSBASE0  0x200u
#define MSR_MTRR_PHYSMASK7  0x20fu
#define MSR_MTRR_FIX64K	    0x250u
#define MSR_MTRR_FIX4K_LAST 0x26fu
#define MSR_MTRR_DEF_TYPE   0x2ffu

#define PRED_CMD_IBPB BIT(0)

#define MSR_VMX_BASIC	       0x480u
#define MSR_VMX_PINBASED       0x481u
#define MSR_VMX_PROCBASED      0x482u
#define MSR_VMX_EXIT	       0x483u
#define MSR_VMX_ENTRY	       0x484u
#define MSR_VMX_MISC	       0x485u
#define MSR_VMX_CR0_FIXED0     0x486u
#define MSR_VMX_CR0_FIXED1     0x487u
#define MSR_VMX_CR4_FIXED0     0x488u
#define MSR_VMX_CR4_FIXED1     0x489u
#define MSR_VMX_PROCBASED2     0x48bu
#define MSR_VMX_EPT_VPID_CAP   0x48cu
#define MSR_VMX_TRUE_PINBASED  0x48du
#define MSR_VMX_TRUE_PROCBASED 0x48eu
#define MSR_VMX_TRUE_EXIT      0x48fu
#define MSR_VMX_TRUE_ENTRY     0x490u

/* KVM's paravirtual MSRs (Linux Documentation/virt/kvm/x86/msr.rst). */
#define MSR_KVM_WALL_CLOCK_OLD	0x11u
#define MSR_KVM_SYSTEM_TIME_OLD 0x12u
#define MSR_KVM_WALL_CLOCK	0x4b564d00u
#define MSR_KVM_SYSTEM_TIME	0x4b564d01u
#define MSR_KVM_PV_EOI		0x4b564d04u

#endif
