// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The auditor: proves from the ground up what the counters claim.
 *
 *   each space (here):
 *     pages by state, counted == the object's counters, sum == npages
 *     resident entry -> frame record points back; node records are right
 *     leaf -> exactly the frame of the entry, zero leaves read-only
 *   the machine (audit_frames.c):
 *     frame record with an owner -> that object's entry points back
 *     frames by type, walked == counted; their sum == frames of RAM
 *     data frames == pages resident in all objects (+ those leaving)
 *     node frames, table frames and heap frames == what their users hold
 *
 * The machine runs on meanwhile, and nobody waits long: all is walked in
 * pieces, each under the lock that covers it, and the CPU is given way between
 * them. A link is proved under its lock. A sum can't be, because what was
 * walked changes behind the walker's back; but every change is counted, and a
 * sum may be off by as many pages as changed since it was begun, not by more.
 * On a machine at rest that is none.
 */
#include "mm/audit.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/wait.h"
#include "mm/audit_priv.h"
#include "mm/frame_priv.h"
#include "mm/gspace_priv.h"
#include "mm/heap.h"

/* What one hold of a lock looks at: entries or leaves, some 60 ticks each. */
#define PIECE 1024u

void audit_complain(struct audit *a, const char *fmt, ...)
{
	char text[AUDIT_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a->out->nr_errors++ == 0)
		str_copy(a->out->first_error, text,
			 sizeof(a->out->first_error));
	if (a->nr_lines < AUDIT_MAX_LINES)
		str_copy(a->lines[a->nr_lines++], text, AUDIT_LINE_MAX);
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
		audit_complain(
			a,
			"object=%s node=%#llx page=%#llx: record is not that node's",
			o->name, (ull)f.raw, (ull)idx);
	if (node->refs != used)
		audit_complain(a,
			       "object=%s node=%#llx: refs=%u, entries used=%u",
			       o->name, (ull)f.raw, node->refs, used);
	for (unsigned s = PG_RESIDENT; level == 0 && s <= PG_BALLOONED; s++)
		if (mobject_node_count(node, (enum page_state)s) != by_state[s])
			audit_complain(
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
		audit_complain(a,
			       "object=%s page=%#llx: frame=%#llx is not RAM",
			       o->name, (ull)idx, (ull)f.raw);
		return;
	}
	fr = frame_of(f);
	if (fr->type != FRAME_DATA || fr->flags & FRAME_F_LEAVING)
		audit_complain(
			a, "object=%s page=%#llx: frame=%#llx is of type %s",
			o->name, (ull)idx, (ull)f.raw,
			frame_type_name((enum frame_type)fr->type));
	else if (fr->owner != o || fr->index != idx)
		audit_complain(
			a,
			"object=%s page=%#llx: frame=%#llx belongs elsewhere, to page=%#llx",
			o->name, (ull)idx, (ull)f.raw, (ull)fr->index);
	else if (fr->order != level * MOBJECT_NODE_BITS || !fr->refs)
		audit_complain(
			a,
			"object=%s page=%#llx: frame=%#llx has order=%u refs=%u, entry level=%u",
			o->name, (ull)idx, (ull)f.raw, fr->order, fr->refs,
			level);
}

/* The entry of page idx; returns how many pages from there on it speaks for. */
static uint64_t check_entry(struct audit *a, struct mobject *o, uint64_t idx,
			    struct object_count *n)
{
	unsigned level;
	uint64_t e = *mobject_walk(o, idx, &level);
	uint64_t all = 1ull << level * MOBJECT_NODE_BITS;
	uint64_t first = round_down(idx, all);
	enum page_state s = mentry_state(e) % PG_NR_STATES;
	uint64_t npages = min(first + all, o->npages) - idx;

	n->nodes += check_nodes_at(a, o, idx);
	n->state[s] += npages;
	if (s == PG_RESIDENT) {
		check_resident(a, o, first, e, level);
		if (level && level < MOBJECT_MAX_LEVEL)
			n->blocks[level]++;
	}
	return npages;
}

/*
 * Entries from page idx on, whole tables at a time, so that each node is met
 * where it begins. Returns where to go on. Locked.
 */
static uint64_t check_object_piece(struct audit *a, struct mobject *o,
				   uint64_t idx, struct object_count *n)
{
	for (unsigned i = 0;
	     idx < o->npages && (i < PIECE || idx % MOBJECT_FANOUT); i++)
		idx += check_entry(a, o, idx, n);
	return idx;
}

