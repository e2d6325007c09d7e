/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UEFI loader's own interfaces. Nobody outside boot/ includes this or
 * <efi.h>. The loader runs on one CPU with firmware's services until
 * handover_enter(), and gives up only by returning to firmware.
 *
 * Functions return 0 or -errno and have said on the console what went wrong,
 * with the name of the thing, when they return an error.
 */
#ifndef BOOT_LOADER_H
#define BOOT_LOADER_H

#include <efi.h>

#include "kernel/lib/addr.h"
#include "kernel/lib/boot_info.h"
#include "kernel/lib/compiler.h"

/* Set once by efi_main(). */
extern EFI_HANDLE loader_image;
extern EFI_SYSTEM_TABLE *efi_st;
extern EFI_BOOT_SERVICES *efi_bs;

/* ---- console.c ---- */
void con_init(void);
void con_printf(const char *fmt, ...) PRINTF(1, 2);
/* A bar that redraws itself in place; ends its line at done == total. */
void con_progress(const char *what, uint64_t done, uint64_t total);
void con_wait_key(void);
/* Short text for an EFI status. */
const char *con_efi_error(EFI_STATUS s);

/* ---- alloc.c ---- */
/*
 * Zeroed pages, never freed, that appear in the hypervisor's memory map as
 * `type` (BOOT_MEM_LOADER, _KERNEL or _FILE). -ENOMEM (says nothing).
 */
MUST_CHECK int loader_alloc(uint64_t npages, enum boot_mem_type type,
			    uint64_t *base);
/* As above, aligned to 2 MiB. */
MUST_CHECK int loader_alloc_2m(uint64_t npages, enum boot_mem_type type,
			       uint64_t *base);
/* What was allocated as _KERNEL or _FILE, ascending by base. */
const struct boot_mem *loader_owned(uint32_t *nr);

static inline void *loader_ptr(uint64_t hpa)
{
	return (void *)hpa; /* firmware maps memory one to one */
}

/* ---- files.c ---- */
/*
 * Reads the configuration and each file that it names, once each, into
 * bi->files. A file's own error is in its boot_file.status and doesn't stop
 * the others. -ENOMEM: no room for the list itself.
 */
MUST_CHECK int files_load(struct boot_info *bi);

/* ---- elf.c ---- */
/*
 * Places the embedded hypervisor in physical memory; *entry: its virtual entry
 * point, *vma: the virtual address of its first byte. -ENOMEM, -EINVAL.
 */
MUST_CHECK int elf_load_kernel(struct boot_info *bi, uint64_t *entry,
			       uint64_t *vma);

/* ---- platform.c ---- */
/* RSDP, SMBIOS, framebuffer and time of day; what is absent stays 0. */
void platform_collect(struct boot_info *bi);

/* ---- cpus.c ---- */
/* The CPU list: MADT, else EFI MP Services, else only this CPU. -ENOMEM. */
MUST_CHECK int cpus_collect(struct boot_info *bi);

/* ---- paging.c ---- */
/*
 * Page tables as boot_info.h promises, for all RAM; kernel_vma is
 * mapped to bi->kernel_base. -ENOMEM.
 */
MUST_CHECK int paging_build(struct boot_info *bi, uint64_t kernel_vma);

/* ---- handover.c ---- */
/* The firmware's memory map into a new buffer with room to grow. */
struct efi_map {
	uint64_t base;	/* hpa of the buffer */
	UINTN capacity; /* bytes */
	UINTN nbytes;	/* in use */
	UINTN key;
	UINTN desc_nbytes;
	UINT32 version;
};
MUST_CHECK int efi_map_alloc(struct efi_map *m);
MUST_CHECK int efi_map_read(struct efi_map *m);
/* The i-th descriptor, or NULL behind the last. */
const EFI_MEMORY_DESCRIPTOR *efi_map_entry(const struct efi_map *m, UINTN i);
/* What is believed of a descriptor (memmap.h); npages is 0 if nothing is. */
struct boot_mem efi_map_believed(const EFI_MEMORY_DESCRIPTOR *d);
/* Leaves boot services and enters the hypervisor. Returns only on error. */
MUST_CHECK int handover_enter(struct boot_info *bi, uint64_t entry);

#endif
