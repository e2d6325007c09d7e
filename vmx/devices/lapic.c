/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual local APIC: life cycle, priorities, accept and end of interrupt
 * (SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)").
 *
 * Invariant: isr_top and ppr always agree with ISR and TPR; PEND_IRR is set
 * whenever IRR is not empty, so that "nothing pending" is one load.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/heap.h"
#include "vmx/devices/ioapic.h"
#include "vmx/devices/lapic_priv.h"
#include "vmx/devices/pic.h"

int lapic_highest(const uint64_t map[4])
{
	for (int i = 3; i >= 0; i--) {
		uint64_t w = READ_ONCE(map[i]);

		if (w)
			return i * 64 + 63 - __builtin_clzll(w);
	}
	return -1;
}

void lapic_update_ppr(struct lapic *l)
{
	uint32_t isrv = l->isr_top < 0 ? 0 : (uint32_t)l->isr_top;

	if ((l->tpr & 0xf0) >= (isrv & 0xf0))
		l->ppr = l->tpr;
	else
		l->ppr = isrv & 0xf0;
}

void lapic_recheck(struct lapic *l)
{
	if (lapic_pending_vector(l) >= 0)
		vcpu_request_self(l->vcpu, VCPU_REQ_EVENT);
}

/* The physical-address width that the guest sees is the processor's own. */
static uint64_t apic_base_reserved(void)
{
	uint32_t eax = 0x80000008u, ebx, ecx = 0, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ~(BIT(eax & 0xff) - PAGE_SIZE) &
	       ~(APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
}

void lapic_refuse_x2apic(struct lapic *l)
{
	l->base_reserved |= APIC_BASE_X2APIC;
}

void lapic_refuse_tsc_deadline(struct lapic *l)
{
	l->timer_refused = APIC_TIMER_DEADLINE << APIC_LVT_MODE_SHIFT;
}

/*
 * The state after INIT (SDM, "Local APIC State After an INIT Reset"). Mode
 * and base address stay, and with them the ID.
 */
void lapic_init_signal(struct lapic *l)
{
	lapic_timer_reset(l);
	memset(l->isr, 0, sizeof(l->isr));
	for (unsigned i = 0; i < 4; i++) {
		__atomic_store_n(&l->irr[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&l->tmr[i], 0, __ATOMIC_RELAXED);
	}
	__atomic_and_fetch(&l->pending, ~PEND_IRR, __ATOMIC_SEQ_CST);
	l->isr_top = -1;
	l->tpr = 0;
	lapic_update_ppr(l);
	if (!lapic_is_x2apic(l))
		l->ldr = 0;
	l->dfr = 0xffffffffu;
	l->svr = 0xff;
	l->esr = 0;
	l->esr_pending = 0;
	l->nr_nmis = 0;
	l->icr_low = 0;
	l->icr_high = 0;
	for (unsigned i = 0; i < NR_LVT; i++)
		l->lvt[i] = APIC_LVT_MASKED;
}

/*
 * Power-up. A PC's firmware leaves the boot processor in virtual-wire mode
 * (Intel MultiProcessor Specification, "Virtual Wire Mode"); guests start
 * without firmware, so it is done here.
 */
void lapic_reset(struct lapic *l)
{
	bool is_bsp = l->id == 0;

	l->base = APIC_DEFAULT_PAGE | APIC_BASE_ENABLE;
	if (is_bsp)
		l->base |= APIC_BASE_BSP;
	l->xapic_id = l->id & 0xff;
	l->ldr = 0;
	__atomic_store_n(&l->pending, 0, __ATOMIC_SEQ_CST);
	lapic_init_signal(l);
	if (!is_bsp)
		return;
	l->lvt[APIC_LVT_LINT0 - APIC_LVT_TIMER] = APIC_DM_EXTINT << 8;
	l->lvt[APIC_LVT_LINT1 - APIC_LVT_TIMER] = APIC_DM_NMI << 8;
}

int lapic_create(struct vcpu *v, struct lapic **out)
{
	struct lapic *l = kzalloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->vcpu = v;
	l->vm = vcpu_vm(v);
	l->id = vcpu_index(v);
	l->base_reserved = apic_base_reserved();
	spin_init(&l->lock, LOCK_LAPIC, "lapic");
	lapic_timer_init(l);
	lapic_reset(l);
	*out = l;
	return 0;
}

void lapic_destroy(struct lapic *l)
{
	if (!l)
		return;
	lapic_timer_destroy(l);
	kfree(l);
}

bool lapic_is_on(const struct lapic *l)
{
	return lapic_is_enabled(l);
}

bool lapic_is_x2apic(const struct lapic *l)
{
	return READ_ONCE(l->base) & APIC_BASE_X2APIC;
}

/*
 * TMR first: whoever sees the request must see its trigger mode. `pending`
 * last: whoever clears it scans IRR afterwards.
 */
void lapic_set_irr(struct lapic *l, uint8_t vector, bool level)
{
	uint64_t bit = BIT(vector & 63);
	unsigned w = vector >> 6;

	if (level)
		__atomic_or_fetch(&l->tmr[w], bit, __ATOMIC_RELAXED);
	else if (READ_ONCE(l->tmr[w]) & bit)
		__atomic_and_fetch(&l->tmr[w], ~bit, __ATOMIC_RELAXED);
	__atomic_or_fetch(&l->irr[w], bit, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&l->pending, PEND_IRR, __ATOMIC_SEQ_CST);
}

/* INTR of the 8259 reaches the processor through LINT0. */
static bool lint0_is_extint(const struct lapic *l)
{
	uint32_t lvt;

	if (!lapic_is_enabled(l))
		return true; /* the pin is INTR then */
	lvt = lapic_lvt(l, APIC_LVT_LINT0);
	return !(lvt & APIC_LVT_MASKED) && ((lvt >> 8) & 7) == APIC_DM_EXTINT;
}

void lapic_set_intr(struct lapic *l, bool high)
{
	uint32_t old;

	if (!high) {
		__atomic_and_fetch(&l->pending, ~PEND_EXTINT, __ATOMIC_SEQ_CST);
		return;
	}
	old = __atomic_fetch_or(&l->pending, PEND_EXTINT, __ATOMIC_SEQ_CST);
	if (lint0_is_extint(l))
		vcpu_request(l->vcpu, VCPU_REQ_EVENT);
	else if (!(old & PEND_EXTINT))
		lapic_local_event(l, APIC_LVT_LINT0);
}

static int fixed_pending(const struct lapic *l)
{
	int vector;

	if (!lapic_is_enabled(l))
		return -1;
	vector = lapic_highest(l->irr);
	if ((vector >> 4) <= (int)(READ_ONCE(l->ppr) >> 4))
		return -1;
	return vector;
}

int lapic_pending_vector(struct lapic *l)
{
	uint32_t pending = READ_ONCE(l->pending);

	if (likely(!pending))
		return -1;
	if ((pending & PEND_EXTINT) && lint0_is_extint(l)) {
		int vector = pic_pending_vector(l->vm);

		if (vector >= 0)
			return vector;
	}
	return fixed_pending(l);
}

/* Clear, then look: a request added in between sets the flag again. */
static void pending_settle(struct lapic *l)
{
	if (lapic_highest(l->irr) >= 0)
		return;
	__atomic_and_fetch(&l->pending, ~PEND_IRR, __ATOMIC_SEQ_CST);
	if (lapic_highest(l->irr) >= 0)
		__atomic_or_fetch(&l->pending, PEND_IRR, __ATOMIC_SEQ_CST);
}

void lapic_accept(struct lapic *l, int vector)
{
	unsigned w = (unsigned)vector >> 6;
	uint64_t bit = BIT(vector & 63);

	if ((READ_ONCE(l->pending) & PEND_EXTINT) && lint0_is_extint(l) &&
	    pic_accept(l->vm, vector))
		return;
	/* Not there: the PIC withdrew it in between; it is spurious then. */
	if (!(READ_ONCE(l->irr[w]) & bit))
		return;
	__atomic_and_fetch(&l->irr[w], ~bit, __ATOMIC_SEQ_CST);
	l->isr[w] |= bit;
	l->isr_top = vector;
	lapic_update_ppr(l);
	pending_settle(l);
	/* Pairs with rearm() in lapic_timer.c: IRR first, then this. */
	if (__atomic_load_n(&l->timer_waits, __ATOMIC_SEQ_CST))
		lapic_timer_taken(l);
}

/*
 * isr_top differs where the 8259 delivered `vector`. Level-triggered: an IOAPIC
 * waits to hear. Pending: it may come when this one ends.
 */
bool lapic_eoi_is_local(const struct lapic *l, int vector)
{
	return vector == l->isr_top && !READ_ONCE(l->pending) &&
	       !(READ_ONCE(l->tmr[vector >> 6]) & BIT(vector & 63));
}

void lapic_eoi(struct lapic *l)
{
	int vector = l->isr_top;
	unsigned w;
	uint64_t bit;

	if (vector < 0)
		return;
	w = (unsigned)vector >> 6;
	bit = BIT(vector & 63);
	l->isr[w] &= ~bit;
	l->isr_top = lapic_highest(l->isr);
	lapic_update_ppr(l);
	if ((READ_ONCE(l->tmr[w]) & bit) && !(l->svr & APIC_SVR_NO_EOI_CAST))
		ioapic_eoi(l->vm, (uint8_t)vector);
	lapic_recheck(l);
}

uint64_t lapic_get_cr8(struct lapic *l)
{
	return l->tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, uint64_t cr8)
{
	l->tpr = (uint32_t)(cr8 & 0xf) << 4;
	lapic_update_ppr(l);
	lapic_recheck(l);
}

void lapic_nmi(struct lapic *l)
{
	__atomic_add_fetch(&l->nr_nmis, 1, __ATOMIC_SEQ_CST);
	vcpu_request(l->vcpu, VCPU_REQ_NMI);
}

uint32_t lapic_take_nmis(struct lapic *l)
{
	return __atomic_exchange_n(&l->nr_nmis, 0, __ATOMIC_SEQ_CST);
}

void lapic_error(struct lapic *l, uint32_t esr_bit)
{
	uint32_t lvt = lapic_lvt(l, APIC_LVT_ERROR);

	__atomic_or_fetch(&l->esr_pending, esr_bit, __ATOMIC_SEQ_CST);
	/* Directly: an illegal vector here must not raise the next error. */
	if ((lvt & APIC_LVT_MASKED) || (lvt & 0xff) < APIC_FIRST_VECTOR ||
	    !lapic_takes_fixed(l))
		return;
	lapic_set_irr(l, (uint8_t)lvt, false);
	vcpu_request(l->vcpu, VCPU_REQ_EVENT);
}

void lapic_local_event(struct lapic *l, enum apic_reg reg)
{
	uint32_t lvt = lapic_lvt(l, reg);
	uint32_t mode = reg == APIC_LVT_TIMER ? (uint32_t)APIC_DM_FIXED
					      : (lvt >> 8) & 7;

	if ((lvt & APIC_LVT_MASKED) || !lapic_is_enabled(l))
		return;
	if (mode == APIC_DM_NMI) {
		lapic_nmi(l);
		return;
	}
	if (mode != APIC_DM_FIXED)
		return;
	if ((lvt & 0xff) < APIC_FIRST_VECTOR) {
		lapic_error(l, APIC_ESR_RECV_ILLEGAL);
		return;
	}
	lapic_set_irr(l, (uint8_t)lvt, false);
	vcpu_request(l->vcpu, VCPU_REQ_EVENT);
}
