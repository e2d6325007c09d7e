// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The auditor: proves from the ground up what the counters claim.
 *
 *   each space, under its lock:
 *     pages by state, counted == the object's counters, sum == npages
 *     resident entry -> frame record points back; node records are right
 *     frame record with that owner -> entry points back
 *     leaf -> exactly the frame of the entry, zero leaves read-only
 *   the machine:
 *     frames by type, walked == counted; their sum == frames of RAM
 *     data frames == pages resident in all objects (+ those leaving)
 *     node frames, table frames and heap frames == what their users hold
 *
 * The machine may run meanwhile: what no lock covers is looked at again before
 * it counts as an error.
 */
#include "mm/audit.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "mm/frame_priv.h"
#include "mm/gspace_priv.h"
#include "mm/heap.h"

#define MAX_LINES 20u
#define LINE_MAX  160u
#define ATTEMPTS  3u

struct audit {
	struct audit_report *out;
	uint32_t nr_lines;
	char lines[MAX_LINES][LINE_MAX]; /* printed when no lock is held */
};

static void complain(struct audit *a, const char *fmt, ...) PRINTF(2, 3);

static void complain(struct audit *a, const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a->out->nr_errors++ == 0)
		str_copy(a->out->first_error, text,
			 sizeof(a->out->first_error));
	if (a->nr_lines < MAX_LINES)
		str_copy(a->lines[a->nr_lines++], text, LINE_MAX);
}

typedef unsigned long long ull;

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

/* ---- one object ---- */

struct object_count {
	uint64_t state[PG_NR_STATES];
	uint64_t blocks[MOBJECT_MAX_LEVEL];
	uint64_t nodes;
};

static void check_node(struct audit *a, struct mobject *o, uint64_t e,
		       uint64_t idx, unsigned level)
{
	hfn_t f = hfn_of(hpa(e & MENTRY_ADDR));
	struct frame *node = frame_of(f);
	const uint64_t *table = hfn_to_ptr(f);
	uint32_t used = 0, by_state[PG_NR_STATES] = { 0 };

	for (unsigned i = 0; i < MOBJECT_FANOUT; i++) {
		used += table[i] != 0;
		by_state[mentry_state(table[i]) % PG_NR_STATES]++;
	}
	if (node->type != FRAME_MOBJECT || node->owner != o ||
	    node->index != idx)
		complain(
			a,
			"object=%s node=%#llx page=%#llx: record is not that node's",
			o->name, (ull)f.raw, (ull)idx);
	if (node->refs != used)
		complain(a, "object=%s node=%#llx: refs=%u, entries used=%u",
			 o->name, (ull)f.raw, node->refs, used);
	for (unsigned s = PG_RESIDENT; level == 0 && s <= PG_BALLOONED; s++)
		if (mobject_node_count(node, (enum page_state)s) != by_state[s])
			complain(
				a,
				"object=%s node=%#llx: pages of state %u: counter=%u walked=%u",
				o->name, (ull)f.raw, s,
				mobject_node_count(node, (enum page_state)s),
				by_state[s]);
}

/* Checks the nodes that begin at page idx, on the way to its entry. */
static uint64_t check_nodes_at(struct audit *a, struct mobject *o, uint64_t idx)
{
	uint64_t e = o->root, n = 0;

	for (unsigned l = o->top; e & MENTRY_NODE; l--) {
		const uint64_t *table = hpa_to_ptr(hpa(e & MENTRY_ADDR));

		if (idx % (1ull << MOBJECT_NODE_BITS * l) == 0) {
			check_node(a, o, e, idx, l - 1);
			n++;
		}
		e = table[(idx >> MOBJECT_NODE_BITS * (l - 1)) %
			  MOBJECT_FANOUT];
	}
	return n;
}

