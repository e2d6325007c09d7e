// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statistics: for the hypervisor in the shared page, for the guest's own
 * administrator in sysfs (/sys/bus/pci/drivers/aerostat/0000:00:01.0/).
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "aerostat.h"

static void fill_memory(struct aerostat_guest_stats *s)
{
	struct sysinfo info;

	si_meminfo(&info);
	s->mem_total = info.totalram;
	s->mem_free = info.freeram;
	s->mem_available = si_mem_available();
	s->buffers_cached = global_node_page_state(NR_FILE_PAGES);
	s->swap_total = 0; /* not told to modules */
	s->swap_free = atomic_long_read(&nr_swap_pages);
	s->committed_as = vm_memory_committed();
}

static void fill_events(struct aerostat_guest_stats *s)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	s->major_faults = events[PGMAJFAULT];
	s->minor_faults = events[PGFAULT] - events[PGMAJFAULT];
	s->swap_in = events[PSWPIN];
	s->swap_out = events[PSWPOUT];
}

/* Odd sequence, fields, even sequence: see docs/abi.md, "Statistics". */
void stats_publish(struct aerostat *a)
{
	struct aerostat_guest_stats *s = &a->page->stats;

	mutex_lock(&a->lock);
	WRITE_ONCE(s->seq, s->seq | 1);
	smp_wmb();
	fill_memory(s);
	fill_events(s);
	s->balloon_pages = a->nr_pages;
	smp_wmb();
	WRITE_ONCE(s->seq, s->seq + 1);
	mutex_unlock(&a->lock);
}

#define AEROSTAT_ATTR(name, expr)                                              \
	static ssize_t name##_show(struct device *dev,                         \
				   struct device_attribute *attr, char *buf)   \
	{                                                                      \
		struct aerostat *a = dev_get_drvdata(dev);                     \
                                                                               \
		return sysfs_emit(buf, "%llu\n", (unsigned long long)(expr));  \
	}                                                                      \
	static DEVICE_ATTR_RO(name)

AEROSTAT_ATTR(size_pages, a->page->size_pages);
AEROSTAT_ATTR(target_pages, a->page->target_pages);
AEROSTAT_ATTR(balloon_pages, a->nr_pages);
AEROSTAT_ATTR(goal_pages, balloon_goal(a));
AEROSTAT_ATTR(inflated, a->count.inflated);
AEROSTAT_ATTR(deflated, a->count.deflated);
AEROSTAT_ATTR(migrated, a->count.migrated);
AEROSTAT_ATTR(refused, a->count.refused);
AEROSTAT_ATTR(oom_deflated, a->count.oom_deflated);
AEROSTAT_ATTR(calls, a->count.calls);

static struct attribute *aerostat_attrs[] = { &dev_attr_size_pages.attr,
					      &dev_attr_target_pages.attr,
					      &dev_attr_balloon_pages.attr,
					      &dev_attr_goal_pages.attr,
					      &dev_attr_inflated.attr,
					      &dev_attr_deflated.attr,
					      &dev_attr_migrated.attr,
					      &dev_attr_refused.attr,
					      &dev_attr_oom_deflated.attr,
					      &dev_attr_calls.attr,
					      NULL };
static const struct attribute_group aerostat_group = {
	.name = "memory",
	.attrs = aerostat_attrs,
};

const struct attribute_group *aerostat_groups[] = { &aerostat_group, NULL };
