// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host page tables; see hostpt.h for the layout and the invariant. Tables are
 * reached through the direct map, the loader's first and then our own, which
 * are at the same place.
 */
#include "mm/hostpt.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/cpu_paging.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/memmap.h"
#include "kernel/lib/pte_format.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "kernel/sync/spinlock.h"
#include "mm/frame.h"

/* Accessed and dirty are set ahead: the CPU need not write the entries. */
#define MAP_RO	  (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define MAP_RW	  (MAP_RO | PTE_WRITE)
#define MAP_RX	  (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define MAP_RWX	  (MAP_RX | PTE_WRITE)
#define MAP_UC	  (PTE_PCD | PTE_PWT) /* PAT entry 3 */
#define MAP_WC	  PTE_PWT	      /* PAT entry 1 */
#define MAP_TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

#define STACK_PAGES_MAX 16u

#define ENTRIES	   512u
#define UPPER_HALF 256u

/* UEFI Specification, "GetMemoryMap": the firmware uses it after boot. */
#define EFI_MEMORY_RUNTIME BIT(63)

extern char __image_start[], __image_end[], __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[], __rwdata_start[];
extern char __boot_stack_guard[], __boot_stack_top[];

static struct spinlock lock = SPINLOCK_INIT(LOCK_HOSTPT, "hostpt");
static uint64_t *root, *low_root;	      /* [const after init] */
static bool has_1g;			      /* [const after init] */
static uint64_t area_next = HOSTPT_AREA_BASE; /* [lock] */
/* Lies at the top of a stack that nobody uses. */
static struct free_stack {
	struct free_stack *next;
	unsigned npages;
} * free_stacks; /* [lock] */

struct map_range {
	uint64_t va, pa, nbytes;
	uint64_t bits; /* MAP_* of a 4 KiB leaf */
};

static unsigned index_at(uint64_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1);
}

static int table_alloc(uint64_t **out)
{
	hfn_t f;
	int err = frame_alloc(0, FRAME_HOSTPT, FA_ZERO | FA_RESERVE, &f);

	if (err)
		return err;
	*out = hfn_to_ptr(f);
	return 0;
}

/* The table that entry *e points to, made if it is missing. */
MUST_CHECK static int table_below(uint64_t *e, uint64_t **out)
{
	int err;

	if (*e & PTE_PRESENT) {
		BUG_ON(*e & PTE_LARGE);
		*out = hpa_to_ptr(hpa(*e & PTE_ADDR));
		return 0;
	}
	err = table_alloc(out);
	if (!err)
		WRITE_ONCE(*e, ptr_to_hpa(*out).raw | MAP_TABLE);
	return err;
}

/* The level of the largest leaf that starts at r->va and fits: 0, 1 or 2. */
static unsigned leaf_level(const struct map_range *r)
{
	uint64_t align = r->va | r->pa;

	if (has_1g && !(align & (PAGES_1G * PAGE_SIZE - 1)) &&
	    r->nbytes >= PAGES_1G * PAGE_SIZE)
		return 2;
	if (!(align & (PAGES_2M * PAGE_SIZE - 1)) &&
	    r->nbytes >= PAGES_2M * PAGE_SIZE)
		return 1;
	return 0;
}

/* Maps one leaf at the start of *r and moves r behind it. 0, -ENOMEM. */
MUST_CHECK static int map_leaf(uint64_t *top, struct map_range *r)
{
	unsigned level = leaf_level(r);
	uint64_t step = PAGE_SIZE << (9 * level);
	uint64_t *table = top;
	uint64_t *e;

	for (unsigned l = 3; l > level; l--) {
		int err = table_below(&table[index_at(r->va, l)], &table);

		if (err)
			return err;
	}
	e = &table[index_at(r->va, level)];
	BUG_ON(*e & PTE_PRESENT);
	WRITE_ONCE(*e, r->pa | r->bits | (level ? PTE_LARGE : 0));
	r->va += step;
	r->pa += step;
	r->nbytes -= step;
	return 0;
}

MUST_CHECK static int map_range(uint64_t *top, struct map_range r)
{
	while (r.nbytes) {
		int err = map_leaf(top, &r);

		if (err)
			return err;
	}
	return 0;
}