static void check_resident(struct audit *a, struct mobject *o, uint64_t idx,
			   uint64_t e, unsigned level)
{
	hfn_t f = mentry_frame(e);
	const struct frame *fr;

	if (f.raw >= frame_limit().raw) {
		complain(a, "object=%s page=%#llx: frame=%#llx is not RAM",
			 o->name, (ull)idx, (ull)f.raw);
		return;
	}
	fr = frame_of(f);
	if (fr->type != FRAME_DATA || fr->flags & FRAME_F_LEAVING)
		complain(a, "object=%s page=%#llx: frame=%#llx is of type %s",
			 o->name, (ull)idx, (ull)f.raw,
			 frame_type_name((enum frame_type)fr->type));
	else if (fr->owner != o || fr->index != idx)
		complain(
			a,
			"object=%s page=%#llx: frame=%#llx belongs elsewhere, to page=%#llx",
			o->name, (ull)idx, (ull)f.raw, (ull)fr->index);
	else if (fr->order != level * MOBJECT_NODE_BITS || !fr->refs)
		complain(
			a,
			"object=%s page=%#llx: frame=%#llx has order=%u refs=%u, entry level=%u",
			o->name, (ull)idx, (ull)f.raw, fr->order, fr->refs,
			level);
}

static void check_object(struct audit *a, struct mobject *o)
{
	struct object_count n = { 0 };
	uint64_t sum = 0;

	for (uint64_t idx = 0; idx < o->npages;) {
		unsigned level;
		uint64_t e = *mobject_walk(o, idx, &level), npages;
		enum page_state s = mentry_state(e) % PG_NR_STATES;

		npages =
			min(1ull << level * MOBJECT_NODE_BITS, o->npages - idx);
		n.nodes += check_nodes_at(a, o, idx);
		n.state[s] += npages;
		if (s == PG_RESIDENT) {
			check_resident(a, o, idx, e, level);
			if (level && level < MOBJECT_MAX_LEVEL)
				n.blocks[level]++;
		}
		idx += npages;
	}
	for (unsigned s = 0; s < PG_NR_STATES; s++) {
		sum += o->nr[s];
		if (n.state[s] != o->nr[s])
			complain(
				a,
				"object=%s pages of state %u: counter=%llu walked=%llu",
				o->name, s, (ull)o->nr[s], (ull)n.state[s]);
	}
	if (sum != o->npages)
		complain(a, "object=%s states sum to %llu, not size=%llu",
			 o->name, (ull)sum, (ull)o->npages);
	if (n.nodes != o->nr_nodes || n.blocks[1] != o->nr_blocks[1] ||
	    n.blocks[2] != o->nr_blocks[2])
		complain(
			a,
			"object=%s nodes=%llu walked=%llu, 2M=%llu walked=%llu, 1G=%llu walked=%llu",
			o->name, (ull)o->nr_nodes, (ull)n.nodes,
			(ull)o->nr_blocks[1], (ull)n.blocks[1],
			(ull)o->nr_blocks[2], (ull)n.blocks[2]);
	a->out->nr_objects++;
	a->out->nr_object_pages += o->npages;
}

/* ---- one space's leaves ---- */

static void check_ram_leaf(struct audit *a, struct gspace *gs,
			   const struct region *r,
			   const struct stage2_leaf *leaf)
{
	uint64_t idx = region_index(r, leaf->gfn);
	unsigned level;
	uint64_t e = *mobject_walk(&gs->ram, idx, &level);
	uint64_t off = idx % (1ull << level * MOBJECT_NODE_BITS);
	enum page_state s = mentry_state(e);

	if (s == PG_ZERO) {
		if (leaf->order || leaf->first.raw != frame_zero().raw ||
		    leaf->perms & S2_WRITE)
			complain(
				a,
				"vm=%s gfn=%#llx: zero page's leaf has frame=%#llx order=%u perms=%u",
				gs->name, (ull)leaf->gfn.raw,
				(ull)leaf->first.raw, leaf->order, leaf->perms);
		return;
	}
	if (s != PG_RESIDENT)
		complain(a, "vm=%s gfn=%#llx: leaf over a page of state %u",
			 gs->name, (ull)leaf->gfn.raw, s);
	else if (leaf->order > level * MOBJECT_NODE_BITS ||
		 leaf->first.raw != mentry_frame(e).raw + off ||
		 leaf->perms & ~r->perms)
		complain(
			a,
			"vm=%s gfn=%#llx: leaf has frame=%#llx order=%u perms=%u, the object frame=%#llx level=%u",
			gs->name, (ull)leaf->gfn.raw, (ull)leaf->first.raw,
			leaf->order, leaf->perms,
			(ull)(mentry_frame(e).raw + off), level);
}

