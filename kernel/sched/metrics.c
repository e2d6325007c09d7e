// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of all CPUs for the console. */
#include "kernel/lib/lib.h"
#include "kernel/lib/metric.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sync/percpu.h"

/* A field of cpu_stats: the sum over the CPUs, or the largest. */
enum { SUM, LARGEST };
#define FIELD(field, how)                                                      \
	((unsigned)offsetof(struct cpu_stats, field) << 1 | (how))

static uint64_t get_field(const struct metric *m)
{
	uint64_t all = 0, v;
	struct cpu_stats s;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (!cpu_get_stats(cpu, &s))
			continue;
		memcpy(&v, (const char *)&s + (m->arg >> 1), sizeof(v));
		all = (m->arg & 1) == SUM ? all + v : max(all, v);
	}
	return all;
}

static uint64_t get_cpus(const struct metric *m)
{
	(void)m;
	return nr_cpus;
}

const struct metric sched_metrics[] = {
	{ "cpu.up", "CPUs", "CPUs that came up", get_cpus, 0 },
	{ "cpu.busy", "ticks", "time not spent idle, of all CPUs", get_field,
	  FIELD(busy_ticks, SUM) },
	{ "cpu.idle", "ticks", "time spent idle, of all CPUs", get_field,
	  FIELD(idle_ticks, SUM) },
	{ "cpu.irqs", "interrupts", "interrupts that the host took", get_field,
	  FIELD(nr_irqs, SUM) },
	{ "sched.switches", "switches", "changes from thread to thread",
	  get_field, FIELD(nr_switches, SUM) },
	{ "sched.longest_kept", "ticks",
	  "longest that the hypervisor kept a CPU from others", get_field,
	  FIELD(longest_kept, LARGEST) },
	{ "sched.irq_late", "ticks", "latest that a timer was served",
	  get_field, FIELD(irq_late, LARGEST) },
};
const size_t nr_sched_metrics = ARRAY_SIZE(sched_metrics);
