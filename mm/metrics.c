// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures of host memory for the console. */
#include "kernel/lib/lib.h"
#include "kernel/lib/metric.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/init.h"

/* The field at m->arg of struct frame_stats, in bytes. */
static uint64_t get_frames(const struct metric *m)
{
	struct frame_stats s;
	uint64_t npages;

	frame_get_stats(&s);
	memcpy(&npages, (const char *)&s + m->arg, sizeof(npages));
	return npages << PAGE_SHIFT;
}

static uint64_t get_heap_used(const struct metric *m)
{
	struct heap_stats s;

	(void)m;
	heap_get_stats(&s);
	return s.nbytes_used;
}

#define FRAMES(field) get_frames, offsetof(struct frame_stats, field)
#define TYPE(type, name, help)                                                 \
	{                                                                      \
		"mem." name, "bytes", help, FRAMES(nr_type[type])              \
	}

const struct metric mm_metrics[] = {
	{ "mem.total", "bytes", "RAM of the host, all that follows",
	  FRAMES(nr_total) },
	TYPE(FRAME_FREE, "free", "host memory that nobody has"),
	{ "mem.free_clean", "bytes", "of these, known to be zero",
	  FRAMES(nr_free_clean) },
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
	  FRAMES(nr_zeroed_idle) },
	{ "mem.zeroed_fault", "bytes", "zeroed while a guest waited",
	  FRAMES(nr_zeroed_fault) },
};
const size_t nr_mm_metrics = ARRAY_SIZE(mm_metrics);
