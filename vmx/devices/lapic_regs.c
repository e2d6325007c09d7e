/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual local APIC: its registers as MSRs (x2APIC mode) and as memory
 * (xAPIC mode), and the switching between modes by IA32_APIC_BASE (SDM Vol.
 * 3A, "Extended XAPIC (x2APIC)").
 *
 * Both ways end in reg_read() and reg_write(); what is specific to a mode
 * (which registers exist, what faults) is decided before.
 */
#include "kernel/lib/errno.h"
#include "vmx/devices/ioapic.h"
#include "vmx/devices/lapic_priv.h"

/* Version 0x14, six LVT entries, EOI broadcasts can be suppressed. */
#define VERSION_VALUE (0x14u | (NR_LVT - 1) << 16 | 1u << 24)

#define LVT_READ_ONLY (APIC_LVT_STATUS | APIC_LVT_REMOTE_IRR)

#define DFR_RESERVED 0x0fffffffu

static const uint32_t lvt_valid[NR_LVT] = {
	[APIC_LVT_TIMER - APIC_LVT_TIMER] =
		APIC_LVT_VECTOR | APIC_LVT_MASKED | APIC_LVT_MODE,
	[APIC_LVT_THERMAL - APIC_LVT_TIMER] =
		APIC_LVT_VECTOR | APIC_LVT_DM | APIC_LVT_MASKED,
	[APIC_LVT_PERF - APIC_LVT_TIMER] =
		APIC_LVT_VECTOR | APIC_LVT_DM | APIC_LVT_MASKED,
	[APIC_LVT_LINT0 - APIC_LVT_TIMER] = APIC_LVT_VECTOR | APIC_LVT_DM |
					    APIC_LVT_POLARITY |
					    APIC_LVT_TRIGGER | APIC_LVT_MASKED,
	[APIC_LVT_LINT1 - APIC_LVT_TIMER] = APIC_LVT_VECTOR | APIC_LVT_DM |
					    APIC_LVT_POLARITY |
					    APIC_LVT_TRIGGER | APIC_LVT_MASKED,
	[APIC_LVT_ERROR - APIC_LVT_TIMER] = APIC_LVT_VECTOR | APIC_LVT_MASKED,
};

static bool is_lvt(uint32_t reg)
{
	return reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR;
}

static uint32_t map_word(const uint64_t map[4], uint32_t i)
{
	return (uint32_t)(READ_ONCE(map[i / 2]) >> (i % 2 * 32));
}

static uint32_t x2apic_ldr(const struct lapic *l)
{
	return (l->id >> 4) << 16 | 1u << (l->id & 15);
}

/* A read of a register that exists in both modes. False: none there. */
static bool reg_read(struct lapic *l, uint32_t reg, uint32_t *val)
{
	if (is_lvt(reg)) {
		*val = lapic_lvt(l, (enum apic_reg)reg);
		return true;
	}
	if (reg >= APIC_ISR && reg < APIC_ISR + 8) {
		*val = map_word(l->isr, reg - APIC_ISR);
		return true;
	}
	if (reg >= APIC_TMR && reg < APIC_TMR + 8) {
		*val = map_word(l->tmr, reg - APIC_TMR);
		return true;
	}
	if (reg >= APIC_IRR && reg < APIC_IRR + 8) {
		*val = map_word(l->irr, reg - APIC_IRR);
		return true;
	}
	switch (reg) {
	case APIC_VERSION: *val = VERSION_VALUE; return true;
	case APIC_TPR: *val = l->tpr; return true;
	case APIC_PPR: *val = l->ppr; return true;
	case APIC_LDR: *val = l->ldr; return true;
	case APIC_SVR: *val = l->svr; return true;
	case APIC_ESR: *val = l->esr; return true;
	case APIC_ICR: *val = l->icr_low; return true;
	case APIC_TMICT: *val = lapic_timer_initial(l); return true;
	case APIC_TMCCT: *val = lapic_timer_current(l); return true;
	case APIC_TDCR: *val = l->tdcr; return true;
	default: return false;
	}
}

static void write_lvt(struct lapic *l, uint32_t reg, uint32_t val)
{
	uint32_t i = reg - APIC_LVT_TIMER;

	val &= lvt_valid[i];
	if (!(l->svr & APIC_SVR_ENABLED))
		val |= APIC_LVT_MASKED;
	if (reg == APIC_LVT_TIMER)
		lapic_timer_set_lvt(l, val & ~l->timer_refused);
	else
		WRITE_ONCE(l->lvt[i], val);
	/* A waiting 8259 request passes as soon as the pin lets it. */
	if (reg == APIC_LVT_LINT0)
		lapic_recheck(l);
}

