/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and interrupts of the host: the frame that every stub builds, and
 * the IDT, which all CPUs share.
 */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "kernel/lib/compiler.h"

enum trap_vector {
	TRAP_DE = 0,
	TRAP_DB = 1,
	TRAP_NMI = 2,
	TRAP_BP = 3,
	TRAP_UD = 6,
	TRAP_DF = 8,
	TRAP_GP = 13,
	TRAP_PF = 14,
	TRAP_MC = 18,
	TRAP_NR_EXCEPTIONS = 32,
};

/* Interrupt stack table slots: these may strike on a broken stack. */
enum trap_ist { IST_NONE, IST_NMI, IST_DF, IST_MC, IST_NR };

/* As pushed by kernel/cpu/trap_entry.asm. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "trap_entry.asm");

/* Fills the IDT; boot CPU, once. */
void trap_init(void);
/* Loads the IDT on this CPU. */
void trap_init_cpu(void);

/* Also called for each NMI, in its context. Boot, once. */
void trap_set_nmi_handler(void (*fn)(void));

/* Called by the stubs. */
void trap_dispatch(struct trap_frame *f);

#endif