/* ---- building ---- */

static uint64_t image_hpa(const struct boot_info *bi, const char *symbol)
{
	return bi->kernel_base + (uint64_t)(symbol - __image_start);
}

MUST_CHECK static int map_image(const struct boot_info *bi)
{
	const struct {
		char *start, *end;
		uint64_t bits;
	} sections[] = {
		{ __text_start, __text_end, MAP_RX },
		{ __rodata_start, __rodata_end, MAP_RO },
		{ __rwdata_start, __boot_stack_guard, MAP_RW },
		{ __boot_stack_guard + PAGE_SIZE, __image_end, MAP_RW },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		uint64_t start = (uint64_t)sections[i].start;
		int err = map_range(
			root, (struct map_range){
				      .va = start,
				      .pa = image_hpa(bi, sections[i].start),
				      .nbytes = round_up(
					      (uint64_t)sections[i].end - start,
					      PAGE_SIZE),
				      .bits = sections[i].bits | PTE_GLOBAL,
			      });

		if (err)
			return err;
	}
	return 0;
}

MUST_CHECK static int map_direct(uint64_t start, uint64_t end, uint64_t bits)
{
	return map_range(root, (struct map_range){
				       .va = DIRECT_MAP_BASE + start,
				       .pa = start,
				       .nbytes = end - start,
				       .bits = bits | PTE_GLOBAL,
			       });
}

/*
 * One run of RAM without holes, so that large pages are used where the map has
 * many small entries. The image's constant parts are read-only here as well.
 */
MUST_CHECK static int map_direct_run(const struct boot_info *bi, uint64_t start,
				     uint64_t end)
{
	uint64_t ro = image_hpa(bi, __image_start);
	uint64_t ro_end = image_hpa(bi, __rwdata_start);
	int err = 0;

	if (ro < start || ro >= end)
		return map_direct(start, end, MAP_RW);
	if (start < ro)
		err = map_direct(start, ro, MAP_RW);
	if (!err)
		err = map_direct(ro, ro_end, MAP_RO);
	if (!err && ro_end < end)
		err = map_direct(ro_end, end, MAP_RW);
	return err;
}

MUST_CHECK static int map_all_ram(const struct boot_info *bi,
				  const struct boot_mem *map)
{
	uint64_t start = 0, end = 0;

	for (uint32_t i = 0; i < bi->nr_mem; i++) {
		int err;

		if (!memmap_is_ram(map[i].type))
			continue;
		if (map[i].base != end) {
			err = map_direct_run(bi, start, end);
			if (err)
				return err;
			start = map[i].base;
		}
		end = map[i].base + map[i].npages * PAGE_SIZE;
	}
	return map_direct_run(bi, start, end);
}

/*
 * The upper half of both roots is the same: its second-level tables are made
 * now, empty ones too, so that later mappings show up in both.
 */
MUST_CHECK static int share_upper_half(void)
{
	uint64_t *table;

	for (unsigned i = UPPER_HALF; i < ENTRIES; i++) {
		uint64_t va = 0xffffull << 48 | (uint64_t)i << 39;

		/* Only the layout's own slots ever get used. */
		if (va == HOSTPT_AREA_BASE && !(root[i] & PTE_PRESENT)) {
			int err = table_below(&root[i], &table);

			if (err)
				return err;
		}
		low_root[i] = root[i];
	}
	return 0;
}

MUST_CHECK static int map_low(hpa_t a, uint64_t nbytes, uint64_t cache_bits)
{
	uint64_t start = round_down(a.raw, PAGE_SIZE);

	return map_range(
		low_root,
		(struct map_range){
			.va = start,
			.pa = start,
			.nbytes = round_up(a.raw + nbytes, PAGE_SIZE) - start,
			.bits = MAP_RWX | cache_bits,
		});
}

