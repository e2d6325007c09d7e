// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shares, see fair.h.
 *
 * A group counts the time integral of its runnable vCPUs, so that each pays
 * for exactly as many as there were while it ran. With n of them the integral
 * is n * now + k; k changes when n does, so that the integral doesn't jump:
 * by -now when one joins, by +now when one leaves. Both fit one word, n in the
 * low bits: each change is one atomic addition, each look one load.
 */
#include "kernel/sched/fair.h"

#define NR_BITS 8u
#define NR_MASK (BIT(NR_BITS) - 1)

/* Virtual time per tick at weight 1. */
#define SCALE 1024u
/* One stretch pays for this much at most: 2^40 ticks are minutes. */
#define STRETCH_MAX BIT(40)

void sched_group_init(struct sched_group *g, uint32_t weight)
{
	g->demand = 0;
	g->extra = 0;
	g->used = 0;
	sched_group_set_weight(g, weight);
}

void sched_group_set_weight(struct sched_group *g, uint32_t weight)
{
	WRITE_ONCE(g->weight, weight < 1 ? 1 : min(weight, WEIGHT_MAX));
}

void sched_group_charge(struct sched_group *g, uint64_t ticks)
{
	__atomic_fetch_add(&g->extra, ticks, __ATOMIC_RELAXED);
}

void fair_join(struct sched_group *g, uint64_t now)
{
	__atomic_fetch_add(&g->demand, 1 - (now << NR_BITS), __ATOMIC_RELAXED);
}

void fair_leave(struct sched_group *g, uint64_t now)
{
	__atomic_fetch_add(&g->demand, (now << NR_BITS) - 1, __ATOMIC_RELAXED);
}

static uint64_t nr_runnable(const struct sched_group *g)
{
	return READ_ONCE(g->demand) & NR_MASK;
}

/* The integral; only its low 56 bits mean anything. */
static uint64_t demand_at(const struct sched_group *g, uint64_t now)
{
	uint64_t word = READ_ONCE(g->demand);

	return (word & NR_MASK) * now + (word >> NR_BITS);
}

/* The rate of a vCPU that is the only one of its VM. */
static uint32_t rate_alone(const struct sched_group *g)
{
	return (1u << 20) / READ_ONCE(g->weight);
}

uint32_t fair_rate(const struct sched_group *g)
{
	uint64_t n = max(nr_runnable(g), 1ull);

	return (uint32_t)((n << 20) / READ_ONCE(g->weight));
}

void fair_begin(struct thread *t, uint64_t now)
{
	t->demand_seen = demand_at(t->group, now);
}

/* v, but not further from the clock than a thread of that rate may be. */
static uint64_t clamp(uint64_t v, uint64_t clock, uint64_t credit,
		      uint64_t debt)
{
	if (prioq_before(v, clock - credit))
		return clock - credit;
	if (prioq_before(clock + debt, v))
		return clock + debt;
	return v;
}

static uint64_t us_to_virtual(uint64_t us, uint32_t rate)
{
	return fair_virtual(tsc_khz * us / 1000, rate);
}

static uint64_t in_virtual(const struct sched_group *g, uint64_t ticks)
{
	return min(ticks, STRETCH_MAX) * SCALE / READ_ONCE(g->weight);
}

/*
 * The VM's own account, in the same time as its vCPUs': while all of them want
 * to run it keeps pace with the clock, as each of them does.
 */
