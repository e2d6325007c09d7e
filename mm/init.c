// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the boot memory map to a working allocator.
 *
 * Invariant: what the map calls anything but usable never enters the buddy,
 * whatever else overlaps it; frame 0 never does, so that no null physical
 * address is ever a valid allocation.
 */
#include "mm/init.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sync/log.h"
#include "mm/frame_priv.h"
#include "mm/heap.h"
#include "mm/memwait.h"

#define LOW_FRAMES    256u	     /* below 1 MiB */
#define RESERVE_SHARE 128u	     /* default reserve: 1/128 of RAM, */
#define RESERVE_MIN   (8ull << 20)   /* but no less */
#define RESERVE_MAX   (256ull << 20) /* and no more */
#define EFI_MEMORY_WB 0x8u	     /* UEFI, "GetMemoryMap()" */

static hfn_t shared_zero;

hfn_t frame_zero(void)
{
	return shared_zero;
}

/* What becomes of the frames of one map entry; FRAME_ABSENT: not RAM. */
static enum frame_type type_of_entry(const struct boot_mem *m)
{
	switch (m->type) {
	case BOOT_MEM_USABLE: return FRAME_FREE;
	case BOOT_MEM_LOADER: return FRAME_LOADER;
	case BOOT_MEM_KERNEL: return FRAME_IMAGE;
	case BOOT_MEM_FILE: return FRAME_FILE;
	case BOOT_MEM_FIRMWARE:
	case BOOT_MEM_ACPI: return FRAME_FIRMWARE;
	case BOOT_MEM_RESERVED:
		/* Stolen RAM is cacheable, device windows are not. */
		return m->efi_attributes & EFI_MEMORY_WB ? FRAME_FIRMWARE
							 : FRAME_ABSENT;
	default: return FRAME_ABSENT;
	}
}

static bool entry_is_sane(const struct boot_mem *m)
{
	uint64_t first = m->base >> PAGE_SHIFT;

	/* Free lists hold frame numbers in 32 bits: 16 TiB. */
	return !(m->base & PAGE_MASK) && m->npages &&
	       m->npages < FRAME_NIL - first && first < FRAME_NIL;
}

static uint64_t entry_end(const struct boot_mem *m)
{
	return (m->base >> PAGE_SHIFT) + m->npages;
}

static uint64_t find_ram_top(const struct boot_mem *map, uint32_t nr)
{
	uint64_t top = 0;

	for (uint32_t i = 0; i < nr; i++) {
		enum frame_type t = type_of_entry(&map[i]);

		/* Reserved areas alone are not worth records. */
		if (entry_is_sane(&map[i]) && t != FRAME_ABSENT &&
		    t != FRAME_FIRMWARE)
			top = max(top, entry_end(&map[i]));
	}
	return top;
}

/* True if some other entry that is not usable overlaps [first, end). */
static bool is_disputed(const struct boot_mem *map, uint32_t nr, uint64_t first,
			uint64_t end)
{
	for (uint32_t i = 0; i < nr; i++)
		if (map[i].type != BOOT_MEM_USABLE && entry_is_sane(&map[i]) &&
		    map[i].base >> PAGE_SHIFT < end &&
		    entry_end(&map[i]) > first)
			return true;
	return false;
}

/* The start of the largest usable area, if npages fit in. */
static int find_room(const struct boot_mem *map, uint32_t nr, uint64_t npages,
		     hfn_t *out)
{
	uint64_t best = npages - 1;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t first = map[i].base >> PAGE_SHIFT;

		if (map[i].type != BOOT_MEM_USABLE || !entry_is_sane(&map[i]) ||
		    first < LOW_FRAMES || map[i].npages <= best ||
		    is_disputed(map, nr, first, first + npages))
			continue;
		best = map[i].npages;
		*out = hfn(first);
	}
	return best >= npages ? 0 : -ENOMEM;
}

static void mark(uint64_t first, uint64_t end, enum frame_type type)
{
	end = min(end, frame_nr_records);
	for (uint64_t i = first; i < end; i++)
		frame_records[i].kind = frame_kind(type, 0, 0, 0);
}

