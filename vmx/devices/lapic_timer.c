/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual local APIC timer (SDM Vol. 3A, "APIC Timer").
 *
 * Its input clock is the TSC: exact, the same on every host, and a shift
 * instead of a division on each access. (Where CPUID leaf 0x15 is shown to a
 * guest, the crystal there must equal the TSC rate.) One-shot and periodic
 * mode keep the host TSC of the next expiry, from which the current count
 * follows.
 *
 * Invariant: whenever the lock is free, the host timer is armed exactly if
 * the guest's timer runs, is not masked, and no interrupt of a periodic one
 * waits to be taken; all else is only arithmetic.
 */
#include "vmx/devices/lapic_priv.h"

/* SDM, "Divide Configuration Register": bits 0, 1 and 3; 111b divides by 1. */
static unsigned divide_shift(uint32_t tdcr)
{
	return (((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7;
}

static uint64_t period_ticks(const struct lapic *l)
{
	return (uint64_t)l->tmict << divide_shift(l->tdcr);
}

static bool is_masked(const struct lapic *l)
{
	return lapic_lvt(l, APIC_LVT_TIMER) & APIC_LVT_MASKED;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a + b < a ? ~0ull : a + b;
}

/* Past the expiries up to now: to the next one, if any. [lock] */
static void skip_expired(struct lapic *l, uint64_t now)
{
	uint64_t period = period_ticks(l);

	if (!l->expire || now < l->expire)
		return;
	l->deadline = 0;
	if (lapic_timer_mode(l) != APIC_TIMER_PERIODIC || !period) {
		l->expire = 0;
		return;
	}
	l->expire += period;
	if (l->expire <= now)
		l->expire += (now - l->expire) / period * period + period;
}

/* Lets an expiry that is due happen. [lock] */
static void settle(struct lapic *l, uint64_t now)
{
	if (!l->expire || now < l->expire)
		return;
	if (!is_masked(l))
		lapic_local_event(l, APIC_LVT_TIMER);
	skip_expired(l, now);
}

/*
 * While the last interrupt of a periodic timer is not taken the next ones merge
 * with it: nothing to fire for until lapic_accept() has taken it. [lock]
 */
static bool waits_until_taken(struct lapic *l)
{
	uint8_t vector = (uint8_t)lapic_lvt(l, APIC_LVT_TIMER);
	bool waits = false;

	if (lapic_timer_mode(l) == APIC_TIMER_PERIODIC) {
		__atomic_store_n(&l->timer_waits, true, __ATOMIC_SEQ_CST);
		waits = lapic_irr_has(l, vector);
	}
	if (!waits)
		WRITE_ONCE(l->timer_waits, false);
	return waits;
}

/* Arms the host timer if one is needed; false: cancel it, unlocked. [lock] */
static bool rearm(struct lapic *l)
{
	if (!l->expire || is_masked(l) || waits_until_taken(l))
		return false;
	guest_timer_arm(&l->timer, l->expire);
	return true;
}

/*
 * The end of every change. timer_cancel() waits for a running timer_fn(), so
 * it comes after the lock is free; if that made the host timer late for a
 * change made meanwhile, there was none: only the vCPU's thread changes it.
 */
static void finish(struct lapic *l, uint64_t now, uint64_t flags)
{
	bool is_armed;

	settle(l, now);
	is_armed = rearm(l);
	spin_unlock_irqrestore(&l->lock, flags);
	if (!is_armed && guest_timer_is_armed(&l->timer))
		guest_timer_cancel(&l->timer);
}

/* Interrupt context. */
static void timer_fn(struct guest_timer *t)
{
	struct lapic *l = container_of(t, struct lapic, timer);
	uint64_t flags = spin_lock_irqsave(&l->lock);
	uint64_t now = rdtsc();

	settle(l, now);
	(void)rearm(l);
	spin_unlock_irqrestore(&l->lock, flags);
}

void lapic_timer_init(struct lapic *l)
{
	guest_timer_init(&l->timer, l->vm, timer_fn);
}

void lapic_timer_taken(struct lapic *l)
{
	uint64_t flags = spin_lock_irqsave(&l->lock);

	skip_expired(l, rdtsc());
	(void)rearm(l);
	spin_unlock_irqrestore(&l->lock, flags);
}

void lapic_timer_reset(struct lapic *l)
{
	uint64_t flags = spin_lock_irqsave(&l->lock);

	l->expire = 0;
	l->deadline = 0;
	l->tmict = 0;
	l->tdcr = 0;
	WRITE_ONCE(l->timer_waits, false);
	spin_unlock_irqrestore(&l->lock, flags);
	guest_timer_cancel(&l->timer);
}

void lapic_timer_destroy(struct lapic *l)
{
	lapic_timer_reset(l);
}

void lapic_timer_set_initial(struct lapic *l, uint32_t count)
{
	uint64_t flags, now;

	if (lapic_timer_mode(l) == APIC_TIMER_DEADLINE)
		return;
	flags = spin_lock_irqsave(&l->lock);
	now = rdtsc();
	l->tmict = count;
	l->expire = count ? add_saturated(now, period_ticks(l)) : 0;
	finish(l, now, flags);
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct lapic *l, uint32_t tdcr)
{
	uint64_t flags = spin_lock_irqsave(&l->lock);
	uint64_t now = rdtsc();
	unsigned old = divide_shift(l->tdcr);

	settle(l, now);
	l->tdcr = tdcr & 0xb;
	if (l->expire && lapic_timer_mode(l) != APIC_TIMER_DEADLINE) {
		uint64_t count = (l->expire - now) >> old;

		l->expire = add_saturated(now, count << divide_shift(l->tdcr));
	}
	finish(l, now, flags);
}

uint32_t lapic_timer_initial(struct lapic *l)
{
	return l->tmict;
}

uint32_t lapic_timer_current(struct lapic *l)
{
	uint64_t flags, now, count = 0;

	if (lapic_timer_mode(l) == APIC_TIMER_DEADLINE)
		return 0;
	flags = spin_lock_irqsave(&l->lock);
	now = rdtsc();
	settle(l, now);
	if (l->expire) {
		unsigned shift = divide_shift(l->tdcr);

		/* Rounded up: 0 only when it has expired. */
		count = (l->expire - now + BIT(shift) - 1) >> shift;
	}
	spin_unlock_irqrestore(&l->lock, flags);
	return (uint32_t)count;
}

/*
 * SDM, "TSC-Deadline Mode": going to or from that mode disarms the timer.
 * Between one-shot and periodic the count just goes on.
 */
void lapic_timer_set_lvt(struct lapic *l, uint32_t lvt)
{
	uint64_t flags = spin_lock_irqsave(&l->lock);
	uint64_t now = rdtsc();
	bool was_deadline = lapic_timer_mode(l) == APIC_TIMER_DEADLINE;

	settle(l, now);
	WRITE_ONCE(l->lvt[0], lvt);
	if (was_deadline != (lapic_timer_mode(l) == APIC_TIMER_DEADLINE)) {
		l->expire = 0;
		l->deadline = 0;
		l->tmict = 0;
	}
	finish(l, now, flags);
}

uint64_t lapic_tsc_deadline_read(struct lapic *l)
{
	return READ_ONCE(l->deadline);
}

void lapic_tsc_deadline_write(struct lapic *l, uint64_t guest_tsc)
{
	uint64_t flags, now, guest_now;

	if (lapic_timer_mode(l) != APIC_TIMER_DEADLINE)
		return;
	flags = spin_lock_irqsave(&l->lock);
	now = rdtsc();
	guest_now = vcpu_guest_tsc(l->vcpu);
	l->deadline = guest_tsc;
	if (!guest_tsc)
		l->expire = 0;
	else if (guest_tsc <= guest_now)
		l->expire = now;
	else
		l->expire = add_saturated(now, guest_tsc - guest_now);
	finish(l, now, flags);
}
