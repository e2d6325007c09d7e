// SPDX-License-Identifier: GPL-2.0-or-later
/* What firmware knows of the machine besides memory and CPUs. */
#include "boot/loader.h"
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

/*
 * Days from 1970-01-01 to a date of the Gregorian calendar: years are counted
 * from March, so that the leap day ends one.
 */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
	       1 - 719468;
}

/* Seconds since 1970 UTC, or 0 if firmware doesn't know the time. */
static uint64_t time_of_day(void)
{
	int64_t seconds;
	EFI_TIME t;

	if (EFI_ERROR(efi_st->RuntimeServices->GetTime(&t, NULL)) ||
	    t.Year < 1970 || t.Month < 1 || t.Month > 12)
		return 0;
	seconds = days_since_1970(t.Year, t.Month, t.Day) * 86400 +
		  t.Hour * 3600 + t.Minute * 60 + t.Second;
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
