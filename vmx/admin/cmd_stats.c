// SPDX-License-Identifier: GPL-2.0-or-later
/* `stats` and `audit`: what happened, and proof that the books balance. */
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "mm/audit.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/admin/vm_view.h"
#include "vmx/devices/devices.h"

/* One number with its name in JSON and in text. */
struct counter {
	const char *name;
	uint64_t value;
};

static void json_counters(struct json *j, const struct counter *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_u64(j, c[i].name, c[i].value);
}

static void print_counters(const char *title, const struct counter *c, size_t n)
{
	out_printf("%s\n", title);
	for (size_t i = 0; i < n; i++)
		out_printf("  %-22s %16llu\n", c[i].name,
			   (unsigned long long)c[i].value);
}

struct stats_view {
	struct vm_view vm;
	struct vm_stats run;
	struct aerostat_guest_stats guest;
	bool has_guest; /* the guest publishes statistics */
	uint64_t resize_ticks;
};

#define NR_CPU_COUNTERS	  9
#define NR_MEM_COUNTERS	  18
#define NR_GUEST_COUNTERS 12

static void cpu_counters(const struct vm_stats *s, struct counter *out)
{
	const struct counter c[NR_CPU_COUNTERS] = {
		{ "exits_total", s->exits_total },
		{ "guest_ticks", s->guest_ticks },
		{ "injected_irqs", s->injected_irqs },
		{ "injected_exceptions", s->injected_exceptions },
		{ "hypercalls", s->hypercalls },
		{ "halts", s->halts },
		{ "unknown_msrs", s->unknown_msrs },
		{ "unknown_ports", s->unknown_ports },
		{ "unknown_mmio", s->unknown_mmio },
	};

	memcpy(out, c, sizeof(c));
}

static void mem_counters(const struct stats_view *v, struct counter *out)
{
	const struct gspace_stats *m = &v->vm.mem;
	const struct counter c[NR_MEM_COUNTERS] = {
		{ "faults_committed", m->nr_commits },
		{ "pages_committed", m->nr_commit_pages },
		{ "zero_maps", m->nr_zero_maps },
		{ "balloon_violations", m->nr_violations },
		{ "pages_inflated", m->nr_inflated },
		{ "pages_deflated", m->nr_deflated },
		{ "pages_discarded", m->nr_discarded },
		{ "leaves_4k", m->nr_leaf_4k },
		{ "leaves_2m", m->nr_leaf_2m },
		{ "leaves_1g", m->nr_leaf_1g },
		{ "splits", m->nr_splits },
		{ "collapses", m->nr_collapses },
		{ "flushes", m->nr_flushes },
		{ "memory_waits", m->nr_waits },
		{ "overhead_frames", m->meta_frames },
		{ "resident_pages", m->state[PG_RESIDENT] },
		{ "ballooned_pages", m->state[PG_BALLOONED] },
		{ "resize_ticks", v->resize_ticks },
	};

	memcpy(out, c, sizeof(c));
}

static void guest_counters(const struct aerostat_guest_stats *g,
			   struct counter *out)
{
	const struct counter c[NR_GUEST_COUNTERS] = {
		{ "mem_total", g->mem_total },
		{ "mem_free", g->mem_free },
		{ "mem_available", g->mem_available },
		{ "buffers_cached", g->buffers_cached },
		{ "swap_total", g->swap_total },
		{ "swap_free", g->swap_free },
		{ "committed_as", g->committed_as },
		{ "major_faults", g->major_faults },
		{ "minor_faults", g->minor_faults },
		{ "swap_in", g->swap_in },
		{ "swap_out", g->swap_out },
		{ "balloon_pages", g->balloon_pages },
	};

	memcpy(out, c, sizeof(c));
}

static void stats_take(struct vm *vm, struct stats_view *out)
{
	memset(out, 0, sizeof(*out));
	vm_view_take(vm, &out->vm);
	vm_get_stats(vm, &out->run);
	/* The device page is there while the VM has its memory. */
	if (!out->vm.has_memory)
		return;
	out->has_guest = memdev_get_guest_stats(vm, &out->guest);
	out->resize_ticks = memdev_resize_ticks(vm);
}

static void json_exits(struct json *j, const struct vm_stats *s)
{
	json_open_array(j, "exits");
	for (uint32_t r = 0; r < VMX_NR_REASONS; r++) {
		if (!s->exits[r])
			continue;
		json_open_object(j, NULL);
		json_u64(j, "reason", r);
		json_str(j, "name", vmx_reason_name(r));
		json_u64(j, "count", s->exits[r]);
		json_close_object(j);
	}
	json_close_array(j);
}