/* Usable memory first, so that on overlap the other claim wins. */
static void mark_map(const struct boot_mem *map, uint32_t nr)
{
	for (unsigned pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < nr; i++) {
			bool usable = map[i].type == BOOT_MEM_USABLE;

			if (!entry_is_sane(&map[i])) {
				if (pass)
					log_warn(
						"mm",
						"map entry=%u base=%#llx npages=%llu ignored: nonsense",
						i,
						(unsigned long long)map[i].base,
						(unsigned long long)map[i]
							.npages);
				continue;
			}
			if (usable == (pass == 0))
				mark(map[i].base >> PAGE_SHIFT,
				     entry_end(&map[i]),
				     type_of_entry(&map[i]));
		}
}

/*
 * Calls for each maximal run of records of one type. Valid only before the
 * buddy merged anything of that type.
 */
static uint64_t next_run(uint64_t from, enum frame_type type, uint64_t *npages)
{
	uint64_t i = from, n = 0;

	while (i < frame_nr_records && frame_records[i].type != type)
		i += 1ull << frame_records[i].order;
	while (i + n < frame_nr_records && frame_records[i + n].type == type)
		n++;
	*npages = n;
	return i;
}

/* Counts what is not free, gives what is to the zone. */
static void sort_records(void)
{
	struct zone *z = &zones[0];
	uint64_t i = 0, n;

	while (i < frame_nr_records) {
		enum frame_type t = (enum frame_type)frame_records[i].type;

		i = next_run(i, t, &n);
		if (t == FRAME_FREE) {
			spin_lock(&z->lock);
			buddy_put(z, hfn(i), n, BLOCK_DIRTY);
			spin_unlock(&z->lock);
		} else if (t != FRAME_ABSENT) {
			frame_count(t, (int64_t)n);
		}
		if (t != FRAME_ABSENT)
			frame_nr_ram += n;
		i += n;
	}
}

static void set_watermarks(uint64_t reserve)
{
	uint64_t nbytes = frame_nr_ram << PAGE_SHIFT;

	if (!reserve) {
		reserve = max(nbytes / RESERVE_SHARE, RESERVE_MIN);
		reserve = min(reserve, RESERVE_MAX);
	}
	zones[0].min_guest = reserve >> PAGE_SHIFT;
	zones[0].min_kernel = zones[0].min_guest / 4;
}

/* Usable memory below 1 MiB is kept for the AP trampoline. */
static void keep_low_memory(void)
{
	uint64_t end = min(frame_nr_records, (uint64_t)LOW_FRAMES);

	for (uint64_t i = 0; i < end; i++)
		if (frame_records[i].type == FRAME_FREE)
			frame_records[i].kind = frame_kind(
				i ? FRAME_LOW : FRAME_FIRMWARE, 0, 0, 0);
}

int mm_init(const struct boot_mem *map, uint32_t nr, uint64_t reserve)
{
	hfn_t room = hfn(0);
	uint64_t npages;
	int err;

	frame_nr_records = find_ram_top(map, nr);
	if (!frame_nr_records)
		return -ENOMEM;
	npages = round_up(frame_nr_records * sizeof(struct frame), PAGE_SIZE) >>
		 PAGE_SHIFT;
	err = find_room(map, nr, npages, &room);
	if (err)
		return err;

	frame_records = hfn_to_ptr(room);
	zero_frames(room, npages); /* all FRAME_ABSENT */
	frame_init();
	zone_init(&zones[0], 0);
	nr_zones = 1;
	memwait_init();
	heap_init();
	mark_map(map, nr);
	mark(room.raw, room.raw + npages, FRAME_RECORDS);
	keep_low_memory();
	sort_records();
	set_watermarks(reserve);
	return frame_alloc(0, FRAME_ZERO, FA_ZERO, &shared_zero);
}

static void release_all(enum frame_type type)
{
	uint64_t i = 0, n;

	while ((i = next_run(i, type, &n)) < frame_nr_records) {
		frame_free_run(hfn(i), n, type);
		i += n;
	}
}

void mm_release_loader_memory(void)
{
	release_all(FRAME_LOADER);
	release_all(FRAME_LOW);
}

int mm_take_low_memory(uint64_t npages, uint64_t *hpa_out)
{
	uint64_t first, n;

	BUG_ON(!npages);
	for (first = 1; first < LOW_FRAMES; first += n) {
		first = next_run(first, FRAME_LOW, &n);
		if (n < npages)
			continue;
		mark(first, first + npages, FRAME_IMAGE);
		frame_count(FRAME_LOW, -(int64_t)npages);
		frame_count(FRAME_IMAGE, (int64_t)npages);
		*hpa_out = first << PAGE_SHIFT;
		return 0;
	}
	return -ENOMEM;
}
