// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The balloon: pages taken from the kernel and promised to the hypervisor.
 *
 * Invariant: a page is in the balloon's list exactly when the hypervisor has
 * accepted it (inflate) and has not given it back (deflate). It is unknown to
 * the list while the call is made, so that nobody can migrate it then.
 *
 * Cost per page is what counts here. Free blocks of 2 MiB are taken whole and
 * split, which spares the allocator 511 of 512 trips; single pages are
 * allocated and freed by the hundred; accounting is done once for each batch.
 */
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/vmstat.h>

#include "aerostat.h"

#define BATCH	    AEROSTAT_BATCH_MAX
#define BATCH_ORDER 9 /* BATCH pages */
#define OOM_PAGES   1024
#define BACKOFF_MIN 1 /* seconds */
#define BACKOFF_MAX 64
#define FLOOR_SHIFT 5			       /* leave 1/32 of the guest ... */
#define FLOOR_PAGES (8ul << (20 - PAGE_SHIFT)) /* ... and 8 MiB available */

/* Movable pages, without a fight: the balloon must not starve its guest. */
#define GFP_SINGLE                                                             \
	(GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)
/* Only blocks that are free already: no reclaim, no compaction. */
#define GFP_BLOCK (GFP_SINGLE & ~__GFP_RECLAIM)

u64 balloon_goal(const struct aerostat *a)
{
	u64 size = READ_ONCE(a->page->size_pages);
	u64 target = READ_ONCE(a->page->target_pages);

	return target < size ? size - target : 0;
}

/*
 * MemTotal follows the balloon. Zones are counted apart, and a run of pages
 * mostly lies in one.
 */
static void account_pages(struct page **pages, unsigned int n, long sign)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i <= n; i++) {
		if (i < n && page_zone(pages[i]) == page_zone(pages[first]))
			continue;
		adjust_managed_page_count(pages[first],
					  sign * (long)(i - first));
		first = i;
	}
}

static long call_batch(struct aerostat *a, u64 nr, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		a->gfns[i] = page_to_pfn(a->batch[i]);
	a->count.calls++;
	return aerostat_call(nr, virt_to_phys(a->gfns), n);
}

/* What the guest can spare, at most `want`. */
static unsigned int spare_pages(u64 want)
{
	long available = si_mem_available();
	long floor = FLOOR_PAGES + (totalram_pages() >> FLOOR_SHIFT);

	if (available <= floor)
		return 0;
	return min3(want, (u64)(available - floor), (u64)BATCH);
}

/* Fills a->batch with up to n pages of one reference each. */
static unsigned int take_pages(struct aerostat *a, unsigned int n)
{
	struct page *block;

	if (n == BATCH) {
		block = alloc_pages(GFP_BLOCK, BATCH_ORDER);
		if (block) {
			split_page(block, BATCH_ORDER);
			for (unsigned int i = 0; i < BATCH; i++)
				a->batch[i] = block + i;
			return BATCH;
		}
	}
	memset(a->batch, 0, n * sizeof(*a->batch));
	return alloc_pages_bulk_array(GFP_SINGLE, n, a->batch);
}

/*
 * One batch into the balloon. Returns the pages that went in, or -ENOMEM (the
 * guest can't spare more) or the hypervisor's error.
 */
static long inflate_batch(struct aerostat *a, u64 want)
{
	unsigned int n = spare_pages(want), taken;
	LIST_HEAD(pages);
	long done;

	n = n ? take_pages(a, n) : 0;
	if (!n)
		return -ENOMEM;
	done = call_batch(a, AEROSTAT_HC_MEM_INFLATE, n);
	taken = done > 0 ? min_t(long, done, n) : 0;
	account_pages(a->batch, taken, -1);
	for (unsigned int i = 0; i < taken; i++)
		list_add_tail(&a->batch[i]->lru, &pages);
	balloon_page_list_enqueue(&a->balloon, &pages);
	a->nr_pages += taken;
	a->count.inflated += taken;
	if (taken < n) {
		a->count.refused += n - taken;
		release_pages(a->batch + taken, n - taken);
	}
	return taken ? taken : done < 0 ? done : -EIO;
}

/*
 * How many pages the next batch should take: blocks of 2 MiB went in with
 * their last page on top, so a batch ends before such a page and the
 * block behind it comes out in one piece. Wrong guesses cost nothing but time.
 */
