// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory from firmware. Everything is allocated as loader data, because some
 * firmware mistreats private memory types; what the hypervisor must keep is
 * remembered here and laid over firmware's map at the end (memmap.c).
 */
#include "boot/loader.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

/* The image, the configuration, and each file that it can name. */
#define MAX_OWNED 512u

static struct boot_mem owned[MAX_OWNED];
static uint32_t nr_owned;

/* Keeps `owned` sorted by base. */
static void remember(uint64_t base, uint64_t npages, enum boot_mem_type type)
{
	uint32_t i = nr_owned++;

	for (; i > 0 && owned[i - 1].base > base; i--)
		owned[i] = owned[i - 1];
	owned[i] = (struct boot_mem){
		.base = base,
		.npages = npages,
		.type = type,
	};
}

static int take(uint64_t npages, enum boot_mem_type type, uint64_t *base)
{
	EFI_PHYSICAL_ADDRESS at = 0;

	if (nr_owned == MAX_OWNED)
		return -ENOMEM;
	if (EFI_ERROR(efi_bs->AllocatePages(
		    AllocateAnyPages,
		    type == BOOT_MEM_KERNEL ? EfiLoaderCode : EfiLoaderData,
		    npages, &at)))
		return -ENOMEM;
	*base = at;
	return 0;
}

static void finish(uint64_t base, uint64_t npages, enum boot_mem_type type)
{
	memset(loader_ptr(base), 0, npages << PAGE_SHIFT);
	if (type != BOOT_MEM_LOADER)
		remember(base, npages, type);
}

int loader_alloc(uint64_t npages, enum boot_mem_type type, uint64_t *base)
{
	int err = take(npages, type, base);

	if (!err)
		finish(*base, npages, type);
	return err;
}

int loader_alloc_2m(uint64_t npages, enum boot_mem_type type, uint64_t *base)
{
	uint64_t at, head, tail;
	int err;

	err = take(npages + PAGES_2M - 1, type, &at);
	if (err)
		return err;
	*base = round_up(at, PAGES_2M << PAGE_SHIFT);
	head = (*base - at) >> PAGE_SHIFT;
	tail = PAGES_2M - 1 - head;
	if (head)
		efi_bs->FreePages(at, head);
	if (tail)
		efi_bs->FreePages(*base + (npages << PAGE_SHIFT), tail);
	finish(*base, npages, type);
	return 0;
}

const struct boot_mem *loader_owned(uint32_t *nr)
{
	*nr = nr_owned;
	return owned;
}
