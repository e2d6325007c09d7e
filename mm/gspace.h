/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-physical space of one VM: regions [gfn -> memory object, permissions]
 * over a stage 2, the VM's memory limits, and its page accounting.
 *
 * Per VM:  hollow + resident + zero + ballooned + compressed + swapped
 *          + on_disk + unplugged == size
 */
#ifndef MM_GSPACE_H
#define MM_GSPACE_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"
#include "mm/commit.h"
#include "mm/page_state.h"
#include "mm/stage2.h"

struct gspace;
struct mobject;

struct gspace_params {
	const char *name; /* the VM's, for messages; not copied */
	uint64_t mem_min, mem_boot, mem_max; /* bytes, multiples of 2 MiB */
	enum commit_policy commit;
};

/* An empty space with its stage 2. 0, -ENOMEM. */
MUST_CHECK int gspace_create(const struct gspace_params *p,
			     struct gspace **out);
/* Frees every frame. No vCPU may run in it. */
void gspace_destroy(struct gspace *gs);
struct stage2 *gspace_stage2(struct gspace *gs);

/*
 * Adds guest RAM: one hollow memory object of mem_boot bytes, mapped below
 * 3 GiB without [0xa0000, 0xc0000) (whose pages count as unplugged), the rest
 * from 4 GiB up. 0, -ENOMEM.
 */
MUST_CHECK int gspace_add_ram(struct gspace *gs);

/* RAM regions in ascending order, for e820/multiboot maps. False: no more. */
bool gspace_ram_region(struct gspace *gs, unsigned i, gpa_t *base,
		       uint64_t *nbytes);

/*
 * All pages back to hollow, ballooned included; for reset. The target stays:
 * it is the administrator's, not the guest's. No vCPU runs.
 */
void gspace_reset(struct gspace *gs);

/*
 * Maps one host frame (FRAME_SHARED, caller owns it) at g, outside RAM;
 * for the event/statistics page. 0, -EEXIST, -ENOMEM. After unmapping it a
 * gspace_flush() is due. Neither waits; a lock below LOCK_GUESTMEM may be held.
 */
MUST_CHECK int gspace_map_shared(struct gspace *gs, gfn_t g, hfn_t h,
				 unsigned perms);
void gspace_unmap_shared(struct gspace *gs, gfn_t g);

/*
 * After return no vCPU uses a translation that was removed before the call.
 * Waits for those that run now: no lock held.
 */
void gspace_flush(struct gspace *gs);

enum gspace_access { GA_READ, GA_WRITE, GA_EXEC };

/*
 * Resolves a stage-2 violation at g. Flags: GF_ATOMIC = called on the exit
 * fast path with interrupts off and the vCPU counted as in guest mode: must
 * not wait for a flush.
 *  0        the access may be retried
 *  -EAGAIN  GF_ATOMIC only: call again without it
 *  -ENOENT  no region there: MMIO or a hole
 *  -EACCES  the region forbids that access
 *  -ENOMEM  host memory is short: wait with gspace_wait_memory() and retry
 *  -ENOSPC  the VM is at its limit (mem.max)
 * Takes LOCK_GUESTMEM. Without GF_ATOMIC: thread context, no lock held.
 */
#define GF_ATOMIC 0x1u
MUST_CHECK int gspace_fault(struct gspace *gs, gfn_t g, enum gspace_access a,
			    unsigned flags);

/*
 * Blocks until host memory came free, or stop(arg) is true (whoever makes it
 * true unparks the thread). Logs once which VM waits for what.
 */
void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg);

/*
 * Copies between hypervisor memory and guest-physical memory; the range may
 * cross pages and regions, hollow pages read as zero and are committed by a
 * write. 0, -EFAULT (some page is not RAM, or faulty; how much was copied is
 * undefined), -ENOMEM, -ENOSPC. Takes LOCK_GUESTMEM.
 */
MUST_CHECK int guest_read(struct gspace *gs, gpa_t a, void *dst,
			  uint64_t nbytes);
MUST_CHECK int guest_write(struct gspace *gs, gpa_t a, const void *src,
			   uint64_t nbytes);
/* Makes ready what guest_write() would write, and writes nothing. */
MUST_CHECK int guest_commit(struct gspace *gs, gpa_t a, uint64_t nbytes);

/*
 * Replaces the 4 or 8 bytes at a, which is aligned to them, atomically if they
 * are `old`. 0; -EAGAIN: they are not, or a hollow page is there; -EFAULT.
 */
MUST_CHECK int guest_cmpxchg(struct gspace *gs, gpa_t a, unsigned nbytes,
			     uint64_t old, uint64_t value);

/*
 * One byte that both sides change. Put, with interrupts off and the vCPU
 * counted as in guest mode: false, nothing done, if it can't be made now or the
 * page has no frame. Take exchanges it by 0, atomically; a page without a frame
 * holds 0 and stays as it is. 0, -EFAULT.
 */
MUST_CHECK bool guest_quick_put8(struct gspace *gs, gpa_t a, uint8_t value);
MUST_CHECK int guest_take8(struct gspace *gs, gpa_t a, uint8_t *old);
/* As guest_take8(), where guest_quick_put8() is called. False: not now. */
MUST_CHECK bool guest_quick_take8(struct gspace *gs, gpa_t a, uint8_t *old);

