// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies between the hypervisor and guest memory. Invariant: guest memory is
 * touched only here, page by page, under the space's lock, so that a frame
 * can't leave the guest in the middle of a copy.
 */
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/wait.h"
#include "mm/gspace_priv.h"

enum copy_kind { COPY_READ, COPY_WRITE, COPY_COMMIT };

/* One piece, within a page. */
struct piece {
	gpa_t at;
	void *buf; /* COPY_READ: written; COPY_WRITE: read; else NULL */
	uint64_t nbytes;
};

static void copy_resident(const struct piece *p, enum copy_kind kind,
			  char *guest)
{
	switch (kind) {
	case COPY_READ: memcpy(p->buf, guest, p->nbytes); break;
	case COPY_WRITE: memcpy(guest, p->buf, p->nbytes); break;
	case COPY_COMMIT: break;
	}
}

/*
 * Where the byte at a lies in a frame; NULL: the page has none. -EFAULT: it is
 * not RAM, or faulty. Locked.
 */
static ALWAYS_INLINE int find_byte(struct gspace *gs, gpa_t a, char **out)
{
	struct region *r = region_find_ram(gs, gfn_of(a));
	uint64_t idx, e, n;
	unsigned level;
	hfn_t f;

	*out = NULL;
	if (!r)
		return -EFAULT;
	idx = region_index(r, gfn_of(a));
	e = *mobject_walk(&gs->ram, idx, &level);
	n = 1ull << level * MOBJECT_NODE_BITS;
	if (mentry_state(e) != PG_RESIDENT)
		return 0;
	f = hfn_add(mentry_frame(e), idx % n);
	if (frame_is_bad(f))
		return -EFAULT;
	*out = (char *)hfn_to_ptr(f) + (a.raw & PAGE_MASK);
	return 0;
}

static NOINLINE int resident_byte(struct gspace *gs, gpa_t a, char **out)
{
	return find_byte(gs, a, out);
}

/* 0, -EFAULT, -EAGAIN (a page must be committed first). Locked. */
static int copy_piece(struct gspace *gs, const struct piece *p,
		      enum copy_kind kind)
{
	char *guest;
	int err = resident_byte(gs, p->at, &guest);

	if (err)
		return err;
	if (guest) {
		copy_resident(p, kind, guest);
		return 0;
	}
	/* Without a frame. */
	if (kind != COPY_READ)
		return -EAGAIN;
	memset(p->buf, 0, p->nbytes);
	return 0;
}

/* Long copies (a kernel that is loaded) give way after so many bytes. */
#define COPY_PIECE (16 * PAGE_SIZE)

static int copy(struct gspace *gs, gpa_t a, void *buf, uint64_t nbytes,
		enum copy_kind kind)
{
	if (a.raw + nbytes < a.raw)
		return -EFAULT;
	while (nbytes) {
		uint64_t in_page = PAGE_SIZE - (a.raw & PAGE_MASK);
		struct piece p = {
			.at = a,
			.buf = buf,
			.nbytes = nbytes < in_page ? nbytes : in_page,
		};
		int err;

		gspace_lock_unfrozen(gs);
		err = copy_piece(gs, &p, kind);
		spin_unlock(&gs->lock);
		if (err == -EAGAIN) {
			err = gspace_fault(gs, gfn_of(a), GA_WRITE, 0);
			if (err)
				return err;
			/* A block may have been zeroed; the next may be too. */
			thread_give_way();
			continue; /* it may be gone again: look afresh */
		}
		if (err)
			return err;
		a = gpa(a.raw + p.nbytes);
		buf = buf ? (char *)buf + p.nbytes : NULL;
		nbytes -= p.nbytes;
		if (unlikely(a.raw % COPY_PIECE == 0 && nbytes > COPY_PIECE))
			thread_give_way();
	}
	return 0;
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	return copy(gs, a, dst, nbytes, COPY_READ);
}

int guest_write(struct gspace *gs, gpa_t a, const void *src, uint64_t nbytes)
{
	return copy(gs, a, (void *)(uintptr_t)src, nbytes, COPY_WRITE);
}

int guest_commit(struct gspace *gs, gpa_t a, uint64_t nbytes)
{
	return copy(gs, a, NULL, nbytes, COPY_COMMIT);
}

