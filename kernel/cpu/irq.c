// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupt dispatch: a table of handlers by vector. Each delivered interrupt
 * gets exactly one EOI, spurious ones none (SDM Vol. 3A, "Spurious Interrupt").
 */
#include "kernel/cpu/irq.h"

#include "drivers/pic8259.h"
#include "kernel/cpu/apic.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"

static void (*handlers[256])(void); /* [const after boot] */
static struct ratelimit stray_limit;

void irq_register(uint8_t vector, void (*fn)(void))
{
	__atomic_store_n(&handlers[vector], fn, __ATOMIC_RELEASE);
}

static COLD void stray(uint8_t vector)
{
	uint32_t dropped;

	if (ratelimit_ok(&stray_limit, 4, &dropped))
		log_warn("irq", "vector=%#x cpu=%u nobody handles it (+%u)",
			 vector, cpu_id(), dropped);
}

void irq_dispatch(uint8_t vector)
{
	struct cpu *cpu = this_cpu();
	void (*fn)(void) = handlers[vector];

	cpu->nr_irqs++;
	if (vector == IRQ_VEC_SPURIOUS)
		return;
	cpu->irq_depth++;
	if (fn)
		fn();
	else
		stray(vector);
	cpu->irq_depth--;
	/* The legacy PIC's vectors don't pass through the local APIC's ISR. */
	if (vector >= IRQ_VEC_PIC && vector < IRQ_VEC_PIC + 16)
		pic8259_eoi(vector - IRQ_VEC_PIC);
	else
		apic_eoi();
}
