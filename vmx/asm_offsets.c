/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets in struct vcpu for entry.asm; see kernel/lib/asm_define.h. */
#include "kernel/lib/asm_define.h"
#include "vmx/vcpu_priv.h"

void asm_offsets(void);

void asm_offsets(void)
{
	ASM_OFFSET(VCPU_RAX, struct vcpu, gpr[REG_RAX]);
	ASM_OFFSET(VCPU_RCX, struct vcpu, gpr[REG_RCX]);
	ASM_OFFSET(VCPU_RDX, struct vcpu, gpr[REG_RDX]);
	ASM_OFFSET(VCPU_RBX, struct vcpu, gpr[REG_RBX]);
	ASM_OFFSET(VCPU_RBP, struct vcpu, gpr[REG_RBP]);
	ASM_OFFSET(VCPU_RSI, struct vcpu, gpr[REG_RSI]);
	ASM_OFFSET(VCPU_RDI, struct vcpu, gpr[REG_RDI]);
	ASM_OFFSET(VCPU_R8, struct vcpu, gpr[REG_R8]);
	ASM_OFFSET(VCPU_R9, struct vcpu, gpr[REG_R9]);
	ASM_OFFSET(VCPU_R10, struct vcpu, gpr[REG_R10]);
	ASM_OFFSET(VCPU_R11, struct vcpu, gpr[REG_R11]);
	ASM_OFFSET(VCPU_R12, struct vcpu, gpr[REG_R12]);
	ASM_OFFSET(VCPU_R13, struct vcpu, gpr[REG_R13]);
	ASM_OFFSET(VCPU_R14, struct vcpu, gpr[REG_R14]);
	ASM_OFFSET(VCPU_R15, struct vcpu, gpr[REG_R15]);
	ASM_OFFSET(VCPU_LAUNCHED, struct vcpu, launched);
}