int guest_cmpxchg(struct gspace *gs, gpa_t a, unsigned nbytes, uint64_t old,
		  uint64_t value)
{
	uint32_t old32 = (uint32_t)old;
	bool done = false;
	char *at;
	int err;

	gspace_lock_unfrozen(gs);
	err = resident_byte(gs, a, &at);
	if (at && nbytes == 4)
		done = __atomic_compare_exchange_n(
			(uint32_t *)(void *)at, &old32, (uint32_t)value, false,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else if (at)
		done = __atomic_compare_exchange_n(
			(uint64_t *)(void *)at, &old, value, false,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	spin_unlock(&gs->lock);
	return err ? err : done ? 0 : -EAGAIN;
}

bool guest_quick_put8(struct gspace *gs, gpa_t a, uint8_t value)
{
	char *at = NULL;
	bool done;

	if (!spin_trylock(&gs->lock))
		return false;
	/* Frozen: a copy of the page may be on its way already. */
	done = !gs->frozen && !resident_byte(gs, a, &at) && at;
	if (done)
		__atomic_store_n((uint8_t *)at, value, __ATOMIC_SEQ_CST);
	spin_unlock(&gs->lock);
	return done;
}

/* Locked, and not frozen. */
static int take8(struct gspace *gs, gpa_t a, uint8_t *old)
{
	char *at;
	int err = resident_byte(gs, a, &at);

	*old = at ? __atomic_exchange_n((uint8_t *)at, 0, __ATOMIC_SEQ_CST) : 0;
	return err;
}

int guest_take8(struct gspace *gs, gpa_t a, uint8_t *old)
{
	int err;

	gspace_lock_unfrozen(gs);
	err = take8(gs, a, old);
	spin_unlock(&gs->lock);
	return err;
}

bool guest_quick_take8(struct gspace *gs, gpa_t a, uint8_t *old)
{
	bool done;

	if (!spin_trylock(&gs->lock))
		return false;
	done = !gs->frozen && !take8(gs, a, old);
	spin_unlock(&gs->lock);
	return done;
}

bool guest_quick_begin(struct gspace *gs)
{
	/* Frozen or not: nothing is changed. */
	return spin_trylock(&gs->lock);
}

/* Whole words, so that each is read at once. */
static ALWAYS_INLINE bool read_words(const char *from, uint64_t *to,
				     unsigned nwords)
{
	for (unsigned i = 0; i < nwords; i++)
		to[i] = READ_ONCE(((const uint64_t *)(const void *)from)[i]);
	return true;
}

static NOINLINE bool quick_read_anywhere(struct gspace *gs, gpa_t a,
					 uint64_t *to, unsigned nwords)
{
	char *from;

	if (find_byte(gs, a, &from) || !from)
		return false;
	return read_words(from, to, nwords);
}

/*
 * An instruction that is emulated takes up to five of these, and mostly from
 * where the last one was: a small page of the same region and the same table.
 * All else is out of line, as a last call, so that nothing has to be kept on
 * the stack for it.
 */
static ALWAYS_INLINE bool quick_read(struct gspace *gs, gpa_t a, uint64_t *to,
				     unsigned nwords)
{
	const struct region *r = &gs->regions[gs->last_region];
	uint64_t i = gfn_of(a).raw - r->first.raw, idx = i + r->index, e;

	if (unlikely(i >= r->npages || !r->is_ram ||
		     !mobject_is_near(&gs->ram, idx) ||
		     READ_ONCE(frame_nr_bad)))
		return quick_read_anywhere(gs, a, to, nwords);
	e = *mobject_near(&gs->ram, idx);
	if (unlikely(mentry_state(e) != PG_RESIDENT))
		return false;
	return read_words((const char *)hfn_to_ptr(mentry_frame(e)) +
				  (a.raw & PAGE_MASK),
			  to, nwords);
}

bool guest_quick_read64(struct gspace *gs, gpa_t a, uint64_t *out)
{
	return quick_read(gs, a, out, 1);
}

bool guest_quick_read128(struct gspace *gs, gpa_t a, uint64_t *out)
{
	return quick_read(gs, a, out, 2);
}

void guest_quick_end(struct gspace *gs)
{
	spin_unlock(&gs->lock);
}