static void check_leaf(struct audit *a, struct gspace *gs,
		       const struct region *r, const struct stage2_leaf *leaf)
{
	uint64_t end = leaf->gfn.raw + (1ull << leaf->order);

	a->out->nr_leaves++;
	if (leaf->gfn.raw < r->first.raw || end > r->first.raw + r->npages)
		complain(a, "vm=%s gfn=%#llx: leaf of order=%u leaves region",
			 gs->name, (ull)leaf->gfn.raw, leaf->order);
	else if (r->is_ram)
		check_ram_leaf(a, gs, r, leaf);
	else if (leaf->first.raw != r->shared.raw || leaf->perms & ~r->perms)
		complain(a, "vm=%s gfn=%#llx: shared leaf has frame=%#llx",
			 gs->name, (ull)leaf->gfn.raw, (ull)leaf->first.raw);
}

static void check_leaves(struct audit *a, struct gspace *gs)
{
	for (unsigned i = 0; i < gs->nr_regions; i++) {
		const struct region *r = &gs->regions[i];
		uint64_t raw = r->first.raw, end = raw + r->npages;

		while (raw < end) {
			struct stage2_leaf leaf;

			if (!stage2_lookup(gs->s2, gfn(raw), &leaf)) {
				raw++;
				continue;
			}
			check_leaf(a, gs, r, &leaf);
			raw = leaf.gfn.raw + (1ull << leaf.order);
		}
	}
}

/* ---- frames back to their object ---- */

static void check_owned(struct audit *a, struct mobject *o,
			const struct frame *fr)
{
	uint64_t f = frame_hfn(fr).raw;
	unsigned level;
	uint64_t e;

	if (fr->index >= o->npages) {
		complain(a, "frame=%#llx: object=%s has no page=%#llx", (ull)f,
			 o->name, (ull)fr->index);
		return;
	}
	e = *mobject_walk(o, fr->index, &level);
	if (mentry_state(e) != PG_RESIDENT || mentry_frame(e).raw != f)
		complain(
			a,
			"frame=%#llx: object=%s page=%#llx does not point back",
			(ull)f, o->name, (ull)fr->index);
}

/*
 * Walks the records of one GiB; blocks don't cross it. The zone lock keeps
 * block boundaries where they are.
 */
static void check_owned_in(struct audit *a, struct mobject *o, uint64_t first)
{
	uint64_t end = min(first + PAGES_1G, frame_limit().raw);
	struct zone *z = zone_of(hfn(first));

	spin_lock(&z->lock);
	while (first < end) {
		const struct frame *fr = frame_of(hfn(first));
		uint64_t n = frame_extent(fr);

		if (fr->type == FRAME_DATA && fr->owner == o &&
		    !(fr->flags & FRAME_F_LEAVING))
			check_owned(a, o, fr);
		first += max(n, 1ull);
	}
	spin_unlock(&z->lock);
}

static void check_space(struct audit *a, struct gspace *gs)
{
	spin_lock(&gs->lock);
	check_object(a, &gs->ram);
	check_leaves(a, gs);
	for (uint64_t f = 0; f < frame_limit().raw; f += PAGES_1G)
		check_owned_in(a, &gs->ram, f);
	spin_unlock(&gs->lock);
}

/* ---- the machine ---- */

/* What the users of frames say that they hold. */
struct holdings {
	uint64_t resident, nodes, tables;
};

static void add_holdings(struct holdings *h, struct gspace *gs)
{
	spin_lock(&gs->lock);
	h->resident += gs->ram.nr[PG_RESIDENT];
	h->nodes += gs->ram.nr_nodes;
	h->tables += stage2_nr_tables(gs->s2);
	spin_unlock(&gs->lock);
}

/* True if o is the RAM of a space that exists. gspace_list.lock is held. */
static bool owner_is_known(const void *o)
{
	struct gspace *gs;

	list_for_each (gs, &gspace_list.head, link)
		if (o == &gs->ram)
			return true;
	return false;
}