static unsigned int next_batch(struct aerostat *a, u64 want)
{
	unsigned int n = 0;
	struct page *page;
	unsigned long flags;

	spin_lock_irqsave(&a->balloon.pages_lock, flags);
	list_for_each_entry (page, &a->balloon.pages, lru) {
		if (n && page_to_pfn(page) % BATCH == BATCH - 1)
			break;
		if (++n == BATCH || n == want)
			break;
	}
	spin_unlock_irqrestore(&a->balloon.pages_lock, flags);
	return n;
}

static bool is_block(struct page **pages, unsigned int n)
{
	unsigned long first = page_to_pfn(pages[0]);

	if (n != BATCH || first % BATCH)
		return false;
	for (unsigned int i = 1; i < n; i++) {
		if (page_to_pfn(pages[i]) != first + i)
			return false;
	}
	return true;
}

/*
 * Frees pages that nobody else should hold. A whole block goes back as one:
 * its tails give up their references (only ours, or page_ref_freeze() fails
 * and they are freed one by one), which saves the allocator merging them.
 */
static void release_batch(struct page **pages, unsigned int n)
{
	unsigned int tails = 1;

	if (!is_block(pages, n)) {
		release_pages(pages, n);
		return;
	}
	while (tails < BATCH && page_ref_freeze(pages[tails], 1)) {
		/* "Was movable" stays behind; the allocator clears heads'. */
		pages[tails++]->mapping = NULL;
	}
	if (tails == BATCH) {
		__free_pages(pages[0], BATCH_ORDER);
		return;
	}
	while (--tails)
		page_ref_unfreeze(pages[tails], 1);
	release_pages(pages, n);
}

/*
 * One batch out of the balloon. The pages return to the kernel even if the
 * hypervisor objects: a ballooned page may be touched, so no harm is done.
 * Returns the pages that came out; 0: all others are being migrated.
 */
static unsigned int deflate_batch(struct aerostat *a, u64 want)
{
	unsigned int n = 0, done = 0;
	struct page *page, *next;
	LIST_HEAD(pages);

	balloon_page_list_dequeue(&a->balloon, &pages, next_batch(a, want));
	/* Taken from the top, each put on top: ascending again. */
	list_for_each_entry_safe (page, next, &pages, lru) {
		list_del(&page->lru);
		a->gfns[n] = page_to_pfn(page);
		a->batch[n++] = page;
	}
	while (done < n) {
		long ret =
			aerostat_call(AEROSTAT_HC_MEM_DEFLATE,
				      virt_to_phys(a->gfns + done), n - done);

		a->count.calls++;
		if (ret <= 0)
			a->count.refused++;
		done += ret > 0 ? ret : 1;
	}
	account_pages(a->batch, n, 1);
	release_batch(a->batch, n);
	a->nr_pages -= n;
	a->count.deflated += n;
	return n;
}

/* Doubles the pause: nothing is gained by asking a full guest again. */
static unsigned int back_off(struct aerostat *a)
{
	unsigned int wait = a->backoff_s;

	a->backoff_s = min(2 * a->backoff_s, (unsigned int)BACKOFF_MAX);
	return wait;
}

unsigned int balloon_follow_target(struct aerostat *a)
{
	unsigned int wait = 0;
	u64 goal;

	mutex_lock(&a->lock);
	while (!a->stopping && !wait) {
		goal = balloon_goal(a);
		if (goal > a->nr_pages) {
			if (inflate_batch(a, goal - a->nr_pages) < 0)
				wait = back_off(a);
		} else if (goal < a->nr_pages) {
			if (!deflate_batch(a, a->nr_pages - goal))
				wait = back_off(a);
		} else {
			a->backoff_s = BACKOFF_MIN;
			break;
		}
		/* The OOM notifier and migration need the lock as well. */
		mutex_unlock(&a->lock);
		cond_resched();
		mutex_lock(&a->lock);
	}
	mutex_unlock(&a->lock);
	return wait;
}

static long call_single(struct aerostat *a, u64 nr, struct page *page)
{
	a->gfns[0] = page_to_pfn(page);
	a->count.calls++;
	return aerostat_call(nr, virt_to_phys(a->gfns), 1);
}