static void charge_group(struct sched_group *g, uint64_t ticks, uint64_t clock)
{
	uint32_t rate = fair_rate(g);
	uint64_t used = __atomic_add_fetch(&g->used, in_virtual(g, ticks),
					   __ATOMIC_RELAXED);
	uint64_t kept = clamp(used, clock, us_to_virtual(CREDIT_US, rate),
			      us_to_virtual(DEBT_US, rate));

	/* If somebody else was faster, that one looks. */
	if (kept != used)
		__atomic_compare_exchange_n(&g->used, &used, kept, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void fair_charge(struct thread *t, uint64_t ran, uint64_t now, uint64_t clock)
{
	struct sched_group *g = t->group;
	uint32_t rate = fair_rate(g);
	uint64_t seen = demand_at(g, now), extra = 0;
	/* Sign of 56 bits: the TSCs of CPUs may differ a little. */
	int64_t used = (int64_t)((seen - t->demand_seen) << NR_BITS);
	uint64_t ticks = used > 0 ? (uint64_t)used >> NR_BITS : 0;

	t->demand_seen = seen;
	if (unlikely(READ_ONCE(g->extra)))
		extra = __atomic_exchange_n(&g->extra, 0, __ATOMIC_RELAXED);
	charge_group(g, ran + extra, clock);
	ticks += extra * max(nr_runnable(g), 1ull);
	t->vruntime += in_virtual(g, ticks);
	t->vruntime = clamp(t->vruntime, clock, us_to_virtual(CREDIT_US, rate),
			    us_to_virtual(DEBT_US, rate));
}

void fair_place(struct thread *t, uint64_t clock, bool slept)
{
	const struct sched_group *g = t->group;
	uint32_t rate = fair_rate(g);
	uint64_t least =
		READ_ONCE(g->used) - us_to_virtual(SLEEPER_US, rate_alone(g));

	/* Else the vCPUs of a VM would win by sleeping in turns. */
	if (slept && prioq_before(t->vruntime, least))
		t->vruntime = least;
	t->vruntime = clamp(t->vruntime, clock,
			    us_to_virtual(slept ? SLEEPER_US : CREDIT_US, rate),
			    us_to_virtual(DEBT_US, rate));
}

void fair_clock_raise(uint64_t *clock, uint64_t v)
{
	uint64_t old = __atomic_load_n(clock, __ATOMIC_RELAXED);

	while (prioq_before(old, v) &&
	       !__atomic_compare_exchange_n(clock, &old, v, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* The virtual runtime that h's vCPU has used up by now. */
static uint64_t hint_used(const struct fair_hint *h, uint64_t now)
{
	int64_t ran = (int64_t)(now - READ_ONCE(h->since));
	uint64_t v = READ_ONCE(h->vruntime);

	if (ran > 0)
		v += fair_virtual(min((uint64_t)ran, BIT(36)),
				  READ_ONCE(h->rate));
	return v;
}

uint64_t fair_hint_now(const struct fair_hint *h, uint64_t now, uint64_t clock)
{
	uint32_t rate = READ_ONCE(h->rate);

	return clamp(hint_used(h, now), clock, us_to_virtual(CREDIT_US, rate),
		     us_to_virtual(DEBT_US, rate));
}

int64_t fair_lead(const struct fair_hint *h, const struct thread *t,
		  uint64_t now, uint64_t clock)
{
	uint32_t rate = max(READ_ONCE(h->rate), fair_rate(t->group));

	return (int64_t)(fair_hint_now(h, now, clock) - t->vruntime -
			 us_to_virtual(LEAD_US, rate));
}

int64_t fair_lag(const struct fair_hint *h, uint64_t v, uint64_t clock)
{
	uint32_t rate = READ_ONCE(h->rate);
	uint64_t claim = clamp(READ_ONCE(h->vruntime), clock,
			       us_to_virtual(CREDIT_US, rate),
			       us_to_virtual(DEBT_US, rate));

	return (int64_t)(v - claim - us_to_virtual(LEAD_US, rate));
}

uint64_t fair_patience(uint64_t n, uint64_t weights)
{
	uint64_t us = max(n * TURN_US, weights * TURN_MIN_US);

	return 2 * tsc_khz * us / 1000;
}

void fair_let_off(struct thread *t, uint64_t clock)
{
	if (prioq_before(clock, t->vruntime))
		t->vruntime = clock;
}

uint64_t fair_turn(uint32_t rate, uint32_t least_rate)
{
	uint64_t turn = tsc_khz * TURN_US / 1000;
	uint64_t least = tsc_khz * TURN_MIN_US / 1000;

	if (least_rate < rate)
		turn = turn * least_rate / rate;
	return max(turn, least);
}
