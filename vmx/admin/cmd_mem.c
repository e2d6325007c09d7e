// SPDX-License-Identifier: GPL-2.0-or-later
/* `mem`: where the host's memory is, and what each VM has. */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmx/admin/admin_priv.h"

/* ---- the host ---- */

static void json_host(struct json *j, const struct frame_stats *s)
{
	json_open_object(j, "host");
	json_u64(j, "total", s->nr_total << PAGE_SHIFT);
	json_u64(j, "reserve", s->reserve << PAGE_SHIFT);
	json_u64(j, "free_clean", s->nr_free_clean << PAGE_SHIFT);
	json_u64(j, "free_dirty", s->nr_free_dirty << PAGE_SHIFT);
	json_open_object(j, "types");
	for (unsigned t = FRAME_ABSENT + 1; t < FRAME_NR_TYPES; t++)
		json_u64(j, frame_type_name(t), s->nr_type[t] << PAGE_SHIFT);
	json_close_object(j);
	json_close_object(j);
}

/* What is there, by type, in lines of up to 80 columns. */
static void host_types(const struct frame_stats *s)
{
	size_t column = 0;
	char item[48], text[24];

	for (unsigned t = FRAME_ABSENT + 1; t < FRAME_NR_TYPES; t++) {
		size_t n;

		if (!s->nr_type[t])
			continue;
		n = (size_t)snprintf(item, sizeof(item), "%s %s",
				     frame_type_name(t),
				     out_mib(s->nr_type[t], text));
		if (column == 0 || column + n + 2 > 80) {
			out_printf("%s      %s", column ? ",\n" : "", item);
			column = 6 + n;
		} else {
			out_printf(", %s", item);
			column += n + 2;
		}
	}
	out_str("\n");
}

static void host_summary(const struct frame_stats *s)
{
	char total[24], clean[24], dirty[24], reserve[24];

	out_printf(
		"host  %s MiB: free %s clean and %s dirty; guests leave %s\n",
		out_mib(s->nr_total, total), out_mib(s->nr_free_clean, clean),
		out_mib(s->nr_free_dirty, dirty), out_mib(s->reserve, reserve));
	host_types(s);
}

static void host_json(const struct frame_stats *s, const struct heap_stats *h)
{
	struct json *j = out_json();

	json_open_object(j, NULL);
	json_host(j, s);
	json_u64(j, "cached", s->nr_cached << PAGE_SHIFT);
	json_u64(j, "zeroed_idle", s->nr_zeroed_idle << PAGE_SHIFT);
	json_u64(j, "zeroed_fault", s->nr_zeroed_fault << PAGE_SHIFT);
	json_open_array(j, "free_blocks_by_order");
	for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
		json_u64(j, NULL, s->nr_free_order[o]);
	json_close_array(j);
	json_open_object(j, "heap");
	json_u64(j, "used", h->nbytes_used);
	json_u64(j, "held", h->nbytes_held);
	json_u64(j, "allocs", h->nr_allocs);
	json_u64(j, "frees", h->nr_frees);
	json_close_object(j);
	json_close_object(j);
	out_json_end(j);
}

static void host_text(const struct frame_stats *s, const struct heap_stats *h)
{
	char text[24], size[16];

	for (unsigned t = FRAME_ABSENT + 1; t < FRAME_NR_TYPES; t++)
		out_printf("%-12s %12s MiB %12llu frames\n", frame_type_name(t),
			   out_mib(s->nr_type[t], text),
			   (unsigned long long)s->nr_type[t]);
	out_printf("%-12s %12s MiB %12llu frames\n", "total",
		   out_mib(s->nr_total, text), (unsigned long long)s->nr_total);
	out_printf("\nfree: clean %llu, dirty %llu frames, of these %llu in "
		   "per-CPU caches; reserve %llu\n",
		   (unsigned long long)s->nr_free_clean,
		   (unsigned long long)s->nr_free_dirty,
		   (unsigned long long)s->nr_cached,
		   (unsigned long long)s->reserve);
	out_printf("zeroed: %llu frames by idle CPUs, %llu on demand\n",
		   (unsigned long long)s->nr_zeroed_idle,
		   (unsigned long long)s->nr_zeroed_fault);
	out_str("free blocks by order:");
	for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
		out_printf(" %llu", (unsigned long long)s->nr_free_order[o]);
	out_printf("\nheap: %s used in %llu objects,",
		   bytes_to_str(h->nbytes_used, size, sizeof(size)),
		   (unsigned long long)(h->nr_allocs - h->nr_frees));
	out_printf(" %s held\n",
		   bytes_to_str(h->nbytes_held, size, sizeof(size)));
}

static void mem_host(const struct shell_args *a)
{
	struct frame_stats s;
	struct heap_stats h;

	frame_get_stats(&s);
	heap_get_stats(&h);
	if (a->json)
		host_json(&s, &h);
	else
		host_text(&s, &h);
}

/* ---- all VMs ---- */

static uint64_t whole_mib(uint64_t npages)
{
	return npages / (1048576 / PAGE_SIZE);
}

static void vm_row(const struct vm_view *v)
{
	const struct gspace_stats *m = &v->mem;
	const uint64_t columns[] = { m->size,
				     m->state[PG_RESIDENT],
				     m->state[PG_HOLLOW],
				     m->state[PG_BALLOONED],
				     m->state[PG_ZERO],
				     m->target };
	char text[24];

	out_printf("%-10s %-8s", v->cfg->name, vm_state_name(v->state));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		out_printf(" %7s",
			   v->has_memory ? out_mib(columns[i], text) : "-");
	out_printf("  %llu/%llu/%llu%s\n",
		   (unsigned long long)whole_mib(m->min),
		   (unsigned long long)whole_mib(m->boot),
		   (unsigned long long)whole_mib(m->max),
		   m->waiting ? " waits for host memory" : "");
}

static void mem_all_json(const struct frame_stats *s)
{
	struct json *j = out_json();
	struct vm_view v;

	json_open_object(j, NULL);
	json_host(j, s);
	json_open_array(j, "vms");
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		vm_view_take(vm, &v);
		json_open_object(j, NULL);
		mem_json_members(j, &v);
		json_close_object(j);
	}
	json_close_array(j);
	json_close_object(j);
	out_json_end(j);
}

static void mem_all(const struct shell_args *a)
{
	struct frame_stats s;
	struct vm_view v;

	frame_get_stats(&s);
	if (a->json) {
		mem_all_json(&s);
		return;
	}
	host_summary(&s);
	out_printf("%-10s %-8s %7s %7s %7s %7s %7s %7s  %s\n", "VM (MiB)",
		   "STATE", "SIZE", "RESID", "HOLLOW", "BALLOON", "ZERO",
		   "TARGET", "MIN/BOOT/MAX");
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		vm_view_take(vm, &v);
		vm_row(&v);
	}
}

int cmd_mem(const struct shell_args *a)
{
	if (a->argc == 1)
		mem_all(a);
	else if (a->argc == 2 && strcmp(a->argv[1], "host") == 0)
		mem_host(a);
	else
		return mem_vm(a);
	return 0;
}
