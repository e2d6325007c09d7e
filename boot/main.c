// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The UEFI application: loads files, describes the machine in a struct
 * boot_info, and enters the hypervisor that it carries inside.
 */
#include "boot/loader.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "version.h"

EFI_HANDLE loader_image;
EFI_SYSTEM_TABLE *efi_st;
EFI_BOOT_SERVICES *efi_bs;

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

/* Returns only on error. */
static int boot(uint64_t tsc)
{
	uint64_t hpa, entry, vma;
	struct boot_info *bi;
	int err;

	err = loader_alloc(1, BOOT_MEM_LOADER, &hpa);
	if (err)
		return err;
	bi = loader_ptr(hpa);
	bi->magic = BOOT_INFO_MAGIC;
	bi->version = BOOT_INFO_VERSION;
	bi->nbytes = sizeof(*bi);
	bi->tsc_at_entry = tsc;
	platform_collect(bi);
	err = cpus_collect(bi);
	if (!err)
		err = elf_load_kernel(bi, &entry, &vma);
	if (!err)
		err = files_load(bi);
	if (!err)
		err = paging_build(bi, vma);
	if (!err)
		err = handover_enter(bi, entry);
	return err;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	uint64_t tsc = rdtsc();
	int err;

	loader_image = image;
	efi_st = st;
	efi_bs = st->BootServices;
	/* No watchdog: reading large files may take minutes. */
	efi_bs->SetWatchdogTimer(0, 0, 0, NULL);
	con_init();
	con_printf("Aerostat loader %s\n", AEROSTAT_VERSION);
	err = boot(tsc);
	con_printf("Aerostat can't start (error %d).\n", err);
	con_wait_key();
	return EFI_LOAD_ERROR;
}