/* SDM, "Spurious Interrupt": a software-disabled APIC masks every LVT. */
static void write_svr(struct lapic *l, uint32_t val)
{
	WRITE_ONCE(l->svr, val & APIC_SVR_VALID);
	if (val & APIC_SVR_ENABLED)
		return;
	for (uint32_t r = APIC_LVT_TIMER; r <= APIC_LVT_ERROR; r++)
		write_lvt(l, r, lapic_lvt(l, (enum apic_reg)r));
}

static void write_tpr(struct lapic *l, uint32_t val)
{
	l->tpr = val & 0xff;
	lapic_update_ppr(l);
	lapic_recheck(l);
}

/* False: no such register, or it can't be written. */
static bool reg_write(struct lapic *l, uint32_t reg, uint32_t val)
{
	if (is_lvt(reg)) {
		write_lvt(l, reg, val);
		return true;
	}
	switch (reg) {
	case APIC_TPR: write_tpr(l, val); return true;
	case APIC_EOI: lapic_eoi(l); return true;
	case APIC_SVR: write_svr(l, val); return true;
	case APIC_ESR:
		l->esr = __atomic_exchange_n(&l->esr_pending, 0,
					     __ATOMIC_SEQ_CST);
		return true;
	case APIC_ICR:
		l->icr_low = val & ~(APIC_ICR_RESERVED | APIC_ICR_BUSY);
		lapic_send_icr(l);
		return true;
	case APIC_TMICT: lapic_timer_set_initial(l, val); return true;
	case APIC_TDCR: lapic_timer_set_divide(l, val); return true;
	default: return false;
	}
}

/* ---- x2APIC ---- */

static int x2apic_read(struct lapic *l, uint32_t reg, uint64_t *val)
{
	uint32_t low;

	switch (reg) {
	case APIC_ID: *val = l->id; return 0;
	case APIC_ICR:
		*val = (uint64_t)l->icr_high << 32 | l->icr_low;
		return 0;
	default:
		if (!reg_read(l, reg, &low))
			return -EINVAL;
		*val = low;
		return 0;
	}
}

/* Bits that a write may set; 0: the register can't be written. */
static uint64_t x2apic_writable(uint32_t reg)
{
	if (is_lvt(reg))
		return lvt_valid[reg - APIC_LVT_TIMER] | LVT_READ_ONLY;
	switch (reg) {
	case APIC_TPR: return 0xff;
	case APIC_SVR: return APIC_SVR_VALID;
	case APIC_ICR: return ~(uint64_t)APIC_ICR_RESERVED;
	case APIC_TMICT: return 0xffffffffu;
	case APIC_TDCR: return 0xb;
	case APIC_SELF_IPI: return 0xff;
	default: return 0;
	}
}

static int x2apic_write(struct lapic *l, uint32_t reg, uint64_t val)
{
	/* The two that every interrupt ends with come first. */
	if (likely(reg == APIC_EOI)) {
		if (val)
			return -EINVAL;
		lapic_eoi(l);
		return 0;
	}
	if (reg == APIC_ESR) {
		if (val)
			return -EINVAL;
		(void)reg_write(l, reg, 0);
		return 0;
	}
	if (!x2apic_writable(reg) || (val & ~x2apic_writable(reg)))
		return -EINVAL;
	if (reg == APIC_SELF_IPI) {
		lapic_self_ipi(l, (uint32_t)val);
		return 0;
	}
	if (reg == APIC_LVT_TIMER && ((val & APIC_LVT_MODE) == APIC_LVT_MODE ||
				      (val & l->timer_refused)))
		return -EINVAL;
	if (reg == APIC_ICR)
		l->icr_high = (uint32_t)(val >> 32);
	(void)reg_write(l, reg, (uint32_t)val);
	return 0;
}

/* ---- modes ---- */

/*
 * SDM, "x2APIC State Transitions": from x2APIC only to disabled, from disabled
 * only to xAPIC, and EXTD without EN is never legal.
 */
static bool mode_change_is_legal(uint64_t old, uint64_t new)
{
	bool had_en = old & APIC_BASE_ENABLE, had_extd = old & APIC_BASE_X2APIC;
	bool en = new &APIC_BASE_ENABLE, extd = new &APIC_BASE_X2APIC;

	if (extd && !en)
		return false;
	if (had_extd && en && !extd)
		return false;
	return !(!had_en && extd);
}

