/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do VMX instructions of a guest give #UD, as on a CPU without VMX? */
#include "runtime.h"

const char guest_name[] = "vmx_insn";

#define VECTOR_UD 6

static uint64_t region[512] __attribute__((aligned(4096)));
static uint64_t pointer = (uint64_t)region;

#define INSN(name, text)                                                       \
	static void name(void *arg)                                            \
	{                                                                      \
		(void)arg;                                                     \
		__asm__ volatile(text ::"m"(pointer), "r"(0ul) : "memory");    \
	}

INSN(do_vmxon, "vmxon %0")
INSN(do_vmxoff, "vmxoff")
INSN(do_vmclear, "vmclear %0")
INSN(do_vmptrld, "vmptrld %0")
INSN(do_vmptrst, "vmptrst %0")
INSN(do_vmread, "vmread %1, %1")
INSN(do_vmwrite, "vmwrite %1, %1")
INSN(do_vmlaunch, "vmlaunch")
INSN(do_vmresume, "vmresume")
INSN(do_invept, "invept %0, %1")
INSN(do_invvpid, "invvpid %0, %1")
INSN(do_vmfunc, "vmfunc")

void guest_main(void)
{
	static void (*const insns[])(
		void *) = { do_vmxon,	 do_vmxoff, do_vmclear, do_vmptrld,
			    do_vmptrst,	 do_vmread, do_vmwrite, do_vmlaunch,
			    do_vmresume, do_invept, do_invvpid, do_vmfunc };

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
		CHECK_EQ(rt_try(insns[i], NULL), VECTOR_UD);
}
