/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest loaders: put an image into fresh guest RAM and say how the boot vCPU
 * starts. Images are untrusted bytes: every length and offset is checked.
 */
#ifndef VMX_LOADER_H
#define VMX_LOADER_H

#include "kernel/lib/compiler.h"
#include "vmx/vm.h"

/* A loaded file, whole, in the direct map. */
struct bootfile {
	const char *path;
	const uint8_t *data;
	uint64_t nbytes;
	int status; /* -errno from the loader */
	uint64_t expected_nbytes;
};

struct boot_file;

/*
 * Takes over what the loader read (boot_info.files); the paths are copied.
 * Once, at boot. 0, -ENOMEM.
 */
MUST_CHECK int bootfiles_init(const struct boot_file *from, uint32_t nr);

/* The file named in the configuration; NULL if the loader knew nothing of it.
 */
const struct bootfile *bootfile_find(const char *path);

enum start_mode { START_LONG64, START_PROT32 };

/* What the boot vCPU starts with. Segments are flat, interrupts off. */
struct start_state {
	enum start_mode mode;
	uint64_t rip, rsp;
	uint64_t rsi;	   /* boot_params (LONG64) */
	uint32_t eax, ebx; /* Multiboot magic and info (PROT32) */
	uint64_t cr3;	   /* LONG64: identity page tables in guest RAM */
	uint64_t gdt_base; /* GDT in guest RAM */
	uint16_t gdt_limit;
	uint16_t cs, ds; /* selectors */
};

/*
 * Loads vm->cfg->kernel with initrd/modules and command line into vm->gs,
 * writes the ACPI tables (loader_linux: bzImage 64-bit boot protocol;
 * loader_multiboot: Multiboot 1). 0; -ENOENT (file missing), -EBADMSG
 * (truncated), -EINVAL (not a kernel, unsupported), -ENOSPC (does not fit in
 * RAM), -ENOMEM. `why` (128 bytes) names the file and the cause.
 */
MUST_CHECK int loader_load(struct vm *vm, struct start_state *out, char *why);

/* ACPI tables at 0xe0000 (RSDP at its start), for nr_vcpus. */
MUST_CHECK int acpi_tables_write(struct vm *vm);

#endif
