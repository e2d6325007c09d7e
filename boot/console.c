// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loader's messages: to firmware's console, and also to COM1 where
 * firmware's console doesn't reach a serial line by itself. Each message
 * appears once on each.
 */
#include "boot/loader.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/uart_format.h"
#include "kernel/lib/x86.h"

#define UART_SPINS 100000u /* over 10 ms even if a port read takes 0.1 us */

#define BAR_WIDTH  30u
#define NAME_WIDTH 24u /* of a longer path the end is shown */

static bool com1_direct; /* we drive COM1 ourselves */

/* Does a device path go through a UART? */
static bool path_has_uart(EFI_DEVICE_PATH *p)
{
	for (; p->Type != END_DEVICE_PATH_TYPE; p = NextDevicePathNode(p)) {
		if (p->Type == MESSAGING_DEVICE_PATH &&
		    p->SubType == MSG_UART_DP)
			return true;
		if ((size_t)DevicePathNodeLength(p) < sizeof(*p))
			return false;
	}
	return false;
}

/* Is one of firmware's text consoles a serial line? */
static bool firmware_has_serial(void)
{
	EFI_GUID text_guid = EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL_GUID;
	EFI_GUID path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
	EFI_HANDLE *handles;
	bool found = false;
	UINTN n, i;
	void *path;

	if (EFI_ERROR(efi_bs->LocateHandleBuffer(ByProtocol, &text_guid, NULL,
						 &n, &handles)))
		return false;
	for (i = 0; i < n && !found; i++)
		if (!EFI_ERROR(efi_bs->HandleProtocol(handles[i], &path_guid,
						      &path)))
			found = path_has_uart(path);
	efi_bs->FreePool(handles);
	return found;
}

/* 115200 8N1, no interrupts. False: no UART there. */
static bool com1_init(void)
{
	outb(UART_COM1 + UART_SCRATCH, 0x5a);
	if (inb(UART_COM1 + UART_SCRATCH) != 0x5a)
		return false;
	outb(UART_COM1 + UART_IER, 0);
	outb(UART_COM1 + UART_LCR, UART_LCR_DLAB | UART_LCR_8N1);
	outb(UART_COM1 + UART_DATA, 1); /* divisor 1: 115200 baud */
	outb(UART_COM1 + UART_IER, 0);
	outb(UART_COM1 + UART_LCR, UART_LCR_8N1);
	outb(UART_COM1 + UART_FCR,
	     UART_FCR_ENABLE | UART_FCR_CLR_RX | UART_FCR_CLR_TX);
	outb(UART_COM1 + UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	return true;
}

static void com1_putc(char c)
{
	unsigned i;

	for (i = 0; i < UART_SPINS; i++)
		if (inb(UART_COM1 + UART_LSR) & UART_LSR_THRE)
			break;
	outb(UART_COM1 + UART_DATA, (uint8_t)c);
}

void con_init(void)
{
	com1_direct = !firmware_has_serial() && com1_init();
}

#define MESSAGE_MAX 256u

void con_printf(const char *fmt, ...)
{
	char buf[MESSAGE_MAX];
	CHAR16 wide[2 * MESSAGE_MAX];
	unsigned i, n = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	for (i = 0; buf[i]; i++) {
		if (buf[i] == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(unsigned char)buf[i];
	}
	wide[n] = 0;
	efi_st->ConOut->OutputString(efi_st->ConOut, wide);
	for (i = 0; com1_direct && i < n; i++)
		com1_putc((char)wide[i]);
}

void con_progress(const char *what, uint64_t done, uint64_t total)
{
	size_t len = strlen(what),
	       skip = len > NAME_WIDTH ? len - NAME_WIDTH : 0;
	char bar[BAR_WIDTH + 1], size[16];
	uint64_t filled = total ? done * BAR_WIDTH / total : BAR_WIDTH;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	con_printf("\r%-24s [%s] %3u %% of %s%s", what + skip, bar,
		   (unsigned)(total ? done * 100 / total : 100),
		   bytes_to_str(total, size, sizeof(size)),
		   done == total ? "\n" : "");
}

void con_wait_key(void)
{
	EFI_INPUT_KEY key;
	UINTN which;

	con_printf("Press a key to return to the firmware.\n");
	efi_st->ConIn->Reset(efi_st->ConIn, FALSE);
	efi_bs->WaitForEvent(1, &efi_st->ConIn->WaitForKey, &which);
	efi_st->ConIn->ReadKeyStroke(efi_st->ConIn, &key);
}

const char *con_efi_error(EFI_STATUS s)
{
	static const struct {
		EFI_STATUS status;
		const char *text;
	} names[] = {
		{ EFI_NOT_FOUND, "not found" },
		{ EFI_DEVICE_ERROR, "device error" },
		{ EFI_NO_MEDIA, "no medium" },
		{ EFI_MEDIA_CHANGED, "medium changed" },
		{ EFI_VOLUME_CORRUPTED, "file system is damaged" },
		{ EFI_ACCESS_DENIED, "access denied" },
		{ EFI_OUT_OF_RESOURCES, "out of memory" },
		{ EFI_INVALID_PARAMETER, "invalid parameter" },
		{ EFI_UNSUPPORTED, "unsupported" },
		{ EFI_SECURITY_VIOLATION, "security violation" },
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].status == s)
			return names[i].text;
	return "firmware error";
}
