/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual local APIC: state shared by its three files.
 *
 *  lapic.c        life cycle, priorities, accept and EOI
 *  lapic_regs.c   registers by MSR (x2APIC) and by MMIO (xAPIC), the mode
 *  lapic_ipi.c    messages between APICs, from IOAPIC pins and MSI
 *  lapic_timer.c  the three timer modes
 *
 * Who may touch what: ISR, TPR, PPR and the registers that a guest programs
 * belong to the vCPU's own thread and need no lock; other CPUs read them and
 * may see the value before or after a change. IRR, TMR, `pending` and
 * `esr_pending` are atomic: anybody may add an interrupt at any time, and only
 * the vCPU's thread takes one out. The lock guards the timer alone.
 */
#ifndef VMX_DEVICES_LAPIC_PRIV_H
#define VMX_DEVICES_LAPIC_PRIV_H

#include "kernel/lib/apic_format.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/spinlock.h"
#include "vmx/devices/devices.h"
#include "vmx/devices/guest_timer.h"
#include "vmx/devices/lapic.h"

#define NR_LVT 6u /* timer .. error */

/* Bits of lapic.pending. */
#define PEND_IRR    0x1u /* IRR may be non-empty */
#define PEND_EXTINT 0x2u /* the PIC drives INTR */

struct lapic {
	struct vcpu *vcpu;	/* [const] */
	struct vm *vm;		/* [const] */
	uint32_t id;		/* x2APIC ID, initial xAPIC ID [const] */
	uint64_t base_reserved; /* IA32_APIC_BASE bits that must be 0 */
	uint32_t timer_refused; /* bits of the timer's LVT that it hasn't got */

	/* [own thread] */
	uint64_t base; /* IA32_APIC_BASE */
	uint64_t isr[4];
	int isr_top; /* highest vector in service, -1: none */
	uint32_t ppr, tpr;
	uint32_t xapic_id; /* 8 bits; the guest may change it */
	uint32_t ldr, dfr, svr, esr;
	uint32_t icr_low, icr_high;
	uint32_t lvt[NR_LVT];

	/* [atomic] */
	uint64_t irr[4];
	uint64_t tmr[4];
	uint32_t pending;
	uint32_t esr_pending;
	uint32_t nr_nmis; /* not taken yet */

	struct spinlock lock;	  /* LOCK_LAPIC, irqsave */
	struct guest_timer timer; /* armed only while the guest's is */
	bool timer_waits;  /* re-armed when its interrupt is taken [atomic] */
	uint32_t tmict;	   /* [lock] */
	uint32_t tdcr;	   /* [lock] */
	uint64_t expire;   /* [lock] host TSC of the next expiry, 0: off */
	uint64_t deadline; /* [lock] guest TSC as written, 0: off */
};

/* What one interrupt message says. */
struct apic_msg {
	uint32_t dest; /* APIC_DEST_ALL: everybody (physical only) */
	uint8_t vector;
	uint8_t mode; /* enum apic_dm */
	bool logical;
	bool level;	 /* trigger mode */
	bool deasserted; /* level-triggered and low: an INIT de-assert */
};
#define APIC_DEST_ALL 0xffffffffu

static inline bool lapic_is_enabled(const struct lapic *l)
{
	return READ_ONCE(l->base) & APIC_BASE_ENABLE;
}

/* Both hardware and software enabled: takes fixed interrupts. */
static inline bool lapic_takes_fixed(const struct lapic *l)
{
	return lapic_is_enabled(l) && (READ_ONCE(l->svr) & APIC_SVR_ENABLED);
}

static inline uint32_t lapic_lvt(const struct lapic *l, enum apic_reg reg)
{
	return READ_ONCE(l->lvt[reg - APIC_LVT_TIMER]);
}

static inline enum apic_timer_mode lapic_timer_mode(const struct lapic *l)
{
	return (enum apic_timer_mode)(
		(lapic_lvt(l, APIC_LVT_TIMER) >> APIC_LVT_MODE_SHIFT) & 3);
}

/* Highest vector set in a 256-bit map, -1: none. */
int lapic_highest(const uint64_t map[4]);
/* Recomputes PPR after a change of TPR or ISR. Own thread. */
void lapic_update_ppr(struct lapic *l);
/* After PPR went down: asks for delivery if something waits. Own thread. */
void lapic_recheck(struct lapic *l);
static inline bool lapic_irr_has(const struct lapic *l, uint8_t vector)
{
	return __atomic_load_n(&l->irr[vector >> 6], __ATOMIC_SEQ_CST) &
	       BIT(vector & 63);
}

/* Adds a fixed interrupt (vector >= 16) to IRR, without waking. Any context. */
void lapic_set_irr(struct lapic *l, uint8_t vector, bool level);
/* Records an error and raises the error interrupt. Any context. */
void lapic_error(struct lapic *l, uint32_t esr_bit);
/* An NMI for the vCPU. Any context. */
void lapic_nmi(struct lapic *l);
/* The event of an LVT entry happened. Any context. */
void lapic_local_event(struct lapic *l, enum apic_reg lvt);

/* The guest wrote ICR: sends what it says. Own thread. */
void lapic_send_icr(struct lapic *l);
/* A fixed IPI to itself. Own thread. */
void lapic_self_ipi(struct lapic *l, uint32_t vector);

void lapic_timer_init(struct lapic *l);
/* Stops the timer and forgets its registers. */
void lapic_timer_reset(struct lapic *l);
void lapic_timer_destroy(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, uint32_t count);
void lapic_timer_set_divide(struct lapic *l, uint32_t tdcr);
uint32_t lapic_timer_initial(struct lapic *l);
uint32_t lapic_timer_current(struct lapic *l);
/* The guest took the interrupt that a periodic timer waited for. Own thread. */
void lapic_timer_taken(struct lapic *l);
/* Writes the timer's LVT entry (mask and mode change with it). */
void lapic_timer_set_lvt(struct lapic *l, uint32_t lvt);

#endif
