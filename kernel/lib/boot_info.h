/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader hands to the hypervisor: its only product. Versioned; all
 * addresses are host-physical. The loader enters the hypervisor in 64-bit
 * mode, interrupts off, with rdi = virtual (direct map) address of this
 * structure and page tables that map:
 *   - all RAM and the first 4 GiB at DIRECT_MAP_BASE (2 MiB or 1 GiB pages),
 *   - the hypervisor image at its link address (KERNEL_VMA + offset), 4 KiB
 *     pages, all rwx for now (the hypervisor builds its own W^X tables),
 *   - the first 4 GiB of memory and the loader itself identity-mapped.
 * Everything the loader allocated (this structure, strings, page tables, stack,
 * image, files) is listed in the memory map as BOOT_MEM_LOADER, BOOT_MEM_KERNEL
 * or BOOT_MEM_FILE, so that nothing else has to be known to keep it.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include <stdint.h>

#define BOOT_INFO_MAGIC	  0x5441545345524f41ull /* "AORESTAT" */
#define BOOT_INFO_VERSION 2u

enum boot_mem_type {
	BOOT_MEM_USABLE,   /* free RAM, boot services memory included */
	BOOT_MEM_LOADER,   /* reclaimable once boot_info has been copied */
	BOOT_MEM_KERNEL,   /* the hypervisor image incl. bss */
	BOOT_MEM_FILE,	   /* content of a loaded file, page aligned */
	BOOT_MEM_FIRMWARE, /* runtime services code and data */
	BOOT_MEM_ACPI,	   /* ACPI reclaim and NVS */
	BOOT_MEM_MMIO,
	BOOT_MEM_RESERVED,
};

struct boot_mem {
	uint64_t base; /* page aligned */
	uint64_t npages;
	uint32_t type; /* enum boot_mem_type */
	uint32_t reserved;
	uint64_t efi_attributes;
};

/* What was wrong with firmware's memory map: numbers of entries. */
struct boot_mem_flaws {
	uint32_t empty, unaligned, overlapping;
	uint32_t beyond; /* wraps, or ends where the CPU has no addresses */
	uint32_t far;	 /* RAM beyond what the hypervisor can manage */
};

/* One for each file named in the configuration, and the config itself. */
struct boot_file {
	uint64_t path;		  /* hpa of NUL-terminated path as configured */
	uint64_t base;		  /* hpa of content; 0 if status != 0 */
	uint64_t nbytes;	  /* bytes really read */
	uint64_t expected_nbytes; /* size in the directory entry */
	int32_t status;		  /* 0 or -errno (-ENOENT, -EIO, -ENOMEM) */
	uint32_t reserved;
};

struct boot_cpu {
	uint32_t apic_id;
	uint32_t flags; /* bit 0: enabled; bit 1: boot CPU */
};

enum boot_pixel_format { BOOT_PIXEL_NONE, BOOT_PIXEL_RGBX, BOOT_PIXEL_BGRX };

struct boot_fb { /* linear framebuffer; format NONE: absent */
	uint64_t base;
	uint64_t nbytes;
	uint32_t width, height; /* pixels */
	uint32_t stride;	/* pixels per line */
	uint32_t format;	/* enum boot_pixel_format */
};

struct boot_info {
	uint64_t magic;
	uint32_t version;
	uint32_t nbytes;  /* of this structure */
	uint64_t mem_map; /* hpa of struct boot_mem[], sorted, disjoint */
	uint64_t files;	  /* hpa of struct boot_file[]; [0] is the config */
	uint64_t cpus;	  /* hpa of struct boot_cpu[] */
	uint32_t nr_mem, nr_files, nr_cpus;
	uint32_t cpu_source; /* 0 none, 1 MADT, 2 EFI MP Services */
	uint64_t rsdp;	     /* hpa, 0 if none */
	uint64_t smbios;     /* hpa of the SMBIOS entry point, 0 if none */
	struct boot_fb fb;
	uint64_t kernel_base;	/* hpa of the image, 2 MiB aligned */
	uint64_t kernel_nbytes; /* incl. bss */
	uint64_t page_tables;	/* hpa of the loader's PML4 */
	uint64_t efi_system_table;
	uint64_t efi_runtime_map; /* hpa of the raw EFI memory map */
	uint64_t efi_map_nbytes, efi_map_desc_nbytes;
	uint32_t efi_map_version;
	struct boot_mem_flaws mem_flaws;
	uint64_t tsc_at_entry; /* TSC when the loader started */
	uint64_t epoch;	       /* seconds since 1970 UTC from EFI GetTime, 0 */
};

#endif