struct frame_walk {
	uint64_t nr_type[FRAME_NR_TYPES];
	uint64_t nr_leaving, nr_records;
	const struct frame *orphan, *broken; /* the first ones */
};

static void walk_frame(struct frame_walk *w, const struct frame *fr, uint64_t n)
{
	w->nr_records++;
	if (!n) {
		w->broken = w->broken ? w->broken : fr;
		return;
	}
	w->nr_type[fr->type] += n;
	if (fr->flags & FRAME_F_LEAVING)
		w->nr_leaving += n;
	else if (fr->type == FRAME_DATA && !owner_is_known(fr->owner))
		w->orphan = w->orphan ? w->orphan : fr;
}

static void walk_frames(struct frame_walk *w)
{
	uint64_t limit = frame_limit().raw;

	*w = (struct frame_walk){ 0 };
	for (uint64_t gib = 0; gib < limit; gib += PAGES_1G) {
		uint64_t f = gib, end = min(gib + PAGES_1G, limit);
		struct zone *z = zone_of(hfn(gib));

		spin_lock(&z->lock);
		while (f < end) {
			uint64_t n = frame_extent(frame_of(hfn(f)));

			walk_frame(w, frame_of(hfn(f)), n);
			f += max(n, 1ull);
		}
		spin_unlock(&z->lock);
	}
}

static void check_total(struct audit *a, const char *what, uint64_t counted,
			uint64_t walked)
{
	if (counted != walked)
		complain(a, "%s frames: counter=%llu walked=%llu", what,
			 (ull)counted, (ull)walked);
}

static void check_totals(struct audit *a)
{
	struct holdings h = { 0 };
	struct frame_stats fs;
	struct heap_stats hs;
	struct frame_walk w;
	struct gspace *gs;
	uint64_t sum = 0;

	list_for_each (gs, &gspace_list.head, link)
		add_holdings(&h, gs);
	heap_get_stats(&hs);
	frame_get_stats(&fs);
	walk_frames(&w);
	a->out->nr_frames = fs.nr_total;

	if (w.broken)
		complain(a, "frame=%#llx: record makes no sense",
			 (ull)frame_hfn(w.broken).raw);
	if (w.orphan)
		complain(a, "frame=%#llx: data of an unknown owner, page=%#llx",
			 (ull)frame_hfn(w.orphan).raw, (ull)w.orphan->index);
	for (unsigned t = FRAME_FREE; t < FRAME_NR_TYPES; t++) {
		check_total(a, frame_type_name((enum frame_type)t),
			    fs.nr_type[t], w.nr_type[t]);
		sum += w.nr_type[t];
	}
	check_total(a, "all", fs.nr_total, sum);
	check_total(a, "resident", h.resident,
		    w.nr_type[FRAME_DATA] - w.nr_leaving);
	check_total(a, "object node", h.nodes, w.nr_type[FRAME_MOBJECT]);
	check_total(a, "stage-2 table", h.tables, w.nr_type[FRAME_STAGE2]);
	check_total(a, "heap", hs.nbytes_held >> PAGE_SHIFT,
		    w.nr_type[FRAME_HEAP]);
}

/* Repeats while errors may come from the machine's running on. */
static void check_totals_at_rest(struct audit *a)
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

void mm_audit(struct audit_report *out,
	      void (*line)(void *arg, const char *text), void *arg)
{
	/* Before any counting: the auditor's own memory counts as well. */
	struct audit *a = kmalloc(sizeof(*a));
	struct gspace *gs;

	*out = (struct audit_report){ 0 };
	if (!a) {
		out->nr_errors = 1;
		str_copy(out->first_error, "no memory for the audit",
			 sizeof(out->first_error));
		return;
	}
	a->out = out;
	a->nr_lines = 0;

	spin_lock(&gspace_list.lock);
	list_for_each (gs, &gspace_list.head, link)
		check_space(a, gs);
	check_totals_at_rest(a);
	spin_unlock(&gspace_list.lock);

	for (uint32_t i = 0; line && i < a->nr_lines; i++)
		line(arg, a->lines[i]);
	kfree(a);
}
