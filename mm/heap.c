// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel heap. Small sizes come from slabs of one frame each; what the
 * allocator must know of a slab is in its frame record, so objects start at
 * the frame's first byte and are naturally aligned. Sizes above 2 KiB are
 * blocks of frames.
 *
 * Per slab frame: owner = its class (NULL: a block of frames), refs = objects
 * in use, index = offset of the first free object, private = list neighbours.
 *
 * Invariant: a slab with a free object is on its class's list, a full one is
 * on none, an empty one goes back to the buddy (one is kept for each class).
 */
#include "mm/heap.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/spinlock.h"
#include "mm/frame.h"

#define SLAB_END UINT32_MAX /* no further free object; no further slab */

/* What a free object holds; its second word tells a double free. */
struct free_object {
	uint64_t next; /* offset in the frame, SLAB_END: last */
	uint64_t magic;
};
#define FREE_MAGIC 0xf4eef4eedeadbeefull

struct slab_class {
	uint32_t nbytes; /* [const] multiple of 16 */
	uint32_t head;	 /* [heap.lock] hfn of the first slab with room */
	uint32_t empty;	 /* [heap.lock] slabs without objects on the list */
};

/* 1360 fits a frame three times; the others follow powers of two and 3/2. */
static struct slab_class classes[] = {
	{ 16, SLAB_END, 0 },   { 32, SLAB_END, 0 },   { 48, SLAB_END, 0 },
	{ 64, SLAB_END, 0 },   { 96, SLAB_END, 0 },   { 128, SLAB_END, 0 },
	{ 192, SLAB_END, 0 },  { 256, SLAB_END, 0 },  { 384, SLAB_END, 0 },
	{ 512, SLAB_END, 0 },  { 768, SLAB_END, 0 },  { 1024, SLAB_END, 0 },
	{ 1360, SLAB_END, 0 }, { 2048, SLAB_END, 0 },
};

static struct {
	struct spinlock lock;	 /* LOCK_HEAP */
	struct heap_stats stats; /* [lock] */
} heap = { .lock = SPINLOCK_INIT(LOCK_HEAP, "heap") };

void heap_init(void)
{
	heap.stats = (struct heap_stats){ 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		classes[i].head = SLAB_END;
		classes[i].empty = 0;
	}
}

static struct slab_class *class_for(size_t nbytes)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (nbytes <= classes[i].nbytes)
			return &classes[i];
	return NULL;
}

static struct frame *frame_at(const void *p)
{
	return frame_of(hfn_of(ptr_to_hpa(p)));
}

static struct free_object *object_at(struct frame *slab, uint64_t offset)
{
	return (struct free_object *)((char *)hfn_to_ptr(frame_hfn(slab)) +
				      offset);
}

/* ---- a class's list of slabs with room, through frame.private ---- */

static uint32_t slab_next(const struct frame *slab)
{
	return (uint32_t)slab->private;
}

static uint32_t slab_prev(const struct frame *slab)
{
	return (uint32_t)(slab->private >> 32);
}

static void slab_link(struct frame *slab, uint32_t next, uint32_t prev)
{
	slab->private = (uint64_t)prev << 32 | next;
}

static void slab_list(struct slab_class *c, struct frame *slab)
{
	uint32_t self = (uint32_t)frame_hfn(slab).raw;

	slab_link(slab, c->head, SLAB_END);
	if (c->head != SLAB_END) {
		struct frame *next = frame_of(hfn(c->head));

		slab_link(next, slab_next(next), self);
	}
	c->head = self;
}

static void slab_unlist(struct slab_class *c, struct frame *slab)
{
	uint32_t next = slab_next(slab), prev = slab_prev(slab);

	if (next != SLAB_END)
		slab_link(frame_of(hfn(next)), slab_next(frame_of(hfn(next))),
			  prev);
	if (prev != SLAB_END)
		slab_link(frame_of(hfn(prev)), next,
			  slab_prev(frame_of(hfn(prev))));
	else
		c->head = next;
}

/* ---- slabs ---- */

static bool slab_create(struct slab_class *c)
{
	struct frame *slab;
	uint32_t at, last;
	hfn_t f;

	if (frame_alloc(0, FRAME_HEAP, 0, &f))
		return false;
	slab = frame_of(f);
	slab->owner = c;
	slab->refs = 0;
	slab->index = 0;
	last = ((uint32_t)PAGE_SIZE / c->nbytes - 1) * c->nbytes;
	for (at = 0; at <= last; at += c->nbytes)
		*object_at(slab, at) = (struct free_object){
			.next = at == last ? SLAB_END : at + c->nbytes,
			.magic = FREE_MAGIC,
		};
	slab_list(c, slab);
	c->empty++;
	heap.stats.nbytes_held += PAGE_SIZE;
	return true;
}

