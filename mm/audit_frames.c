// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The auditor's second half: every frame record of the machine; see audit.c.
 *
 * Records are walked by 2 MiB of frames, each under the zone's lock, which
 * keeps block boundaries where they are. Between two of them blocks may be
 * joined and divided: the walk finds the block that covers where it goes on
 * (covering_block()), and so looks at each frame exactly once.
 */
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/wait.h"
#include "mm/audit_priv.h"
#include "mm/frame_priv.h"
#include "mm/gspace_priv.h"
#include "mm/heap.h"

/* A sum that is off counts if it is off so often in a row. */
#define ATTEMPTS 3u

struct frame_walk {
	uint64_t nr_type[FRAME_NR_TYPES];
	uint64_t nr_leaving;
	const struct frame *broken; /* the first one */
};

/* Frames that the record fr speaks for; 0: nonsense. */
static uint64_t frame_extent(const struct frame *fr)
{
	uint64_t first = frame_hfn(fr).raw, n;

	if (fr->type >= FRAME_NR_TYPES || fr->order > FRAME_MAX_ORDER)
		return 0;
	if (fr->flags & FRAME_F_LEAVING)
		return fr->refs;
	n = 1ull << fr->order;
	return first % n ? 0 : n;
}

/*
 * The first frame of what covers frame p, a multiple of 512. Blocks are
 * aligned to their size and runs of leaving frames stay within 2 MiB, so that
 * of an aligned range that is no block, both halves begin with one.
 */
static uint64_t covering_block(uint64_t p)
{
	uint64_t base = round_down(p, PAGES_1G);

	for (unsigned order = ORDER_1G; base != p; order--) {
		if (base + frame_extent(frame_of(hfn(base))) > p)
			break;
		base += p & 1ull << (order - 1);
	}
	return base;
}

/* ---- one 2 MiB of records, or a larger block; the zone's lock is held ---- */

struct range {
	uint64_t first, end; /* frames to look at */
	uint64_t head;	     /* of what covers `first` */
};

static struct range range_at(uint64_t p)
{
	struct range r = { .first = p, .head = covering_block(p) };
	uint64_t n = frame_extent(frame_of(hfn(r.head)));

	r.end = max(p + PAGES_2M, r.head + n);
	r.end = min(r.end, frame_limit().raw);
	return r;
}

/* The record behind the one at *f, as long as there are any. */
static void step(uint64_t *f)
{
	*f += max(frame_extent(frame_of(hfn(*f))), 1ull);
}

static void count_range(struct frame_walk *w, const struct range *r)
{
	for (uint64_t f = r->head, next = f; f < r->end; f = next) {
		const struct frame *fr = frame_of(hfn(f));
		uint64_t from = max(f, r->first);

		step(&next);
		if (!frame_extent(fr)) {
			w->broken = w->broken ? w->broken : fr;
			continue;
		}
		w->nr_type[fr->type] += min(next, r->end) - from;
		if (fr->flags & FRAME_F_LEAVING)
			w->nr_leaving += min(next, r->end) - from;
	}
}

static bool has_owner(const struct frame *fr)
{
	return fr->type == FRAME_DATA && !(fr->flags & FRAME_F_LEAVING);
}

/* The lowest owner of data frames there that is not below `from`, or ~0. */
static uintptr_t next_owner(const struct range *r, uintptr_t from)
{
	uintptr_t best = UINTPTR_MAX;

	for (uint64_t f = r->head; f < r->end; step(&f)) {
		const struct frame *fr = frame_of(hfn(f));

		if (has_owner(fr) && (uintptr_t)fr->owner >= from)
			best = min(best, (uintptr_t)fr->owner);
	}
	return best;
}

/* ---- frames back to their object ---- */

static void check_owned(struct audit *a, struct mobject *o,
			const struct frame *fr)
{
	uint64_t f = frame_hfn(fr).raw;
	unsigned level;
	uint64_t e;

	if (fr->index >= o->npages) {
		audit_complain(a, "frame=%#llx: object=%s has no page=%#llx",
			       (ull)f, o->name, (ull)fr->index);
		return;
	}
	e = *mobject_walk(o, fr->index, &level);
	if (mentry_state(e) != PG_RESIDENT || mentry_frame(e).raw != f)
		audit_complain(
			a,
			"frame=%#llx: object=%s page=%#llx does not point back",
			(ull)f, o->name, (ull)fr->index);
}

/* The frames there that say gs owns them. */
static void check_owner(struct audit *a, struct gspace *gs, uint64_t p)
{
	struct zone *z = zone_of(hfn(p));
	struct range r;

	spin_lock(&gs->lock);
	spin_lock(&z->lock);
	r = range_at(p);
	for (uint64_t f = r.head; f < r.end; step(&f)) {
		const struct frame *fr = frame_of(hfn(f));

		if (has_owner(fr) && fr->owner == &gs->ram)
			check_owned(a, &gs->ram, fr);
	}
	spin_unlock(&z->lock);
	spin_unlock(&gs->lock);
}

#define NO_FRAME UINT64_MAX

