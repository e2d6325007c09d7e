// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's ACPI tables, sound and damaged: what is wrong is ignored, never
 * believed and never read past its end.
 * Sources: kernel/cpu/acpi.c kernel/lib/acpi_walk.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/acpi.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/errno.h"
#include "mm/hostpt.h"

#define RAM_NBYTES (1ull << 30)
/* The tables end where RAM ends: reading further is a crash. */
#define TABLES (RAM_NBYTES - 2048)
#define RSDP   TABLES
#define XSDT   (TABLES + 64)
#define MADT   (TABLES + 256)
#define FADT   (TABLES + 512)
#define DSDT   (RAM_NBYTES - 64)

static const struct boot_mem map[] = {
	{ .base = 0, .npages = 16, .type = BOOT_MEM_USABLE },
	{ .base = RAM_NBYTES - PAGE_SIZE, .npages = 1, .type = BOOT_MEM_ACPI },
};

/* Memory is all that there is of it. */
int hostpt_map_ro(hpa_t a, uint64_t nbytes, const void **out)
{
	if (a.raw >= RAM_NBYTES || nbytes > RAM_NBYTES - a.raw)
		return -ERANGE;
	*out = hpa_to_ptr(a);
	return 0;
}

static uint8_t *at(uint64_t a)
{
	return hpa_to_ptr(hpa(a));
}

static void put(uint64_t a, uint64_t v, unsigned nbytes)
{
	memcpy(at(a), &v, nbytes);
}

/* Makes the bytes from a on sum up to zero by the one at `check`. */
static void seal(uint64_t a, uint32_t nbytes, uint64_t check)
{
	uint8_t sum = 0;

	*at(check) = 0;
	for (uint32_t i = 0; i < nbytes; i++)
		sum = (uint8_t)(sum + *at(a + i));
	*at(check) = (uint8_t)-sum;
}

static void table(uint64_t a, const char *signature, uint32_t nbytes)
{
	memcpy(at(a), signature, 4);
	put(a + 4, nbytes, 4);
	seal(a, nbytes, a + 9);
}

static void build_madt(void)
{
	static const uint8_t entries[] = {
		1, 12, 2, 0,  0, 0, 0xc0, 0xfe, 0,  0, 0, 0, /* IOAPIC */
		2, 10, 0, 0,  2, 0, 0,	  0,	0,  0,	     /* IRQ 0: 2 */
		2, 10, 0, 9,  9, 0, 0,	  0,	15, 0,	     /* low, level */
		2, 10, 0, 99, 9, 0, 0,	  0,	15, 0,	     /* no such IRQ */
	};

	memcpy(at(MADT + 44), entries, sizeof(entries));
	table(MADT, "APIC", 44 + sizeof(entries));
}

static void build_fadt(void)
{
	put(FADT + 40, DSDT, 4);
	put(FADT + 64, 0x604, 4);
	put(FADT + 76, 0x608, 4);
	put(FADT + 112, 1u << 10, 4);
	put(FADT + 116, 1, 1);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 6, 1);
	put(FADT + 140, DSDT, 8);
	table(FADT, "FACP", 244);
}

static void build_dsdt(void)
{
	static const uint8_t s5[] = { 0x08, '_',  'S',	'5',  '_',  0x12, 0x08,
				      0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };

	memcpy(at(DSDT + 36), s5, sizeof(s5));
	table(DSDT, "DSDT", 64);
}

static int build(void **state)
{
	(void)state;
	fake_ram_create(RAM_NBYTES);
	memset(&acpi_host, 0, sizeof(acpi_host));
	memcpy(at(RSDP), "RSD PTR ", 8);
	*at(RSDP + 15) = 2;
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, XSDT, 8);
	seal(RSDP, 20, RSDP + 8);
	put(XSDT + 36, MADT, 8);
	put(XSDT + 44, FADT, 8);
	table(XSDT, "XSDT", 52);
	build_madt();
	build_fadt();
	build_dsdt();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_ram_destroy();
	return 0;
}

static void read_tables(void)
{
	acpi_init(RSDP, map, ARRAY_SIZE(map));
}

static void sound_tables_are_understood(void **state)
{
	(void)state;
	read_tables();
	assert_true(acpi_host.found);
	assert_int_equal(acpi_host.nr_ioapics, 1);
	assert_int_equal(acpi_host.ioapics[0].hpa, 0xfec00000);
	assert_int_equal(acpi_host.isa[0].gsi, 2);
	assert_int_equal(acpi_host.isa[4].gsi, 4);
	assert_true(acpi_host.isa[9].level && acpi_host.isa[9].active_low);
	assert_int_equal(acpi_host.pm_timer_port, 0x608);
	assert_int_equal(acpi_host.pm1a_cnt_port, 0x604);
	assert_int_equal(acpi_host.reset_port, 0xcf9);
	assert_int_equal(acpi_host.reset_value, 6);
	assert_true(acpi_host.has_s5);
	assert_int_equal(acpi_host.s5_typ_a, 5);
	assert_int_equal(acpi_host.s5_typ_b, 1);
}

