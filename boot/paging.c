// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first page tables of the hypervisor (boot_info.h says what they map).
 * The identity map and the direct map share their lower tables. The first
 * 4 GiB use 2 MiB pages, because memory types change there and a page should
 * not span two (SDM Vol. 3A, "Large Page Size Considerations"); above, 1 GiB
 * pages where the CPU has them.
 */
#include "boot/loader.h"
#include "kernel/lib/cpu_paging.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/memmap.h"
#include "kernel/lib/pte_format.h"

#define GIB	(1ull << 30)
#define LOW_GIB 4u

static uint64_t *table_alloc(void)
{
	uint64_t base;

	if (loader_alloc(1, BOOT_MEM_LOADER, &base))
		return NULL;
	return loader_ptr(base);
}

/* The table below entry i, made on demand; NULL: no memory. */
static uint64_t *table_below(uint64_t *table, unsigned i)
{
	uint64_t *lower;

	if (table[i] & PTE_PRESENT)
		return loader_ptr(table[i] & ~PAGE_MASK);
	lower = table_alloc();
	if (lower)
		table[i] = (uint64_t)lower | PTE_PRESENT | PTE_WRITE;
	return lower;
}

static unsigned index_of(uint64_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) & 511;
}

/* Maps the 1 GiB at hpa into the direct map. */
static int map_gib(uint64_t *pml4, uint64_t hpa, bool huge)
{
	uint64_t va = DIRECT_MAP_BASE + hpa;
	uint64_t *pdpt = table_below(pml4, index_of(va, 3));
	uint64_t *pd;
	unsigned i;

	if (!pdpt)
		return -ENOMEM;
	if (pdpt[index_of(va, 2)] & PTE_PRESENT)
		return 0;
	if (huge) {
		pdpt[index_of(va, 2)] =
			hpa | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		return 0;
	}
	pd = table_below(pdpt, index_of(va, 2));
	if (!pd)
		return -ENOMEM;
	for (i = 0; i < 512; i++)
		pd[i] = (hpa + ((uint64_t)i << 21)) | PTE_PRESENT | PTE_WRITE |
			PTE_LARGE;
	return 0;
}

static int map_ram(uint64_t *pml4)
{
	bool huge = cpu_has_1g_pages();
	const EFI_MEMORY_DESCRIPTOR *d;
	struct efi_map map = { 0 };
	uint64_t at, end;
	unsigned i;
	int err;

	for (i = 0; i < LOW_GIB; i++) {
		err = map_gib(pml4, i * GIB, false);
		if (err)
			return err;
	}
	err = efi_map_alloc(&map);
	if (err)
		return err;
	for (i = 0; (d = efi_map_entry(&map, i)); i++) {
		struct boot_mem m = efi_map_believed(d);

		if (!memmap_is_ram(m.type))
			continue;
		end = m.base + (m.npages << PAGE_SHIFT);
		at = round_down(m.base, GIB);
		for (; at < end; at += GIB) {
			err = map_gib(pml4, at, huge && at >= LOW_GIB * GIB);
			if (err)
				return err;
		}
	}
	return 0;
}

static int map_image(uint64_t *pml4, const struct boot_info *bi, uint64_t vma)
{
	uint64_t *pdpt, *pd, *pt;
	uint64_t off;

	for (off = 0; off < bi->kernel_nbytes; off += PAGE_SIZE) {
		pdpt = table_below(pml4, index_of(vma + off, 3));
		pd = pdpt ? table_below(pdpt, index_of(vma + off, 2)) : NULL;
		pt = pd ? table_below(pd, index_of(vma + off, 1)) : NULL;
		if (!pt)
			return -ENOMEM;
		pt[index_of(vma + off, 0)] =
			(bi->kernel_base + off) | PTE_PRESENT | PTE_WRITE;
	}
	return 0;
}

int paging_build(struct boot_info *bi, uint64_t kernel_vma)
{
	uint64_t *pml4 = table_alloc();
	unsigned first = index_of(DIRECT_MAP_BASE, 3), i;
	int err = pml4 ? map_ram(pml4) : -ENOMEM;

	if (!err)
		err = map_image(pml4, bi, kernel_vma);
	if (err) {
		con_printf("No memory for page tables.\n");
		return err;
	}
	/* The same lower tables once more, at 0: the identity map. */
	for (i = 0; first + i < index_of(KERNEL_VMA, 3); i++)
		pml4[i] = pml4[first + i];
	bi->page_tables = (uint64_t)pml4;
	return 0;
}
