// SPDX-License-Identifier: GPL-2.0-or-later
/* What the scheduler's counters say of threads and CPUs. */
#include "kernel/sched/cpu_stats.h"

#include "kernel/cpu/machine.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/sched_priv.h"
#include "kernel/sched/stretch.h"

/* Ticks that t ran, its current turn included; s guards t and is locked. */
static uint64_t runtime_locked(const struct cpu_sched *s,
			       const struct thread *t)
{
	int64_t now = (int64_t)(rdtsc() - s->since);

	return t->runtime + (s->current == t && now > 0 ? (uint64_t)now : 0);
}

uint64_t thread_runtime(const struct thread *t)
{
	uint64_t flags = irq_save();
	struct cpu_sched *s = sched_lock_of(t);
	uint64_t ticks = runtime_locked(s, t);

	spin_unlock(&s->lock);
	irq_restore(flags);
	return ticks;
}

bool cpu_get_stats(uint32_t cpu, struct cpu_stats *out)
{
	struct cpu_sched *s = &scheds[cpu];
	struct stretch_stats kept;
	uint64_t flags, total;

	if (cpu >= nr_cpus || !s->online)
		return false;
	flags = spin_lock_irqsave(&s->lock);
	out->apic_id = cpu_of(cpu)->apic_id;
	out->idle_ticks = runtime_locked(s, s->idle);
	out->nr_runnable = s->rq.nr_waiting + (s->current != s->idle);
	out->nr_switches = s->nr_switches;
	out->nr_irqs = cpu_of(cpu)->nr_irqs;
	str_copy(out->running, s->current->name, sizeof(out->running));
	total = rdtsc() - s->start;
	spin_unlock_irqrestore(&s->lock, flags);
	out->busy_ticks = total - min(total, out->idle_ticks);
	stretch_get(cpu, &kept);
	out->longest_kept = kept.longest;
	out->irq_late = kept.irq_late;
	out->kept_until = kept.where;
	str_copy(out->kept_by, kept.who, sizeof(out->kept_by));
	return true;
}