/*
 * Small reads on the exit fast path, one try of the lock for several. begin:
 * false if they can't be made now. read: 8 or 16 bytes within a page; false if
 * it has no frame. Between begin and end LOCK_GUESTMEM is held.
 */
MUST_CHECK bool guest_quick_begin(struct gspace *gs);
MUST_CHECK bool guest_quick_read64(struct gspace *gs, gpa_t a, uint64_t *out);
MUST_CHECK bool guest_quick_read128(struct gspace *gs, gpa_t a, uint64_t *out);
void guest_quick_end(struct gspace *gs);

/*
 * Balloon. Inflate: each page that is RAM and not yet ballooned gives
 * up its frame, if that keeps the VM at or above mem.min. Deflate: ballooned
 * pages become hollow. Stops at the first bad page: *done says how many were
 * taken; result 0 (all), -EINVAL (page is not RAM, or already / not ballooned),
 * -ENOSPC (inflating would go below mem.min), -ENOMEM (no memory to split a
 * large page). Deflating is never refused for the target's sake: a touch
 * would take the page back anyway, and a driver that is unloaded must be able
 * to give back all; the hard limit is mem.max. npages <= GSPACE_BATCH_MAX.
 * Thread context, no lock held; flushes before frames are freed.
 */
#define GSPACE_BATCH_MAX 512u
MUST_CHECK int gspace_inflate(struct gspace *gs, const uint64_t *gfns,
			      unsigned npages, unsigned *done);
MUST_CHECK int gspace_deflate(struct gspace *gs, const uint64_t *gfns,
			      unsigned npages, unsigned *done);

/*
 * Inflate of one page on the exit fast path, between guest_quick_begin() and
 * guest_quick_end(), on the thread of a vCPU of this VM that counts as in guest
 * mode: g is resident in a leaf of its own, and nobody has to be waited for.
 * False: it is not so, nothing done, gspace_inflate() knows what to say.
 */
MUST_CHECK bool gspace_quick_inflate(struct gspace *gs, gfn_t g);

/*
 * Takes resident and zero pages in [g, g + npages) back: they become hollow
 * and LOSE their content. For pages the guest declared free, for reset, and
 * for the benchmark. *taken: frames freed. -EINVAL: not RAM; -ENOMEM.
 */
MUST_CHECK int gspace_discard(struct gspace *gs, gfn_t g, uint64_t npages,
			      uint64_t *taken);

/*
 * Sets the target in bytes (rounded down to 4 KiB). -ERANGE: outside
 * [mem.min, mem.boot]. The caller notifies the guest.
 */
MUST_CHECK int gspace_set_target(struct gspace *gs, uint64_t nbytes);

/*
 * Sets mem.min in bytes. -ERANGE: it is above the target. What is less than
 * that now stays; no more is taken.
 */
MUST_CHECK int gspace_set_min(struct gspace *gs, uint64_t nbytes);

/*
 * Looks for a 2 MiB range of small pages that has become wholly resident and
 * puts it together again: in place if its frames are adjacent, else by copying
 * to a 2 MiB block while memory is plentiful. One call does one range, or
 * looks at so many that it takes moments. Thread context, no lock held;
 * flushes.
 */
enum gspace_collapse {
	COLLAPSE_NOTHING, /* nothing to do until guests use more memory */
	COLLAPSE_MORE,	  /* there is more to look at */
	COLLAPSE_DONE,	  /* a range has been dealt with */
};
enum gspace_collapse gspace_collapse_some(void);

/* Where the target is, in pages [atomic]. */
const uint64_t *gspace_target(const struct gspace *gs);
/* True if the balloon is as large as that wants it. No lock: true for a moment.
 */
bool gspace_is_at_target(const struct gspace *gs);

struct gspace_stats {
	uint64_t size;			 /* pages: sum of all states */
	uint64_t state[PG_NR_STATES];	 /* pages */
	uint64_t target, min, boot, max; /* pages */
	uint64_t nr_leaf_4k, nr_leaf_2m, nr_leaf_1g;
	uint64_t nr_commits, nr_commit_pages; /* faults that committed; pages */
	uint64_t nr_zero_maps, nr_violations; /* touched ballooned pages */
	uint64_t nr_inflated, nr_deflated, nr_discarded; /* pages ever */
	uint64_t nr_splits, nr_collapses, nr_flushes;
	uint64_t nr_waits;    /* for host memory */
	uint64_t meta_frames; /* radix nodes + stage-2 tables */
	bool waiting;	      /* a vCPU waits for memory now */
};
void gspace_get_stats(struct gspace *gs, struct gspace_stats *out);

/* The frame behind g now; -ENOENT: none. Takes the space's lock. */
MUST_CHECK int gspace_frame_at(struct gspace *gs, gfn_t g, hfn_t *out);
/*
 * The space whose RAM the frame f is a part of now, or NULL. Only to be
 * compared: the space may be gone when this returns. Takes all spaces' locks
 * in turn.
 */
struct gspace *gspace_of_frame(hfn_t f);

#endif
