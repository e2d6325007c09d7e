// SPDX-License-Identifier: GPL-2.0-or-later
/* Shares of CPU time, and `top`, which shows them again and again. */
#include "vmx/admin/cpu_use.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sync/percpu.h"
#include "mm/heap.h"
#include "vmx/admin/admin_priv.h"

#define INTERVAL_MAX_S	 3600u
#define CPU_USE_LEAST_NS 100000000ull

/*
 * A clock for shares: since the last look, at least CPU_USE_LEAST_NS long, or
 * since the beginning. Zeroed at first.
 */
struct cpu_use {
	uint64_t tsc, ticks;
	uint32_t permille; /* at the last look; 1000: one whole CPU */
};

/* `ticks` have been used so far. Returns the share since the last look. */
static uint32_t take_share(struct cpu_use *u, uint64_t ticks)
{
	uint64_t now = rdtsc();
	uint64_t time = now - u->tsc;
	uint64_t unit;

	if (u->tsc && time < ns_to_tsc(CPU_USE_LEAST_NS))
		return u->permille;
	/* Divided first: ticks of years don't overflow. */
	unit = time / 1000 + 1;
	u->permille = (uint32_t)((ticks - u->ticks + unit / 2) / unit);
	u->tsc = now;
	u->ticks = ticks;
	return u->permille;
}

static uint64_t ticks_of(struct vm *vm)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < READ_ONCE(vm->nr_vcpus); i++)
		sum += vm_vcpu_ticks(vm, i);
	return sum;
}

uint32_t cpu_use_of_vm(struct vm *vm)
{
	static struct cpu_use uses[CONFIG_MAX_VMS];

	return take_share(&uses[vm->id - 1], ticks_of(vm));
}

char *cpu_use_text(uint32_t permille, char *dst)
{
	(void)snprintf(dst, 16, "%u.%u", permille / 10, permille % 10);
	return dst;
}

/* ---- top ---- */

/* One for the host, then each VM and its vCPUs, in this order. */
static size_t nr_uses(void)
{
	size_t n = 1;

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		n += 1 + vm->cfg->vcpus;
	return n;
}

static uint64_t host_busy_ticks(void)
{
	struct cpu_stats s;
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (cpu_get_stats(cpu, &s))
			sum += s.busy_ticks;
	}
	return sum;
}

/* vCPUs of a VM that never ran are not there yet. */
static uint64_t vcpu_ticks(struct vm *vm, uint32_t i)
{
	return i < READ_ONCE(vm->nr_vcpus) ? vm_vcpu_ticks(vm, i) : 0;
}

static void look(struct cpu_use *u)
{
	(void)take_share(u++, host_busy_ticks());
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		(void)take_share(u++, ticks_of(vm));
		for (uint32_t i = 0; i < vm->cfg->vcpus; i++)
			(void)take_share(u++, vcpu_ticks(vm, i));
	}
}

static void top_text(const struct cpu_use *u)
{
	char text[16];

	out_printf("%-20s %6s %%  of %u CPUs\n", "host",
		   cpu_use_text(u++->permille, text), nr_cpus);
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		const struct cpu_use *all = u++;

		if (admin_vm_is_on(vm))
			out_printf("%-20s %6s %%  %s\n", vm->cfg->name,
				   cpu_use_text(all->permille, text),
				   vm_state_name(READ_ONCE(vm->state)));
		for (uint32_t i = 0; i < vm->cfg->vcpus; i++, u++) {
			if (admin_vm_is_on(vm) && vm->cfg->vcpus > 1)
				out_printf("  vcpu %-13u %6s %%\n", i,
					   cpu_use_text(u->permille, text));
		}
	}
}

static void top_json(const struct cpu_use *u)
{
	struct json *j = out_json();

	json_open_object(j, NULL);
	json_u64(j, "cpus", nr_cpus);
	json_u64(j, "host_permille", u++->permille);
	json_open_array(j, "vms");
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		json_open_object(j, NULL);
		json_str(j, "name", vm->cfg->name);
		json_u64(j, "permille", u++->permille);
		json_open_array(j, "vcpus");
		for (uint32_t i = 0; i < vm->cfg->vcpus; i++)
			json_u64(j, NULL, u++->permille);
		json_close_array(j);
		json_close_object(j);
	}
	json_close_array(j);
	json_close_object(j);
	out_json_end(j);
}

/* COUNT looks (0: until Ctrl-C), each after so many seconds. */
static void show_again(const struct shell_args *a, struct cpu_use *uses,
		       uint64_t seconds, uint64_t count)
{
	look(uses);
	for (uint64_t i = 0; !count || i < count; i++) {
		if (shell_sleep(seconds) != 0)
			return;
		look(uses);
		if (a->json) {
			top_json(uses);
			continue;
		}
		if (i > 0)
			out_str("\n");
		top_text(uses);
	}
}

int cmd_top(const struct shell_args *a)
{
	uint64_t seconds = 1, count = a->json ? 1 : 0;
	struct cpu_use *uses;

	if (a->argc > 3 ||
	    (a->argc > 1 && str_to_u64(a->argv[1], &seconds) != 0) ||
	    (a->argc > 2 && str_to_u64(a->argv[2], &count) != 0) ||
	    seconds == 0 || seconds > INTERVAL_MAX_S)
		return -EINVAL;
	uses = kzalloc(nr_uses() * sizeof(*uses));
	if (!uses) {
		out_fail(a, "top: no memory");
		return 0;
	}
	show_again(a, uses, seconds, count);
	kfree(uses);
	return 0;
}
