// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of the loader: the final memory map, leaving boot services, and the
 * jump. After ExitBootServices() nothing may fail and nothing may be said.
 */
#include "boot/loader.h"
#include "kernel/lib/cpu_paging.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/memmap.h"
#include "kernel/lib/x86.h"

/* The map may grow by what is allocated between asking its size and now. */
#define SLACK_DESCS  64u
#define STACK_NPAGES 4u
#define EXIT_TRIES   4u

int efi_map_read(struct efi_map *m)
{
	EFI_STATUS s;

	m->nbytes = m->capacity;
	s = efi_bs->GetMemoryMap(&m->nbytes, loader_ptr(m->base), &m->key,
				 &m->desc_nbytes, &m->version);
	/* Or each entry would be the same one. */
	if (EFI_ERROR(s) || m->desc_nbytes < sizeof(EFI_MEMORY_DESCRIPTOR))
		return -EIO;
	return 0;
}

int efi_map_alloc(struct efi_map *m)
{
	UINTN nbytes = 0;
	int err;

	efi_bs->GetMemoryMap(&nbytes, NULL, &m->key, &m->desc_nbytes,
			     &m->version);
	m->capacity =
		round_up(nbytes + SLACK_DESCS * m->desc_nbytes, PAGE_SIZE);
	err = loader_alloc(m->capacity >> PAGE_SHIFT, BOOT_MEM_LOADER,
			   &m->base);
	return err ? err : efi_map_read(m);
}

const EFI_MEMORY_DESCRIPTOR *efi_map_entry(const struct efi_map *m, UINTN i)
{
	if ((i + 1) * m->desc_nbytes > m->nbytes)
		return NULL;
	return loader_ptr(m->base + i * m->desc_nbytes);
}

static enum boot_mem_type boot_type(const EFI_MEMORY_DESCRIPTOR *d)
{
	switch (d->Type) {
	case EfiConventionalMemory:
	case EfiBootServicesCode:
	case EfiBootServicesData:
		/* RAM that can't be cached is no RAM for guests. */
		return d->Attribute & EFI_MEMORY_WB ? BOOT_MEM_USABLE
						    : BOOT_MEM_RESERVED;
	case EfiLoaderCode:
	case EfiLoaderData: return BOOT_MEM_LOADER;
	case EfiRuntimeServicesCode:
	case EfiRuntimeServicesData: return BOOT_MEM_FIRMWARE;
	case EfiACPIReclaimMemory:
	case EfiACPIMemoryNVS: return BOOT_MEM_ACPI;
	case EfiMemoryMappedIO:
	case EfiMemoryMappedIOPortSpace: return BOOT_MEM_MMIO;
	default: return BOOT_MEM_RESERVED;
	}
}

static struct boot_mem translate(const EFI_MEMORY_DESCRIPTOR *d)
{
	return (struct boot_mem){
		.base = d->PhysicalStart,
		.npages = d->NumberOfPages,
		.type = boot_type(d),
		.efi_attributes = d->Attribute,
	};
}

struct boot_mem efi_map_believed(const EFI_MEMORY_DESCRIPTOR *d)
{
	struct boot_mem_flaws said_later = { 0 };
	struct boot_mem m = translate(d);

	return memmap_entry(&m, cpu_phys_bits(), &said_later);
}

/* The firmware's map with its types translated; returns its length. */
static uint32_t translate_map(const struct efi_map *m, struct boot_mem *out,
			      uint32_t max)
{
	const EFI_MEMORY_DESCRIPTOR *d;
	uint32_t i;

	for (i = 0; i < max && (d = efi_map_entry(m, i)); i++)
		out[i] = translate(d);
	return i;
}

/* After this only GetMemoryMap() may be called: the map's key would change. */
static int exit_boot_services(struct efi_map *m)
{
	EFI_STATUS s = EFI_INVALID_PARAMETER;
	unsigned i;

	/* A timer event of the firmware may have changed the map: ask again. */
	for (i = 0; i < EXIT_TRIES && s == EFI_INVALID_PARAMETER; i++) {
		if (efi_map_read(m))
			return -EIO;
		s = efi_bs->ExitBootServices(loader_image, m->key);
	}
	return EFI_ERROR(s) ? -EIO : 0;
}

/*
 * This function lies in the identity map of the new tables, and so does the
 * instruction after the write to CR3.
 */
static NORETURN void jump(uint64_t page_tables, uint64_t stack, uint64_t arg,
			  uint64_t entry)
{
	__asm__ volatile("cli\n\t"
			 "cld\n\t"
			 "mov %0, %%cr3\n\t"
			 "mov %1, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "jmp *%3"
			 :
			 : "r"(page_tables), "r"(stack), "D"(arg), "r"(entry)
			 : "memory");
	__builtin_unreachable();
}

static int map_alloc(uint64_t nr, uint64_t *hpa)
{
	uint64_t nbytes = round_up(nr * sizeof(struct boot_mem), PAGE_SIZE);

	return loader_alloc(nbytes >> PAGE_SHIFT, BOOT_MEM_LOADER, hpa);
}

int handover_enter(struct boot_info *bi, uint64_t entry)
{
	struct efi_map m = { 0 };
	struct memmap_input from = { .phys_bits = cpu_phys_bits() };
	uint64_t stack, in;
	uint32_t max, room;

	if (read_cr4() & CR4_LA57) {
		con_printf("This firmware uses 5-level paging, which is not "
			   "supported: switch it off in its set-up.\n");
		return -EOPNOTSUPP;
	}
	from.own = loader_owned(&from.nr_own);
	if (efi_map_alloc(&m))
		goto no_memory;
	max = (uint32_t)(m.capacity / m.desc_nbytes);
	room = 3 * max + 2 * from.nr_own; /* memmap.h: this is enough */
	if (map_alloc(max, &in) || map_alloc(room, &bi->mem_map) ||
	    loader_alloc(STACK_NPAGES, BOOT_MEM_LOADER, &stack))
		goto no_memory;
	if (exit_boot_services(&m)) {
		con_printf("The firmware refuses to leave boot services.\n");
		return -EIO;
	}
	from.in = loader_ptr(in);
	from.nr_in = translate_map(&m, loader_ptr(in), max);
	bi->efi_runtime_map = m.base;
	bi->efi_map_nbytes = m.nbytes;
	bi->efi_map_desc_nbytes = m.desc_nbytes;
	bi->efi_map_version = m.version;
	if (memmap_build(&from, loader_ptr(bi->mem_map), room, &bi->nr_mem,
			 &bi->mem_flaws))
		__builtin_trap();
	jump(bi->page_tables,
	     DIRECT_MAP_BASE + stack + STACK_NPAGES * PAGE_SIZE,
	     DIRECT_MAP_BASE + (uint64_t)bi, entry);

no_memory:
	con_printf("No memory for the memory map.\n");
	return -ENOMEM;
}