static void *slab_take(struct slab_class *c)
{
	struct free_object *o;
	struct frame *slab;

	if (c->head == SLAB_END && !slab_create(c))
		return NULL;
	slab = frame_of(hfn(c->head));
	o = object_at(slab, slab->index);
	BUG_ON(o->magic != FREE_MAGIC); /* written after it was freed */
	slab->index = o->next;
	o->magic = 0;
	if (slab->refs++ == 0)
		c->empty--;
	if (slab->index == SLAB_END)
		slab_unlist(c, slab);
	heap.stats.nbytes_used += c->nbytes;
	return o;
}

static bool slab_holds_free(struct frame *slab, uint64_t offset)
{
	uint64_t at;

	for (at = slab->index; at != SLAB_END; at = object_at(slab, at)->next)
		if (at == offset)
			return true;
	return false;
}

/* True if the slab became superfluous: off the list, the caller frees it. */
static bool slab_give(struct slab_class *c, struct frame *slab, void *p)
{
	uint64_t offset = (uint64_t)p & PAGE_MASK;
	struct free_object *o = p;

	BUG_ON(offset % c->nbytes || !slab->refs);
	/* The magic may be the user's data: only then look closer. */
	BUG_ON(o->magic == FREE_MAGIC && slab_holds_free(slab, offset));
	if (slab->index == SLAB_END)
		slab_list(c, slab);
	*o = (struct free_object){ .next = slab->index, .magic = FREE_MAGIC };
	slab->index = offset;
	heap.stats.nbytes_used -= c->nbytes;
	if (--slab->refs)
		return false;
	if (c->empty++ == 0)
		return false;
	c->empty--;
	slab_unlist(c, slab);
	heap.stats.nbytes_held -= PAGE_SIZE;
	return true;
}

/* ---- blocks of frames ---- */

static unsigned order_for(size_t nbytes)
{
	uint64_t npages = round_up(nbytes, PAGE_SIZE) >> PAGE_SHIFT;

	return npages <= 1 ? 0 : 64u - (unsigned)__builtin_clzll(npages - 1);
}

/* Not locked while it looks for one: that may take long. */
static void *block_alloc(size_t nbytes)
{
	unsigned order = order_for(nbytes);
	hfn_t f;

	if (order > FRAME_MAX_ORDER || frame_alloc(order, FRAME_HEAP, 0, &f))
		return NULL;
	spin_lock(&heap.lock);
	heap.stats.nr_allocs++;
	heap.stats.nbytes_used += PAGE_SIZE << order;
	heap.stats.nbytes_held += PAGE_SIZE << order;
	spin_unlock(&heap.lock);
	return hfn_to_ptr(f);
}

/* ---- the interface ---- */

void *kmalloc(size_t nbytes)
{
	struct slab_class *c = class_for(nbytes);
	void *p;

	if (nbytes > PAGE_SIZE << FRAME_MAX_ORDER)
		return NULL;
	if (!c)
		return block_alloc(nbytes);
	spin_lock(&heap.lock);
	p = slab_take(c);
	if (p)
		heap.stats.nr_allocs++;
	spin_unlock(&heap.lock);
	return p;
}

void *kzalloc(size_t nbytes)
{
	void *p = kmalloc(nbytes);

	if (p)
		memset(p, 0, nbytes);
	return p;
}

void kfree(void *p)
{
	unsigned order = 0;
	struct frame *fr;
	bool unused;

	if (!p)
		return;
	fr = frame_at(p);
	BUG_ON(fr->type != FRAME_HEAP);
	spin_lock(&heap.lock);
	heap.stats.nr_frees++;
	if (fr->owner) {
		unused = slab_give(fr->owner, fr, p);
	} else {
		BUG_ON((uint64_t)p & PAGE_MASK);
		order = fr->order;
		heap.stats.nbytes_used -= PAGE_SIZE << order;
		heap.stats.nbytes_held -= PAGE_SIZE << order;
		unused = true;
	}
	spin_unlock(&heap.lock);
	if (unused)
		frame_free(frame_hfn(fr), order);
}

void heap_get_stats(struct heap_stats *out)
{
	spin_lock(&heap.lock);
	*out = heap.stats;
	spin_unlock(&heap.lock);
}