static int write_base(struct lapic *l, uint64_t val)
{
	uint64_t old = l->base;

	if (val & l->base_reserved)
		return -EINVAL;
	if (!mode_change_is_legal(old, val))
		return -EINVAL;
	WRITE_ONCE(l->base, val);
	if ((old ^ val) & APIC_BASE_X2APIC)
		l->ldr = val & APIC_BASE_X2APIC ? x2apic_ldr(l) : 0;
	/* Switched on again: the ID that INIT would give. */
	if (!(old & APIC_BASE_ENABLE) && (val & APIC_BASE_ENABLE))
		l->xapic_id = l->id & 0xff;
	lapic_recheck(l);
	return 0;
}

int lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *val)
{
	if (msr == MSR_APIC_BASE) {
		*val = l->base;
		return 0;
	}
	if ((msr & ~0xffu) != MSR_X2APIC || !lapic_is_x2apic(l))
		return -EINVAL;
	return x2apic_read(l, msr - MSR_X2APIC, val);
}

int lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t val)
{
	if (msr == MSR_APIC_BASE)
		return write_base(l, val);
	if ((msr & ~0xffu) != MSR_X2APIC || !lapic_is_x2apic(l))
		return -EINVAL;
	return x2apic_write(l, msr - MSR_X2APIC, val);
}

/* ---- xAPIC ---- */

bool lapic_owns_mmio(const struct lapic *l, gpa_t a)
{
	uint64_t page = l->base & ~(PAGE_SIZE - 1) & ~l->base_reserved;

	return (a.raw & ~(PAGE_SIZE - 1)) == page && lapic_is_enabled(l) &&
	       !lapic_is_x2apic(l);
}

bool lapic_eoi_by_memory(struct lapic *l, gpa_t a)
{
	if (!lapic_owns_mmio(l, a))
		return false;
	lapic_eoi(l);
	return true;
}

static bool xapic_read(struct lapic *l, uint32_t reg, uint32_t *val)
{
	switch (reg) {
	case APIC_ID: *val = l->xapic_id << 24; return true;
	case APIC_DFR: *val = l->dfr; return true;
	case APIC_ICR_HIGH: *val = l->icr_high; return true;
	/* Exist, but hold nothing here. */
	case APIC_APR:
	case APIC_RRD:
	case APIC_EOI: *val = 0; return true;
	default: return reg_read(l, reg, val);
	}
}

static bool xapic_write(struct lapic *l, uint32_t reg, uint32_t val)
{
	switch (reg) {
	case APIC_ID: WRITE_ONCE(l->xapic_id, val >> 24); return true;
	case APIC_LDR: WRITE_ONCE(l->ldr, val & 0xff000000u); return true;
	case APIC_DFR: WRITE_ONCE(l->dfr, val | DFR_RESERVED); return true;
	case APIC_ICR_HIGH: l->icr_high = val & 0xff000000u; return true;
	/* Read-only registers: ignored, but no error. */
	case APIC_VERSION:
	case APIC_APR:
	case APIC_PPR:
	case APIC_RRD:
	case APIC_TMCCT: return true;
	default:
		if (reg >= APIC_ISR && reg < APIC_ESR)
			return true;
		return reg_write(l, reg, val);
	}
}

/*
 * SDM, "Local APIC Register Address Map": aligned 32-bit accesses. Narrower
 * reads inside a register's four bytes are served as well; anything else
 * reads as zero and is not written.
 */
void lapic_mmio_read(struct lapic *l, uint32_t off, unsigned nbytes,
		     uint64_t *val)
{
	uint32_t reg = 0;

	*val = 0;
	if ((off & 15) + nbytes > 4)
		return;
	if (!xapic_read(l, off >> 4, &reg)) {
		lapic_error(l, APIC_ESR_BAD_REGISTER);
		return;
	}
	*val = reg >> (off & 3) * 8;
	if (nbytes < 4)
		*val &= BIT(nbytes * 8) - 1;
}

void lapic_mmio_write(struct lapic *l, uint32_t off, unsigned nbytes,
		      uint64_t val)
{
	if ((off & 15) || nbytes != 4)
		return;
	if (!xapic_write(l, off >> 4, (uint32_t)val))
		lapic_error(l, APIC_ESR_BAD_REGISTER);
}