/* Undoes balloon_page_insert(); the page is locked, isolated, in no list. */
static void forget_page(struct page *page)
{
	__ClearPageMovable(page);
	set_page_private(page, 0);
	__ClearPageOffline(page);
}

/*
 * The kernel wants `page` for a larger block and offers `newpage` instead.
 * New in before old out: the hypervisor never sees the guest above its target,
 * and when it refuses the new page nothing has changed yet.
 */
static int balloon_migrate(struct balloon_dev_info *info, struct page *newpage,
			   struct page *page, enum migrate_mode mode)
{
	struct aerostat *a = container_of(info, struct aerostat, balloon);
	unsigned long flags;

	/* The holder may be waiting for this very migration. */
	if (!mutex_trylock(&a->lock))
		return -EAGAIN;
	if (call_single(a, AEROSTAT_HC_MEM_INFLATE, newpage) != 1) {
		a->count.refused++;
		mutex_unlock(&a->lock);
		return -EAGAIN;
	}
	get_page(newpage); /* the balloon's */
	if (page_zone(page) != page_zone(newpage)) {
		adjust_managed_page_count(page, 1);
		adjust_managed_page_count(newpage, -1);
	}
	spin_lock_irqsave(&info->pages_lock, flags);
	balloon_page_insert(info, newpage);
	info->isolated_pages--;
	__count_vm_event(BALLOON_MIGRATE);
	spin_unlock_irqrestore(&info->pages_lock, flags);
	call_single(a, AEROSTAT_HC_MEM_DEFLATE, page);
	forget_page(page);
	a->count.migrated++;
	mutex_unlock(&a->lock);
	put_page(page); /* the balloon's */
	return MIGRATEPAGE_SUCCESS;
}

/*
 * The last resort before a process is killed. Not a shrinker: that is
 * called for any page cache, and would undo each shrinking of the guest.
 */
static int balloon_on_oom(struct notifier_block *nb, unsigned long unused,
			  void *parm)
{
	struct aerostat *a = container_of(nb, struct aerostat, oom);
	unsigned long *freed = parm;
	unsigned int n;

	/* May be the lock's holder who ran out of memory. */
	if (!mutex_trylock(&a->lock))
		return NOTIFY_OK;
	for (unsigned int got = 0; got < OOM_PAGES; got += n) {
		n = deflate_batch(a, min_t(u64, a->nr_pages, OOM_PAGES - got));
		if (!n)
			break;
		a->count.oom_deflated += n;
		*freed += n;
	}
	/* Come back late: the pressure has to be over first. */
	a->backoff_s = BACKOFF_MAX;
	if (!a->stopping && balloon_goal(a) > a->nr_pages)
		queue_delayed_work(system_freezable_wq, &a->resize_work,
				   a->backoff_s * HZ);
	mutex_unlock(&a->lock);
	return NOTIFY_OK;
}

int balloon_create(struct aerostat *a)
{
	int err;

	mutex_init(&a->lock);
	balloon_devinfo_init(&a->balloon);
	a->balloon.migratepage = balloon_migrate;
	a->backoff_s = BACKOFF_MIN;
	/* A page each: physically contiguous, as the call wants it. */
	a->gfns = (u64 *)__get_free_page(GFP_KERNEL);
	a->batch = (struct page **)__get_free_page(GFP_KERNEL);
	if (!a->gfns || !a->batch) {
		err = -ENOMEM;
		goto free_buffers;
	}
	a->oom.notifier_call = balloon_on_oom;
	err = register_oom_notifier(&a->oom);
	if (err)
		goto free_buffers;
	return 0;

free_buffers:
	free_page((unsigned long)a->gfns);
	free_page((unsigned long)a->batch);
	return err;
}

void balloon_destroy(struct aerostat *a)
{
	unregister_oom_notifier(&a->oom);
	mutex_lock(&a->lock);
	a->stopping = true;
	while (a->nr_pages) {
		if (deflate_batch(a, a->nr_pages))
			continue;
		/* The rest is isolated and comes back to the list. */
		mutex_unlock(&a->lock);
		schedule_timeout_uninterruptible(1);
		mutex_lock(&a->lock);
	}
	mutex_unlock(&a->lock);
	free_page((unsigned long)a->gfns);
	free_page((unsigned long)a->batch);
}
