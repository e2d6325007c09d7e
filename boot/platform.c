// SPDX-License-Identifier: GPL-2.0-or-later
/* What firmware knows of the machine besides memory and CPUs. */
#include "boot/loader.h"
#include "kernel/lib/calendar.h"
#include "kernel/lib/lib.h"

static void *config_table(const EFI_GUID *guid)
{
	UINTN i;

	for (i = 0; i < efi_st->NumberOfTableEntries; i++)
		if (!memcmp(&efi_st->ConfigurationTable[i].VendorGuid, guid,
			    sizeof(*guid)))
			return efi_st->ConfigurationTable[i].VendorTable;
	return NULL;
}

static void find_tables(struct boot_info *bi)
{
	static const EFI_GUID acpi20 = ACPI_20_TABLE_GUID;
	static const EFI_GUID acpi10 = ACPI_TABLE_GUID;
	static const EFI_GUID smbios3 = SMBIOS3_TABLE_GUID;
	static const EFI_GUID smbios = SMBIOS_TABLE_GUID;

	bi->rsdp = (uint64_t)config_table(&acpi20);
	if (!bi->rsdp)
		bi->rsdp = (uint64_t)config_table(&acpi10);
	bi->smbios = (uint64_t)config_table(&smbios3);
	if (!bi->smbios)
		bi->smbios = (uint64_t)config_table(&smbios);
}

static void find_framebuffer(struct boot_fb *fb)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	void *p;

	if (EFI_ERROR(efi_bs->LocateProtocol(&guid, NULL, &p)))
		return;
	gop = p;
	info = gop->Mode->Info;
	if (info->PixelFormat == PixelRedGreenBlueReserved8BitPerColor)
		fb->format = BOOT_PIXEL_RGBX;
	else if (info->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
		fb->format = BOOT_PIXEL_BGRX;
	else
		return; /* odd masks or no linear framebuffer */
	fb->base = gop->Mode->FrameBufferBase;
	fb->nbytes = gop->Mode->FrameBufferSize;
	fb->width = info->HorizontalResolution;
	fb->height = info->VerticalResolution;
	fb->stride = info->PixelsPerScanLine;
}

/* Seconds since 1970 UTC, or 0 if firmware doesn't know the time. */
static uint64_t time_of_day(void)
{
	int64_t seconds;
	EFI_TIME t;

	if (EFI_ERROR(efi_st->RuntimeServices->GetTime(&t, NULL)) ||
	    t.Year < 1970 || t.Month < 1 || t.Month > 12)
		return 0;
	seconds = calendar_to_epoch(&(struct calendar){
		.year = t.Year,
		.month = t.Month,
		.day = t.Day,
		.hour = t.Hour,
		.min = t.Minute,
		.sec = t.Second,
	});
	if (t.TimeZone != EFI_UNSPECIFIED_TIMEZONE)
		seconds += t.TimeZone * 60; /* UTC = local + zone */
	return seconds > 0 ? (uint64_t)seconds : 0;
}

void platform_collect(struct boot_info *bi)
{
	find_tables(bi);
	find_framebuffer(&bi->fb);
	bi->epoch = time_of_day();
	bi->efi_system_table = (uint64_t)efi_st;
}