/* The first data frame there that says `owner`. */
static uint64_t find_owned_by(const void *owner, uint64_t p)
{
	struct zone *z = zone_of(hfn(p));
	uint64_t found = NO_FRAME;
	struct range r;

	spin_lock(&z->lock);
	r = range_at(p);
	for (uint64_t f = r.head; f < r.end && found == NO_FRAME; step(&f))
		if (has_owner(frame_of(hfn(f))) &&
		    frame_of(hfn(f))->owner == owner)
			found = f;
	spin_unlock(&z->lock);
	return found;
}

/*
 * No space is known by that name. A frame may just have been taken and not
 * have its owner yet, but it doesn't stay so.
 */
static void check_orphan(struct audit *a, const void *owner, uint64_t p)
{
	uint64_t f = find_owned_by(owner, p);

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		thread_give_way();
		for (unsigned k = 0; k < 1000; k++)
			cpu_pause();
		if (f == NO_FRAME || find_owned_by(owner, p) != f)
			return;
	}
	audit_complain(a, "frame=%#llx: data of an unknown owner, page=%#llx",
		       (ull)f, (ull)frame_of(hfn(f))->index);
}

static void check_owners(struct audit *a, uint64_t p)
{
	struct zone *z = zone_of(hfn(p));
	uintptr_t from = 0;

	for (;;) {
		uintptr_t owner;
		struct gspace *gs;
		struct range r;

		spin_lock(&z->lock);
		r = range_at(p);
		owner = next_owner(&r, from);
		spin_unlock(&z->lock);
		if (owner == UINTPTR_MAX)
			return;
		gs = gspace_pin_owner((const void *)owner);
		if (gs) {
			check_owner(a, gs, p);
			gspace_unpin(gs);
		} else {
			check_orphan(a, (const void *)owner, p);
		}
		thread_give_way();
		from = owner + 1;
	}
}

/* ---- sums ---- */

/* What the users of frames say that they hold. */
struct holdings {
	uint64_t resident, nodes, tables, heap;
	uint64_t nr_changes; /* pages of all objects that changed state, ever */
};

static struct holdings holdings_now(void)
{
	struct holdings h = { 0 };
	struct gspace *gs = NULL;
	struct heap_stats hs;

	while ((gs = gspace_pin_next(gs)) != NULL) {
		spin_lock(&gs->lock);
		h.resident += gs->ram.nr[PG_RESIDENT];
		h.nodes += gs->ram.nr_nodes;
		h.tables += stage2_nr_tables(gs->s2);
		h.nr_changes += gs->ram.nr_changes;
		spin_unlock(&gs->lock);
	}
	heap_get_stats(&hs);
	h.heap = hs.nbytes_held >> PAGE_SHIFT;
	return h;
}

static void walk_frames(struct audit *a, struct frame_walk *w)
{
	*w = (struct frame_walk){ 0 };
	for (uint64_t p = 0; p < frame_limit().raw;) {
		struct zone *z = zone_of(hfn(p));
		struct range r;

		spin_lock(&z->lock);
		r = range_at(p);
		count_range(w, &r);
		spin_unlock(&z->lock);
		check_owners(a, p);
		thread_give_way();
		p = r.end;
	}
}

static void check_total(struct audit *a, const char *what, uint64_t counted,
			uint64_t walked, uint64_t slack)
{
	if (audit_differs(counted, walked, slack))
		audit_complain(a, "%s frames: counter=%llu walked=%llu", what,
			       (ull)counted, (ull)walked);
}

static void check_totals(struct audit *a)
{
	uint64_t moves = frame_nr_moves(), slack, sum = 0;
	struct holdings h = holdings_now();
	struct frame_stats fs;
	struct frame_walk w;

	frame_get_stats(&fs);
	walk_frames(a, &w);
	a->out->nr_frames = fs.nr_total;
	slack = frame_nr_moves() - moves;

	if (w.broken)
		audit_complain(a, "frame=%#llx: record makes no sense",
			       (ull)frame_hfn(w.broken).raw);
	for (unsigned t = FRAME_FREE; t < FRAME_NR_TYPES; t++) {
		check_total(a, frame_type_name((enum frame_type)t),
			    fs.nr_type[t], w.nr_type[t], slack);
		sum += w.nr_type[t];
	}
	/* Frames change their types, but don't come and go. */
	check_total(a, "all", fs.nr_total, sum, 0);
	check_total(a, "object node", h.nodes, w.nr_type[FRAME_MOBJECT], slack);
	check_total(a, "stage-2 table", h.tables, w.nr_type[FRAME_STAGE2],
		    slack);
	check_total(a, "heap", h.heap, w.nr_type[FRAME_HEAP], slack);
	/* Pages leave their object before their frames are free. */
	slack += holdings_now().nr_changes - h.nr_changes;
	check_total(a, "resident", h.resident,
		    w.nr_type[FRAME_DATA] - w.nr_leaving, slack);
}

/*
 * Counters of other CPUs are read while these count: what is off for that
 * reason is not off again.
 */
void audit_frames(struct audit *a)
{
	uint64_t errors = a->out->nr_errors;
	uint32_t lines = a->nr_lines;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		a->out->nr_errors = errors;
		a->nr_lines = lines;
		if (!errors)
			a->out->first_error[0] = '\0';
		check_totals(a);
		if (a->out->nr_errors == errors)
			break;
	}
}