static void without_tables_a_pc_is_assumed(void **state)
{
	(void)state;
	acpi_init(0, map, ARRAY_SIZE(map));
	assert_false(acpi_host.found);
	assert_int_equal(acpi_host.nr_ioapics, 1);
	assert_int_equal(acpi_host.ioapics[0].hpa, 0xfec00000);
	assert_int_equal(acpi_host.isa[4].gsi, 4);
}

static void a_wrong_checksum_is_noticed(void **state)
{
	(void)state;
	*at(FADT + 9) ^= 1;
	read_tables();
	assert_true(acpi_host.found);
	assert_int_equal(acpi_host.isa[0].gsi, 2);
	assert_int_equal(acpi_host.pm_timer_port, 0);
}

static void a_table_past_the_end_of_ram_is_not_read(void **state)
{
	(void)state;
	put(DSDT + 4, 65, 4);
	read_tables();
	assert_false(acpi_host.has_s5);
	put(XSDT + 36, RAM_NBYTES - 8, 8);
	put(XSDT + 44, ~0ull, 8);
	table(XSDT, "XSDT", 52);
	memset(&acpi_host, 0, sizeof(acpi_host));
	read_tables();
	assert_int_equal(acpi_host.pm_timer_port, 0);
}

static void tables_in_reserved_memory_are_read(void **state)
{
	const struct boot_mem reserved[] = {
		map[0],
		{ .base = RAM_NBYTES - PAGE_SIZE,
		  .npages = 1,
		  .type = BOOT_MEM_RESERVED },
	};

	(void)state;
	acpi_init(RSDP, reserved, ARRAY_SIZE(reserved));
	assert_true(acpi_host.found);
	assert_int_equal(acpi_host.isa[0].gsi, 2);
	assert_int_equal(acpi_host.pm_timer_port, 0x608);
	assert_true(acpi_host.has_s5);
}

static void tables_that_the_map_does_not_name_are_read(void **state)
{
	(void)state;
	acpi_init(RSDP, map, 1);
	assert_int_equal(acpi_host.isa[0].gsi, 2);
}

/* Reading them may do anything. */
static void tables_in_device_registers_are_refused(void **state)
{
	const struct boot_mem registers[] = {
		{ .base = RAM_NBYTES - PAGE_SIZE,
		  .npages = 1,
		  .type = BOOT_MEM_MMIO },
	};

	(void)state;
	fake_log_count[LOG_WARN] = 0;
	acpi_init(RSDP, registers, 1);
	assert_false(acpi_host.found);
	assert_int_equal(fake_log_count[LOG_WARN], 1);
}

static void a_madt_entry_of_no_length_ends_the_list(void **state)
{
	(void)state;
	*at(MADT + 44 + 1) = 0;
	seal(MADT, 44 + 42, MADT + 9);
	read_tables();
	assert_int_equal(acpi_host.isa[0].gsi, 0);
}

/* Garbage with right checksums: nothing may crash. */
static void garbage_is_survived(void **state)
{
	static const struct {
		uint64_t a;
		uint32_t nbytes;
	} tables[] = {
		{ XSDT, 52 }, { MADT, 86 }, { FADT, 244 }, { DSDT, 64 }
	};

	srand(11);
	for (int round = 0; round < 3000; round++) {
		drop(state);
		build(state);
		for (int i = 0; i < 4; i++) {
			size_t t = (size_t)rand() % ARRAY_SIZE(tables);
			uint64_t a = tables[t].a;

			*at(a + 4 + (uint32_t)rand() % (tables[t].nbytes - 4)) =
				(uint8_t)rand();
			seal(a, tables[t].nbytes, a + 9);
		}
		read_tables();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sound_tables_are_understood,
						build, drop),
		cmocka_unit_test_setup_teardown(without_tables_a_pc_is_assumed,
						build, drop),
		cmocka_unit_test_setup_teardown(a_wrong_checksum_is_noticed,
						build, drop),
		cmocka_unit_test_setup_teardown(
			a_table_past_the_end_of_ram_is_not_read, build, drop),
		cmocka_unit_test_setup_teardown(
			tables_in_reserved_memory_are_read, build, drop),
		cmocka_unit_test_setup_teardown(
			tables_that_the_map_does_not_name_are_read, build,
			drop),
		cmocka_unit_test_setup_teardown(
			tables_in_device_registers_are_refused, build, drop),
		cmocka_unit_test_setup_teardown(
			a_madt_entry_of_no_length_ends_the_list, build, drop),
		cmocka_unit_test_setup_teardown(garbage_is_survived, build,
						drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
