// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of host memory for the console. */
#include "kernel/lib/metric.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/init.h"

static uint64_t get_type(const struct metric *m)
{
	struct frame_stats s;

	frame_get_stats(&s);
	return s.nr_type[m->arg] << PAGE_SHIFT;
}

static uint64_t get_total(const struct metric *m)
{
	struct frame_stats s;

	(void)m;
	frame_get_stats(&s);
	return s.nr_total << PAGE_SHIFT;
}

static uint64_t get_clean(const struct metric *m)
{
	struct frame_stats s;

	(void)m;
	frame_get_stats(&s);
	return s.nr_free_clean << PAGE_SHIFT;
}

static uint64_t get_zeroed_idle(const struct metric *m)
{
	struct frame_stats s;

	(void)m;
	frame_get_stats(&s);
	return s.nr_zeroed_idle << PAGE_SHIFT;
}

static uint64_t get_zeroed_fault(const struct metric *m)
{
	struct frame_stats s;

	(void)m;
	frame_get_stats(&s);
	return s.nr_zeroed_fault << PAGE_SHIFT;
}

static uint64_t get_heap_used(const struct metric *m)
{
	struct heap_stats s;

	(void)m;
	heap_get_stats(&s);
	return s.nbytes_used;
}

#define TYPE(type, name, help)                                                 \
	{                                                                      \
		"mem." name, "bytes", help, get_type, type                     \
	}

const struct metric mm_metrics[] = {
	{ "mem.total", "bytes", "RAM of the host, all that follows", get_total,
	  0 },
	TYPE(FRAME_FREE, "free", "host memory that nobody has"),
	{ "mem.free_clean", "bytes", "of these, known to be zero", get_clean,
	  0 },
	TYPE(FRAME_FIRMWARE, "firmware", "kept by the firmware"),
	TYPE(FRAME_IMAGE, "image", "the hypervisor's code and data"),
	TYPE(FRAME_RECORDS, "records", "records of frames"),
	TYPE(FRAME_FILE, "file", "kernels and initrds that were loaded"),
	TYPE(FRAME_HEAP, "heap", "the hypervisor's heap"),
	{ "mem.heap_used", "bytes", "of it, in use", get_heap_used, 0 },
	TYPE(FRAME_HOSTPT, "hostpt", "host page tables"),
	TYPE(FRAME_STACK, "stack", "stacks of threads and interrupts"),
	TYPE(FRAME_STAGE2, "stage2", "page tables of guests (EPT)"),
	TYPE(FRAME_VMX, "vmx", "control structures of vCPUs"),
	TYPE(FRAME_MOBJECT, "mobject", "books of guest memory"),
	TYPE(FRAME_DATA, "data", "guest memory itself"),
	TYPE(FRAME_SHARED, "shared", "pages shared with guests"),
	TYPE(FRAME_RETIRED, "retired", "faulty, never used again"),
	{ "mem.zeroed_idle", "bytes", "zeroed ahead of need, by idle CPUs",
	  get_zeroed_idle, 0 },
	{ "mem.zeroed_fault", "bytes", "zeroed while a guest waited",
	  get_zeroed_fault, 0 },
};
const size_t nr_mm_metrics = ARRAY_SIZE(mm_metrics);
