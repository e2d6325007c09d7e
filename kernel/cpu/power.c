// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reboot and power off: the firmware first, since it knows its board; then
 * ever blunter ways. Each returns only if it had no effect.
 */
#include "kernel/cpu/power.h"

#include "kernel/cpu/acpi.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/outlet.h"
#include "kernel/cpu/stop.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "mm/hostpt.h"

/* UEFI Specification, "EFI_SYSTEM_TABLE", "EFI_RUNTIME_SERVICES". */
#define SYSTEM_TABLE_RUNTIME 88
#define RUNTIME_RESET_SYSTEM 104
enum efi_reset { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

#define PORT_KEYBOARD	   0x64
#define KEYBOARD_PULSE	   0xfe /* pulses the CPU's reset line */
#define PORT_RESET_CONTROL 0xcf9
#define RESET_HARD	   0x02
#define RESET_NOW	   0x06

void efi_reset_call(uint64_t fn, uint64_t type, uint64_t low_root);

static uint64_t efi_reset_system; /* hpa; 0: unknown [const after init] */

void power_init(const struct boot_info *bi)
{
	const char *table;
	uint64_t runtime;

	if (!bi->efi_system_table)
		return;
	table = hpa_to_ptr(hpa(bi->efi_system_table));
	runtime = *(const uint64_t *)(table + SYSTEM_TABLE_RUNTIME);
	if (!runtime)
		return;
	table = hpa_to_ptr(hpa(runtime));
	efi_reset_system = *(const uint64_t *)(table + RUNTIME_RESET_SYSTEM);
}

static void delay_ms(uint32_t ms)
{
	uint64_t end = rdtsc() + tsc_khz * ms;

	while (rdtsc() < end)
		cpu_pause();
}

static void ask_firmware(enum efi_reset type)
{
	if (efi_reset_system)
		efi_reset_call(efi_reset_system, type, hostpt_low_root().raw);
}

/* Nobody else may run while the machine goes down. */
static void stop_machine(void)
{
	(void)stop_claim();
	/* One that does not answer can't be waited for: the reset takes it. */
	(void)stop_others();
	stop_do_steps(STOP_EACH_CPU);
	stop_do_steps(STOP_MACHINE);
	delay_ms(20); /* the last characters leave the UART's FIFO */
}

static void triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} PACKED no_idt = { 0, 0 };

	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
}

void machine_reboot(void)
{
	stop_machine();
	ask_firmware(EFI_RESET_COLD);
	acpi_reset();
	delay_ms(100);
	outb(PORT_RESET_CONTROL, RESET_HARD);
	outb(PORT_RESET_CONTROL, RESET_NOW);
	delay_ms(100);
	outb(PORT_KEYBOARD, KEYBOARD_PULSE);
	delay_ms(100);
	triple_fault();
	stop_forever();
}

void machine_poweroff(void)
{
	static const char sorry[] = "It is now safe to switch the power off.\n";

	stop_machine();
	acpi_power_off();
	delay_ms(100);
	ask_firmware(EFI_RESET_SHUTDOWN);
	hostcon_write(sorry, sizeof(sorry) - 1);
	stop_forever();
}
