/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMX instructions for host tests: they only count. */
#ifndef VMX_VMX_INSN_H
#define VMX_VMX_INSN_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"

extern unsigned fake_nr_vmxon, fake_nr_invept;
extern int fake_vmxon_result;

static inline int vmx_on(hpa_t region)
{
	(void)region;
	fake_nr_vmxon++;
	return fake_vmxon_result;
}

static inline void vmx_off(void)
{
}

#define INVEPT_ALL  2u
#define INVVPID_ALL 2u

static inline void vmx_invept(uint64_t type, uint64_t eptp)
{
	(void)type;
	(void)eptp;
	fake_nr_invept++;
}

static inline void vmx_invvpid(uint64_t type, uint64_t vpid)
{
	(void)type;
	(void)vpid;
}

#endif
