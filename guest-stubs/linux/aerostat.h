/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aerostat's Linux module: what its three files share. The interface to the
 * hypervisor is specified in docs/abi.md.
 */
#ifndef AEROSTAT_H
#define AEROSTAT_H

#include <linux/balloon_compaction.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "abi.h"

/* One of each kind for every reason to look at the balloon. */
struct aerostat_counters {
	u64 inflated, deflated, migrated; /* pages ever */
	u64 refused;			  /* by the hypervisor */
	u64 oom_deflated;
	u64 calls; /* balloon hypercalls */
};

struct aerostat {
	struct pci_dev *pdev;
	struct aerostat_mem_page *page; /* shared with the hypervisor */
	struct work_struct event_work;
	struct delayed_work resize_work;
	unsigned long events; /* [atomic] taken by the interrupt handler */
	bool has_msi;	      /* [const after probe] */

	struct mutex lock; /* everything below */
	struct balloon_dev_info balloon;
	u64 nr_pages;		/* in the balloon, isolated ones included */
	unsigned int backoff_s; /* until the next try when short of memory */
	bool stopping;
	u64 *gfns; /* argument of the balloon calls */
	struct page **batch;
	struct notifier_block oom;
	struct aerostat_counters count;
};

/* vmcall; a0 and a1 are the only arguments that our calls have. */
static inline long aerostat_call(u64 nr, u64 a0, u64 a1)
{
	long ret;

	asm volatile("vmcall"
		     : "=a"(ret)
		     : "a"(nr), "b"(a0), "c"(a1), "d"(0ul), "S"(0ul)
		     : "memory");
	return ret;
}

/* ---- balloon.c ---- */
int balloon_create(struct aerostat *a);
/* Gives every page back; waits for pages that are being migrated. */
void balloon_destroy(struct aerostat *a);
/* Moves towards the target. Returns seconds to wait before going on, or 0. */
unsigned int balloon_follow_target(struct aerostat *a);
/* Pages wanted in the balloon now. */
u64 balloon_goal(const struct aerostat *a);

/* ---- stats.c ---- */
void stats_publish(struct aerostat *a);
extern const struct attribute_group *aerostat_groups[];

#endif