/* Code, data and registers that the firmware uses when it is called. */
MUST_CHECK static int map_runtime_services(const struct boot_info *bi,
					   const struct boot_mem *map)
{
	for (uint32_t i = 0; i < bi->nr_mem; i++) {
		int err;

		if (map[i].type != BOOT_MEM_FIRMWARE &&
		    !(map[i].type == BOOT_MEM_MMIO &&
		      map[i].efi_attributes & EFI_MEMORY_RUNTIME))
			continue;
		err = map_low(hpa(map[i].base), map[i].npages * PAGE_SIZE,
			      map[i].type == BOOT_MEM_MMIO ? MAP_UC : 0);
		if (err)
			return err;
	}
	return 0;
}

int hostpt_init(const struct boot_info *bi, const struct boot_mem *map)
{
	int err;

	has_1g = cpu_has_1g_pages();
	err = table_alloc(&root);
	if (!err)
		err = table_alloc(&low_root);
	if (!err)
		err = map_image(bi);
	if (!err)
		err = map_all_ram(bi, map);
	if (!err)
		err = share_upper_half();
	if (!err)
		err = map_runtime_services(bi, map);
	if (err)
		return err;
	hostpt_init_cpu();
	return 0;
}

void hostpt_init_cpu(void)
{
	wrmsr(MSR_PAT, HOSTPT_PAT);
	write_cr3(hostpt_root().raw);
	/* Also drops global translations of the loader's tables. */
	write_cr4(read_cr4() & ~CR4_PGE);
	write_cr4(read_cr4() | CR4_PGE);
}

hpa_t hostpt_root(void)
{
	return ptr_to_hpa(root);
}

hpa_t hostpt_low_root(void)
{
	return ptr_to_hpa(low_root);
}

int hostpt_map_low(hpa_t a, uint64_t nbytes)
{
	return map_low(a, nbytes, 0);
}

/* The leaf that maps va, which is in the upper half; 0: none. */
static uint64_t leaf_of(uint64_t va, unsigned *level)
{
	const uint64_t *table = root;

	for (*level = 3;; --*level) {
		uint64_t e = READ_ONCE(table[index_at(va, *level)]);

		if (!(e & PTE_PRESENT))
			return 0;
		if (*level == 0 || e & PTE_LARGE)
			return e;
		table = hpa_to_ptr(hpa(e & PTE_ADDR));
	}
}

/* ---- what the memory map does not call RAM ---- */

/* The first physical address that the direct map has no room for. */
static uint64_t direct_end(void)
{
	return min(1ull << cpu_phys_bits(), HOSTPT_AREA_BASE - DIRECT_MAP_BASE);
}

/* One page of the direct map; a new slot of the root shows up in both. */
MUST_CHECK static int map_ro_page(uint64_t pa)
{
	unsigned slot = index_at(DIRECT_MAP_BASE + pa, 3), level;
	int err;

	if (leaf_of(DIRECT_MAP_BASE + pa, &level))
		return 0;
	err = map_direct(pa, pa + PAGE_SIZE, MAP_RO);
	WRITE_ONCE(low_root[slot], root[slot]);
	return err;
}

int hostpt_map_ro(hpa_t a, uint64_t nbytes, const void **out)
{
	uint64_t end = direct_end(), flags;
	int err = 0;

	if (!nbytes || a.raw >= end || nbytes > end - a.raw)
		return -ERANGE;
	end = a.raw + nbytes;
	flags = spin_lock_irqsave(&lock);
	for (uint64_t pa = round_down(a.raw, PAGE_SIZE); pa < end && !err;
	     pa += PAGE_SIZE)
		err = map_ro_page(pa);
	spin_unlock_irqrestore(&lock, flags);
	if (!err)
		*out = hpa_to_ptr(a);
	return err;
}

/* ---- the area: device registers and stacks ---- */

/* Takes address space for nbytes behind one page that stays unmapped. */
static uint64_t area_take(uint64_t nbytes)
{
	uint64_t va = area_next + PAGE_SIZE;

	area_next = va + nbytes;
	return va;
}

