/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tests: the CPU number is a variable of each host thread, so that a test
 * may play several CPUs in turn or run one pthread for each.
 */
#ifndef FAKES_KERNEL_PERCPU_H
#define FAKES_KERNEL_PERCPU_H

#define cpu_id	 hardware_cpu_id
#define this_cpu hardware_this_cpu
#include "../../../../../kernel/sync/percpu.h"
#undef cpu_id
#undef this_cpu

extern _Thread_local uint32_t fake_cpu_id;
extern struct cpu fake_cpus[MAX_CPUS];

static inline uint32_t cpu_id(void)
{
	return fake_cpu_id;
}

static inline struct cpu *this_cpu(void)
{
	return &fake_cpus[fake_cpu_id];
}

#endif
