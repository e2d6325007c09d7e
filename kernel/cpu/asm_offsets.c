// SPDX-License-Identifier: GPL-2.0-or-later
/* Constants that kernel/'s assembly needs; compiled to text only. */
#include "kernel/cpu/smp_priv.h"
#include "kernel/cpu/trap.h"
#include "kernel/lib/asm_define.h"
#include "kernel/lib/x86.h"

void asm_offsets(void);

void asm_offsets(void)
{
	ASM_DEFINE(KERNEL_CS, SEL_KERNEL_CS);
	ASM_DEFINE(KERNEL_DS, SEL_KERNEL_DS);
	ASM_DEFINE(EFER_BITS, EFER_LME | EFER_NXE);
	/* Immediates of 32 bits are signed: without CR0.PG, bit 31. */
	ASM_DEFINE(AP_CR0_BITS, CR0_PE | CR0_WP | CR0_NE | CR0_ET);
	ASM_DEFINE(AP_CR4_BITS, CR4_PAE);
	ASM_DEFINE(AP_ASKED, AP_ASKED);
	ASM_DEFINE(AP_CAME, AP_CAME);
	ASM_OFFSET(AP_START_STATE, struct ap_start, state);
	ASM_OFFSET(AP_START_CR3, struct ap_start, cr3);
	ASM_OFFSET(AP_START_STACK, struct ap_start, stack_top);
	ASM_OFFSET(AP_START_ENTRY, struct ap_start, entry);
	ASM_OFFSET(AP_START_CPU, struct ap_start, cpu);
}
