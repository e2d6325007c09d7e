// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of all VMs together for the console; `stats NAME` has each one's. */
#include "kernel/lib/lib.h"
#include "kernel/lib/metric.h"
#include "mm/gspace.h"
#include "vmx/vm.h"
#include "vmx/vmx.h"

static uint64_t get_running(const struct metric *m)
{
	uint64_t n = 0;

	(void)m;
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		n += READ_ONCE(vm->state) == VM_RUNNING;
	return n;
}

/* The sum over the VMs of the field at m->arg of struct vm_stats. */
static uint64_t get_run(const struct metric *m)
{
	uint64_t sum = 0, v;
	struct vm_stats s;

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		vm_get_stats(vm, &s);
		memcpy(&v, (const char *)&s + m->arg, sizeof(v));
		sum += v;
	}
	return sum;
}

/* The same of struct gspace_stats. */
static uint64_t get_memory(const struct metric *m)
{
	uint64_t sum = 0, v;
	struct gspace_stats s;

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		if (!vm_is_created(vm))
			continue;
		gspace_get_stats(vm->gs, &s);
		memcpy(&v, (const char *)&s + m->arg, sizeof(v));
		sum += v;
	}
	return sum;
}

#define RUN(field)    get_run, offsetof(struct vm_stats, field)
#define MEMORY(field) get_memory, offsetof(struct gspace_stats, field)

const struct metric vmx_metrics[] = {
	{ "vm.running", "VMs", "VMs that run", get_running, 0 },
	{ "vm.exits", "exits", "exits of guests", RUN(exits_total) },
	{ "vm.guest_time", "ticks", "time of vCPUs' threads",
	  RUN(guest_ticks) },
	{ "vm.injected_irqs", "interrupts", "interrupts given to guests",
	  RUN(injected_irqs) },
	{ "vm.halts", "halts", "HLT of guests", RUN(halts) },
	{ "vm.hypercalls", "calls", "hypercalls", RUN(hypercalls) },
	{ "vm.commits", "faults", "first touches that committed memory",
	  MEMORY(nr_commits) },
	{ "vm.inflated", "pages", "given back by balloons",
	  MEMORY(nr_inflated) },
	{ "vm.deflated", "pages", "taken again by balloons",
	  MEMORY(nr_deflated) },
	{ "vm.splits", "leaves", "large leaves taken apart",
	  MEMORY(nr_splits) },
	{ "vm.collapses", "leaves", "small leaves put together",
	  MEMORY(nr_collapses) },
	{ "vm.flushes", "flushes", "invalidations of guests' translations",
	  MEMORY(nr_flushes) },
	{ "vm.memory_waits", "waits", "waits of guests for host memory",
	  MEMORY(nr_waits) },
};
const size_t nr_vmx_metrics = ARRAY_SIZE(vmx_metrics);