static void compare_counts(struct audit *a, const struct mobject *o,
			   const struct mobject *was,
			   const struct object_count *n)
{
	uint64_t slack = o->nr_changes - was->nr_changes;
	uint64_t sum = 0;

	for (unsigned s = 0; s < PG_NR_STATES; s++) {
		sum += o->nr[s];
		if (audit_differs(was->nr[s], n->state[s], slack))
			audit_complain(
				a,
				"object=%s pages of state %u: counter=%llu walked=%llu",
				o->name, s, (ull)was->nr[s], (ull)n->state[s]);
	}
	if (sum != o->npages)
		audit_complain(a, "object=%s states sum to %llu, not size=%llu",
			       o->name, (ull)sum, (ull)o->npages);
	if (audit_differs(was->nr_nodes, n->nodes, slack) ||
	    audit_differs(was->nr_blocks[1], n->blocks[1], slack) ||
	    audit_differs(was->nr_blocks[2], n->blocks[2], slack))
		audit_complain(
			a,
			"object=%s nodes=%llu walked=%llu, 2M=%llu walked=%llu, 1G=%llu walked=%llu",
			o->name, (ull)was->nr_nodes, (ull)n->nodes,
			(ull)was->nr_blocks[1], (ull)n->blocks[1],
			(ull)was->nr_blocks[2], (ull)n->blocks[2]);
}

static void check_object(struct audit *a, struct gspace *gs)
{
	struct mobject *o = &gs->ram, was;
	struct object_count n = { 0 };
	uint64_t idx = 0;

	spin_lock(&gs->lock);
	was = *o;
	while (idx < o->npages) {
		idx = check_object_piece(a, o, idx, &n);
		spin_unlock(&gs->lock);
		thread_give_way();
		spin_lock(&gs->lock);
	}
	compare_counts(a, o, &was, &n);
	a->out->nr_objects++;
	a->out->nr_object_pages += o->npages;
	spin_unlock(&gs->lock);
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
			audit_complain(
				a,
				"vm=%s gfn=%#llx: zero page's leaf has frame=%#llx order=%u perms=%u",
				gs->name, (ull)leaf->gfn.raw,
				(ull)leaf->first.raw, leaf->order, leaf->perms);
		return;
	}
	if (s != PG_RESIDENT)
		audit_complain(a,
			       "vm=%s gfn=%#llx: leaf over a page of state %u",
			       gs->name, (ull)leaf->gfn.raw, s);
	else if (leaf->order > level * MOBJECT_NODE_BITS ||
		 leaf->first.raw != mentry_frame(e).raw + off ||
		 leaf->perms & ~r->perms)
		audit_complain(
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
		audit_complain(
			a, "vm=%s gfn=%#llx: leaf of order=%u leaves region",
			gs->name, (ull)leaf->gfn.raw, leaf->order);
	else if (r->is_ram)
		check_ram_leaf(a, gs, r, leaf);
	else if (leaf->first.raw != r->shared.raw || leaf->perms & ~r->perms)
		audit_complain(
			a, "vm=%s gfn=%#llx: shared leaf has frame=%#llx",
			gs->name, (ull)leaf->gfn.raw, (ull)leaf->first.raw);
}

/* Leaves of r from gfn `raw` on; returns where to go on. Locked. */
static uint64_t check_leaves_piece(struct audit *a, struct gspace *gs,
				   const struct region *r, uint64_t raw)
{
	uint64_t end = r->first.raw + r->npages;

	for (unsigned i = 0; i < PIECE && raw < end; i++) {
		struct stage2_leaf leaf;

		if (stage2_lookup(gs->s2, gfn(raw), &leaf))
			check_leaf(a, gs, r, &leaf);
		/* Whether a leaf or a hole: behind it. */
		raw = leaf.gfn.raw + (1ull << leaf.order);
	}
	return raw;
}

static void check_ram_leaves(struct audit *a, struct gspace *gs,
			     const struct region *r)
{
	uint64_t raw = r->first.raw;

	while (raw < r->first.raw + r->npages) {
		gspace_lock_unfrozen(gs); /* all leaves are there */
		raw = check_leaves_piece(a, gs, r, raw);
		spin_unlock(&gs->lock);
		thread_give_way();
	}
}

static void check_leaves(struct audit *a, struct gspace *gs)
{
	/* RAM regions don't change; the others, of a page each, do. */
	for (unsigned i = 0; i < gs->nr_ram_regions; i++)
		check_ram_leaves(a, gs, &gs->regions[i]);
	spin_lock(&gs->lock);
	for (unsigned i = gs->nr_ram_regions; i < gs->nr_regions; i++)
		(void)check_leaves_piece(a, gs, &gs->regions[i],
					 gs->regions[i].first.raw);
	spin_unlock(&gs->lock);
}

/* ---- all of it ---- */

static void check_spaces(struct audit *a)
{
	struct gspace *gs = NULL;

	while ((gs = gspace_pin_next(gs)) != NULL) {
		check_object(a, gs);
		check_leaves(a, gs);
	}
}

void mm_audit(struct audit_report *out,
	      void (*line)(void *arg, const char *text), void *arg)
{
	/* Before any counting: the auditor's own memory counts as well. */
	struct audit *a = kmalloc(sizeof(*a));

	*out = (struct audit_report){ 0 };
	if (!a) {
		out->nr_errors = 1;
		str_copy(out->first_error, "no memory for the audit",
			 sizeof(out->first_error));
		return;
	}
	a->out = out;
	a->nr_lines = 0;

	check_spaces(a);
	audit_frames(a);

	for (uint32_t i = 0; line && i < a->nr_lines; i++)
		line(arg, a->lines[i]);
	kfree(a);
}
