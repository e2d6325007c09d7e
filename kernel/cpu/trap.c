// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IDT and what exceptions in the hypervisor mean: all but the few below
 * are bugs and end in panic. Interrupts go on to kernel/cpu/irq.c.
 */
#include "kernel/cpu/trap.h"

#include "kernel/cpu/gdt.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/panic.h"
#include "kernel/cpu/stop.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/percpu.h"

#define GATE_INTERRUPT 0x8e00u /* present, DPL 0, interrupts off on entry */

/* SDM Vol. 3A, "64-Bit Mode IDT": one gate. */
struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t type_ist;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM: IDT gate");

struct fixup {
	uint64_t insn, resume;
};

extern const uint64_t trap_stubs[256];
/*
 * Whoever has an instruction that may fault adds its addresses to the section
 * .rodata.fixups (linker.ld).
 */
extern const struct fixup trap_fixups[], trap_fixups_end[];

static struct idt_gate idt[256] ALIGNED(4096); /* [const after boot] */

static const char *const names[TRAP_NR_EXCEPTIONS] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"no device",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"reserved",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization exception",
	"control protection",
};

static void (*on_nmi)(void); /* [const after boot] */

void trap_set_nmi_handler(void (*fn)(void))
{
	on_nmi = fn;
}

static void set_gate(unsigned vector, enum trap_ist ist)
{
	uint64_t a = trap_stubs[vector];

	idt[vector] = (struct idt_gate){
		.offset_low = (uint16_t)a,
		.selector = SEL_KERNEL_CS,
		.type_ist = (uint16_t)(GATE_INTERRUPT | ist),
		.offset_mid = (uint16_t)(a >> 16),
		.offset_high = (uint32_t)(a >> 32),
	};
}

void trap_init(void)
{
	for (unsigned v = 0; v < ARRAY_SIZE(idt); v++)
		set_gate(v, IST_NONE);
	set_gate(TRAP_NMI, IST_NMI);
	set_gate(TRAP_DF, IST_DF);
	set_gate(TRAP_MC, IST_MC);
}

void trap_init_cpu(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED ptr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(ptr));
}

static bool fix_up(struct trap_frame *f)
{
	for (const struct fixup *x = trap_fixups; x < trap_fixups_end; x++) {
		if (x->insn == f->rip) {
			f->rip = x->resume;
			return true;
		}
	}
	return false;
}

void trap_dispatch(struct trap_frame *f)
{
	const char *name;

	if (f->vector >= IRQ_VEC_FIRST) {
		irq_dispatch((uint8_t)f->vector);
		return;
	}
	if (f->vector == TRAP_NMI) {
		/* Nobody else sends NMIs; a stray one is not worth dying for */
		stop_here_if_asked();
		this_cpu()->nr_nmis++;
		if (on_nmi)
			on_nmi();
		return;
	}
	if ((f->vector == TRAP_GP || f->vector == TRAP_UD) && fix_up(f))
		return;
	if (f->vector == TRAP_MC) {
		mce_trap(f);
		return;
	}
	name = names[f->vector];
	panic_trap(f, name ? name : "reserved");
}