MUST_CHECK static int map_device(hpa_t a, uint64_t nbytes, uint64_t bits,
				 void **out)
{
	uint64_t offset = a.raw & PAGE_MASK;
	uint64_t length = round_up(offset + nbytes, PAGE_SIZE);
	uint64_t flags, va;
	int err;

	flags = spin_lock_irqsave(&lock);
	va = area_take(length);
	err = map_range(root, (struct map_range){
				      .va = va,
				      .pa = a.raw - offset,
				      .nbytes = length,
				      .bits = MAP_RW | PTE_GLOBAL | bits,
			      });
	spin_unlock_irqrestore(&lock, flags);
	if (!err)
		*out = (void *)(va + offset);
	return err;
}

int hostpt_map_mmio(hpa_t a, uint64_t nbytes, void **out)
{
	return map_device(a, nbytes, MAP_UC, out);
}

int hostpt_map_wc(hpa_t a, uint64_t nbytes, void **out)
{
	return map_device(a, nbytes, MAP_WC, out);
}

static void *take_free_stack(unsigned npages)
{
	struct free_stack **link = &free_stacks, *f;
	uint64_t flags = spin_lock_irqsave(&lock);

	/* All that were ever freed are threads': the first one fits. */
	while (*link && (*link)->npages != npages)
		link = &(*link)->next;
	f = *link;
	if (f)
		*link = f->next;
	spin_unlock_irqrestore(&lock, flags);
	return f ? f + 1 : NULL;
}

/* Makes the tables down to the last level for the page at va. */
MUST_CHECK static int tables_make(uint64_t va)
{
	uint64_t *table = root;
	int err = 0;

	for (unsigned l = 3; l > 0 && !err; l--)
		err = table_below(&table[index_at(va, l)], &table);
	return err;
}

/*
 * Maps fresh frames at va, all or none: first whatever may be missing. Tables
 * stay, for the next caller; what was mapped once could not be unmapped.
 */
MUST_CHECK static int stack_map(uint64_t va, unsigned npages)
{
	hfn_t f[STACK_PAGES_MAX];
	unsigned n;
	int err = 0;

	BUG_ON(npages > ARRAY_SIZE(f));
	for (n = 0; n < npages; n++) {
		err = tables_make(va + n * PAGE_SIZE);
		if (!err)
			err = frame_alloc(0, FRAME_STACK, FA_RESERVE, &f[n]);
		if (err)
			goto free_frames;
	}
	for (unsigned i = 0; i < npages; i++) {
		err = map_range(root, (struct map_range){
					      .va = va + i * PAGE_SIZE,
					      .pa = hpa_of(f[i]).raw,
					      .nbytes = PAGE_SIZE,
					      .bits = MAP_RW | PTE_GLOBAL,
				      });
		BUG_ON(err);
	}
	return 0;

free_frames:
	while (n--)
		frame_free(f[n], 0);
	return err;
}

int hostpt_stack_alloc(unsigned npages, void **top)
{
	uint64_t flags, va;
	int err;

	*top = take_free_stack(npages);
	if (*top)
		return 0;
	flags = spin_lock_irqsave(&lock);
	err = stack_map(area_next + PAGE_SIZE, npages);
	if (!err) {
		va = area_take(npages * PAGE_SIZE);
		*top = (void *)(va + npages * PAGE_SIZE);
	}
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

/* Never unmapped: every CPU would have to flush its TLB for it. */
void hostpt_stack_free(void *top, unsigned npages)
{
	struct free_stack *f = (struct free_stack *)top - 1;
	uint64_t flags = spin_lock_irqsave(&lock);

	*f = (struct free_stack){ .next = free_stacks, .npages = npages };
	free_stacks = f;
	spin_unlock_irqrestore(&lock, flags);
}

bool hostpt_is_stack(uint64_t va)
{
	unsigned level;
	uint64_t e;
	hfn_t f;

	if (va % 8)
		return false;
	if (va >= (uint64_t)__boot_stack_guard + PAGE_SIZE &&
	    va < (uint64_t)__boot_stack_top)
		return true;
	/* Thread and interrupt stacks are 4 KiB leaves of the area. */
	if (!root || va < HOSTPT_AREA_BASE || va >= KERNEL_VMA)
		return false;
	e = leaf_of(va, &level);
	f = hfn_of(hpa(e & PTE_ADDR));
	return e && !level && f.raw < frame_limit().raw &&
	       frame_of(f)->type == FRAME_STACK;
}
