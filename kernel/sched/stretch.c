// SPDX-License-Identifier: GPL-2.0-or-later
/* How long a CPU is kept; what it means: stretch.h. */
#include "kernel/sched/stretch.h"

#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/percpu.h"

struct stretch {
	uint64_t since; /* TSC when the current stretch began; 0: never */
	struct stretch_stats max; /* [own CPU; others read] */
} ALIGNED(128);

static struct stretch stretches[MAX_CPUS];

static NOINLINE void note_longest(struct stretch *s, uint64_t ticks,
				  uint64_t where)
{
	s->max.longest = ticks;
	s->max.where = where;
	str_copy(s->max.who, thread_name(thread_self()), sizeof(s->max.who));
}

void stretch_begin(void)
{
	stretches[cpu_id()].since = rdtsc();
}

void stretch_end_at(const void *where)
{
	struct stretch *s = &stretches[cpu_id()];
	/* Signed: the TSC may have been set back by firmware. */
	int64_t ticks = (int64_t)(rdtsc() - s->since);

	if (unlikely(ticks > (int64_t)s->max.longest) && s->since)
		note_longest(s, (uint64_t)ticks, (uint64_t)where);
}

void stretch_irq_late(uint64_t ticks)
{
	struct stretch *s = &stretches[cpu_id()];

	if ((int64_t)ticks > (int64_t)s->max.irq_late)
		s->max.irq_late = ticks;
}

void stretch_get(uint32_t cpu, struct stretch_stats *out)
{
	*out = stretches[cpu].max;
}