static void stats_json(const struct stats_view *v)
{
	struct counter c[NR_MEM_COUNTERS];
	struct json *j = out_json();

	json_open_object(j, NULL);
	json_str(j, "name", v->vm.cfg->name);
	json_str(j, "state", vm_state_name(v->vm.state));
	json_u64(j, "uptime_ms", v->vm.uptime_ns / 1000000);
	json_u64(j, "tsc_khz", tsc_khz);
	cpu_counters(&v->run, c);
	json_open_object(j, "cpu");
	json_counters(j, c, NR_CPU_COUNTERS);
	json_close_object(j);
	json_exits(j, &v->run);
	mem_counters(v, c);
	json_open_object(j, "memory");
	json_counters(j, c, NR_MEM_COUNTERS);
	json_close_object(j);
	json_bool(j, "guest_publishes", v->has_guest);
	if (v->has_guest) {
		guest_counters(&v->guest, c);
		json_open_object(j, "guest");
		json_counters(j, c, NR_GUEST_COUNTERS);
		json_close_object(j);
	}
	json_close_object(j);
	out_json_end(j);
}

/* The reason with the most exits among those not `shown` yet; -1: none. */
static int next_reason(const struct vm_stats *s, const bool *shown)
{
	int best = -1;

	for (int r = 0; r < VMX_NR_REASONS; r++) {
		if (s->exits[r] && !shown[r] &&
		    (best < 0 || s->exits[r] > s->exits[best]))
			best = r;
	}
	return best;
}

static void print_exits(const struct vm_stats *s)
{
	bool shown[VMX_NR_REASONS] = { false };
	int r;

	if (s->exits_total)
		out_str("exits by reason\n");
	while ((r = next_reason(s, shown)) >= 0) {
		uint64_t permille = s->exits[r] * 1000 / s->exits_total;

		shown[r] = true;
		out_printf("  %-22s %16llu %3llu.%llu %%\n",
			   vmx_reason_name((uint32_t)r),
			   (unsigned long long)s->exits[r],
			   (unsigned long long)permille / 10,
			   (unsigned long long)permille % 10);
	}
}

static void stats_text(const struct stats_view *v)
{
	struct counter c[NR_MEM_COUNTERS];

	out_printf("%s: %s\n", v->vm.cfg->name, vm_state_name(v->vm.state));
	cpu_counters(&v->run, c);
	print_counters("processor", c, NR_CPU_COUNTERS);
	print_exits(&v->run);
	mem_counters(v, c);
	print_counters("memory", c, NR_MEM_COUNTERS);
	if (!v->has_guest) {
		out_str("the guest publishes no statistics\n");
		return;
	}
	guest_counters(&v->guest, c);
	print_counters("published by the guest (pages; faults and swap: "
		       "events)",
		       c, NR_GUEST_COUNTERS);
}

int cmd_stats(const struct shell_args *a)
{
	static struct stats_view v; /* too large for the stack */
	struct vm *vm;

	if (a->argc != 2)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[1]);
	if (!vm)
		return 0;
	stats_take(vm, &v);
	if (a->json)
		stats_json(&v);
	else
		stats_text(&v);
	return 0;
}

/* ---- audit ---- */

/*
 * The auditor reports with the locks of a VM's space held, so its lines are
 * kept and printed when it is done.
 */
#define AUDIT_LINES 20u

struct audit_lines {
	char text[AUDIT_LINES][160];
	unsigned nr;
};

static void keep_line(void *arg, const char *text)
{
	struct audit_lines *l = arg;

	if (l->nr < AUDIT_LINES)
		(void)str_copy(l->text[l->nr++], text, sizeof(l->text[0]));
}

static void audit_json(const struct audit_report *r,
		       const struct audit_lines *l)
{
	struct json *j = out_json();

	json_open_object(j, NULL);
	json_bool(j, "clean", r->nr_errors == 0);
	json_u64(j, "nr_errors", r->nr_errors);
	json_open_array(j, "errors");
	for (unsigned i = 0; i < l->nr; i++)
		json_str(j, NULL, l->text[i]);
	json_close_array(j);
	json_u64(j, "frames", r->nr_frames);
	json_u64(j, "objects", r->nr_objects);
	json_u64(j, "object_pages", r->nr_object_pages);
	json_u64(j, "leaves", r->nr_leaves);
	json_close_object(j);
	out_json_end(j);
}

static void audit_text(const struct audit_report *r,
		       const struct audit_lines *l)
{
	for (unsigned i = 0; i < l->nr; i++)
		out_printf("audit: error: %s\n", l->text[i]);
	if (r->nr_errors)
		out_printf("audit: %llu errors",
			   (unsigned long long)r->nr_errors);
	else
		out_str("audit: clean");
	out_printf(" (%llu frames, %llu objects, %llu object pages, "
		   "%llu leaves)\n",
		   (unsigned long long)r->nr_frames,
		   (unsigned long long)r->nr_objects,
		   (unsigned long long)r->nr_object_pages,
		   (unsigned long long)r->nr_leaves);
}

int cmd_audit(const struct shell_args *a)
{
	static struct audit_lines lines;
	struct audit_report r;

	if (a->argc != 1)
		return -EINVAL;
	lines.nr = 0;
	mm_audit(&r, keep_line, &lines);
	if (a->json)
		audit_json(&r, &lines);
	else
		audit_text(&r, &lines);
	return 0;
}
