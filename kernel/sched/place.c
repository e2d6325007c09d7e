// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a vCPU should run, and which CPU has one that should run here: what a
 * CPU can tell of all others without their locks. It looks at hints, never at
 * threads: those may be gone.
 */
#include "kernel/cpu/machine.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/sched_priv.h"

static bool claim_idle(uint32_t cpu)
{
	uint64_t bit = BIT(cpu);

	return READ_ONCE(sched_idle_mask) & bit &&
	       __atomic_fetch_and(&sched_idle_mask, ~bit, __ATOMIC_SEQ_CST) &
		       bit;
}

int place_claim_idle(uint32_t first)
{
	uint64_t idle;

	if (claim_idle(first))
		return (int)first;
	while ((idle = READ_ONCE(sched_idle_mask)) != 0) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(idle);

		if (claim_idle(cpu))
			return (int)cpu;
	}
	return -1;
}

int place_ahead_of(const struct thread *t, uint32_t except)
{
	uint64_t now = rdtsc(), at = READ_ONCE(sched_clock);
	int64_t most = 0;
	int best = -1;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct cpu_sched *s = &scheds[cpu];
		int64_t lead;

		if (cpu == except || !s->online ||
		    READ_ONCE(s->hint.class) != THREAD_VCPU)
			continue;
		lead = fair_lead(&s->hint, t, now, at);
		if (lead > most) {
			most = lead;
			best = (int)cpu;
		}
	}
	return best;
}

uint32_t place_choose(const struct thread *t)
{
	int cpu = place_claim_idle(t->cpu);

	if (cpu >= 0)
		return (uint32_t)cpu;
	if (READ_ONCE(scheds[t->cpu].hint.class) > t->class)
		return t->cpu;
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (scheds[i].online &&
		    READ_ONCE(scheds[i].hint.class) > t->class)
			return i;
	if (t->class == THREAD_VCPU)
		cpu = place_ahead_of(t, MAX_CPUS);
	return cpu >= 0 ? (uint32_t)cpu : t->cpu;
}

int place_behind(uint64_t v)
{
	uint64_t at = READ_ONCE(sched_clock);
	int64_t most = 0;
	int best = -1;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct fair_hint *h = &scheds[cpu].first;
		int64_t lag;

		if (cpu == cpu_id() || READ_ONCE(h->class) != THREAD_VCPU)
			continue;
		lag = fair_lag(h, v, at);
		if (lag > most) {
			most = lag;
			best = (int)cpu;
		}
	}
	return best;
}

bool place_some_wait(void)
{
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (READ_ONCE(scheds[cpu].first.class) == THREAD_VCPU)
			return true;
	return false;
}

uint32_t place_least_rate(const struct cpu_sched *s)
{
	uint32_t least = runq_least_rate(&s->rq, UINT32_MAX);

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		const struct fair_hint *h = &scheds[cpu].hint;

		if (READ_ONCE(h->class) == THREAD_VCPU)
			least = min(least, READ_ONCE(h->rate));
	}
	return least;
}
