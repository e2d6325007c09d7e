/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a CPU has done so far, for listings. */
#ifndef KERNEL_CPU_STATS_H
#define KERNEL_CPU_STATS_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/metric.h"

struct cpu_stats {
	uint32_t apic_id;
	uint64_t idle_ticks, busy_ticks;
	uint64_t nr_irqs, nr_switches;
	uint32_t nr_runnable;
	char running[32]; /* thread name */
	/* kernel/sched/stretch.h: the longest so far, in ticks. */
	uint64_t longest_kept, irq_late;
	char kept_by[32];
	uint64_t kept_until; /* code address where it gave way */
};
/* False: no such CPU, or it is not up yet. */
bool cpu_get_stats(uint32_t cpu, struct cpu_stats *out);

/* Sums over the CPUs, for main.c to register; kernel/sched/metrics.c. */
extern const struct metric sched_metrics[];
extern const size_t nr_sched_metrics;

#endif
