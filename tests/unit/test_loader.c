// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest loaders: what a good bzImage and Multiboot image start with, which
 * error each kind of bad one gives, truncation at every length and random
 * damage. Also the ACPI tables' checksums and contents.
 *
 * Sources: vmx/loader.c vmx/loader_linux.c vmx/loader_multiboot.c
 * Sources: vmx/acpi_tables.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "kernel/lib/errno.h"
#include "vmx/loader.h"
#include "vmx/loader_priv.h"

#define MIB	   (1ull << 20)
#define RAM_NBYTES (64 * MIB)
#define ROUNDS	   20000

/* ---- a guest-physical space of 64 MiB with the usual hole ---- */

static uint8_t *ram;
static uint64_t ram_end = RAM_NBYTES;
static int write_error; /* what the next guest_write() gives */

bool gspace_ram_region(struct gspace *gs, unsigned i, gpa_t *base,
		       uint64_t *nbytes)
{
	(void)gs;
	*base = gpa(i ? 0xc0000 : 0);
	*nbytes = i ? ram_end - 0xc0000 : 0xa0000;
	return i < 2;
}

int guest_write(struct gspace *gs, gpa_t a, const void *src, uint64_t nbytes)
{
	(void)gs;
	if (write_error)
		return write_error;
	/* The loaders' own promise: nothing outside RAM, nothing in the hole */
	assert_true(nbytes <= ram_end && a.raw <= ram_end - nbytes);
	assert_true(a.raw + nbytes <= 0xa0000 || a.raw >= 0xe0000);
	memcpy(ram + a.raw, src, nbytes);
	return 0;
}

/* ---- files ---- */

static struct bootfile files[4];
static unsigned nr_files;

const struct bootfile *bootfile_find(const char *path)
{
	for (unsigned i = 0; i < nr_files; i++) {
		if (!strcmp(files[i].path, path))
			return &files[i];
	}
	return NULL;
}

static void file_add(const char *path, const void *data, uint64_t nbytes)
{
	/* An exact copy on the heap: reading past it is seen. */
	uint8_t *copy = malloc(nbytes ? nbytes : 1);

	memcpy(copy, data, nbytes);
	files[nr_files++] = (struct bootfile){ .path = path,
					       .data = copy,
					       .nbytes = nbytes,
					       .expected_nbytes = nbytes };
}

static void files_clear(void)
{
	while (nr_files)
		free((void *)files[--nr_files].data);
}

static struct config_vm cfg;
static struct vm vm = { .cfg = &cfg };
static struct start_state start;
static char why[128];

static int load(void)
{
	memset(why, 'x', sizeof(why));
	int err = loader_load(&vm, &start, why);

	assert_non_null(memchr(why, 0, sizeof(why)));
	if (err)
		assert_true(strlen(why) > 0);
	return err;
}

static void put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static uint32_t get32(uint64_t at)
{
	uint32_t v;

	memcpy(&v, ram + at, 4);
	return v;
}

static uint64_t get64(uint64_t at)
{
	uint64_t v;

	memcpy(&v, ram + at, 8);
	return v;
}

/* ---- a small bzImage ---- */

#define SETUP_NBYTES  1024
#define KERNEL_NBYTES 4096
#define BZ_NBYTES     (SETUP_NBYTES + KERNEL_NBYTES)

static uint8_t bz[BZ_NBYTES];

static void bz_make(void)
{
	for (size_t i = 0; i < sizeof(bz); i++)
		bz[i] = (uint8_t)(i * 7);
	memset(bz + 0x1f1, 0, 0x290 - 0x1f1);
	bz[0x1f1] = 1;
	put32(bz + 0x1f4, KERNEL_NBYTES / 16);
	put16(bz + 0x1fe, 0xaa55);
	bz[0x200] = 0xeb;
	bz[0x201] = 0x66;
	memcpy(bz + 0x202, "HdrS", 4);
	put16(bz + 0x206, 0x20f);
	bz[0x211] = 1;
	put32(bz + 0x22c, 0x7fffffff);
	put32(bz + 0x230, 0x200000);
	bz[0x234] = 1;
	put16(bz + 0x236, 0x7f);
	put32(bz + 0x238, 0x7ff);
	put32(bz + 0x258, 16 * MIB);
	put32(bz + 0x260, 0x100000);
}

static int fresh(void **state)
{
	(void)state;
	files_clear();
	memset(&cfg, 0, sizeof(cfg));
	strcpy(cfg.kernel, "\\vm\\kernel");
	cfg.vcpus = 1;
	write_error = 0;
	ram_end = RAM_NBYTES;
	/* Fresh zero pages, only those that get touched. */
	if (ram)
		munmap(ram, RAM_NBYTES);
	ram = mmap(NULL, RAM_NBYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(ram != MAP_FAILED);
	bz_make();
	return 0;
}

static void linux_starts_by_the_protocol(void **state)
{
	static const char initrd[] = "an initrd of no great size";
	uint64_t zp;

	(void)state;
	file_add("\\vm\\kernel", bz, sizeof(bz));
	file_add("\\vm\\initrd", initrd, sizeof(initrd));
	strcpy(cfg.initrd, "\\vm\\initrd");
	strcpy(cfg.cmdline, "console=ttyS0 quiet");
	assert_int_equal(load(), 0);
	assert_int_equal(start.mode, START_LONG64);
	assert_int_equal(start.rip, 16 * MIB + 0x200);
	assert_memory_equal(ram + 16 * MIB, bz + SETUP_NBYTES, KERNEL_NBYTES);
	zp = start.rsi;
	assert_memory_equal(ram + zp + 0x202, "HdrS", 4);
	assert_int_equal(ram[zp + 0x210], 0xff);
	assert_int_equal(get64(zp + 0x70), 0xe0000);
	assert_string_equal((char *)ram + get32(zp + 0x228), cfg.cmdline);
	assert_int_equal(get32(zp + 0x21c), sizeof(initrd));
	assert_memory_equal(ram + get32(zp + 0x218), initrd, sizeof(initrd));
	assert_int_equal(get32(zp + 0x218), RAM_NBYTES - 4096);
	assert_int_equal(start.cs, 0x10);
	assert_int_equal(start.ds, 0x18);
	assert_int_equal(get64(start.gdt_base + 0x10), LOADER_SEG_CODE64);
}

static void e820_leaves_out_the_bios_area(void **state)
{
	static const uint64_t want[][3] = {
		{ 0, 0xa0000, 1 },
		{ 0xe0000, 0x20000, 2 },
		{ 0x100000, RAM_NBYTES - 0x100000, 1 },
	};

	(void)state;
	file_add("\\vm\\kernel", bz, sizeof(bz));
	assert_int_equal(load(), 0);
	assert_int_equal(ram[start.rsi + 0x1e8], 3);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t e = start.rsi + 0x2d0 + i * 20;

		assert_int_equal(get64(e), want[i][0]);
		assert_int_equal(get64(e + 8), want[i][1]);
		assert_int_equal(get32(e + 16), want[i][2]);
	}
}

static void page_tables_map_4_gib_one_to_one(void **state)
{
	static const uint64_t probes[] = { 0, 0x12345678, 0xffffffff,
					   0xc0000000 };

	(void)state;
	file_add("\\vm\\kernel", bz, sizeof(bz));
	assert_int_equal(load(), 0);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t a = probes[i];
		uint64_t l4 = get64(start.cr3);
		uint64_t l3 = get64((l4 & ~0xfffull) + (a >> 30) * 8);
		uint64_t l2 = get64((l3 & ~0xfffull) + (a >> 21 & 511) * 8);

		assert_int_equal(l4 & 3, 3);
		assert_int_equal(l3 & 3, 3);
		assert_int_equal(l2 & 0xfff, 0x83);
		assert_int_equal(l2 >> 21, a >> 21);
	}
}

struct bad {
	const char *what;
	unsigned at, nbytes;
	uint32_t value;
	int err;
	const char *says;
};

static void bad_linux_headers_are_named(void **state)
{
	static const struct bad cases[] = {
		{ "no boot flag", 0x1fe, 2, 0, -EINVAL, "not a kernel" },
		{ "no HdrS", 0x202, 4, 0, -EINVAL, "not a kernel" },
		{ "old protocol", 0x206, 2, 0x20b, -EINVAL, "0x20b" },
		{ "32-bit kernel", 0x236, 2, 0x7e, -EINVAL, "64-bit" },
		{ "size over file", 0x1f4, 4, 257, -EBADMSG, "truncated" },
		{ "size wraps", 0x1f4, 4, ~0u, -EBADMSG, "truncated" },
		{ "no kernel", 0x1f4, 4, 0, -EINVAL, "bad header" },
		{ "init_size small", 0x260, 4, 16, -EINVAL, "init_size" },
		{ "init_size huge", 0x260, 4, ~0u, -ENOSPC, "mem.boot" },
		{ "alignment 0", 0x230, 4, 0, -EINVAL, "alignment" },
		{ "alignment odd", 0x230, 4, 3, -EINVAL, "alignment" },
		{ "preferred far", 0x25c, 4, ~0u, -ENOSPC, "mem.boot" },
		{ "cmdline short", 0x238, 4, 3, -E2BIG, "command line" },
		{ "setup over file", 0x1f1, 1, 255, -EBADMSG, "truncated" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bad *c = &cases[i];

		fresh(state);
		memcpy(bz + c->at, &c->value, c->nbytes);
		strcpy(cfg.cmdline, "quiet");
		file_add("\\vm\\kernel", bz, sizeof(bz));
		if (load() != c->err || !strstr(why, c->says))
			fail_msg("%s: %s", c->what, why);
	}
}

static void missing_and_short_files_are_named(void **state)
{
	(void)state;
	assert_int_equal(load(), -ENOENT);
	assert_non_null(strstr(why, "kernel"));
	file_add("\\vm\\kernel", bz, sizeof(bz));
	files[0].status = -EIO;
	assert_int_equal(load(), -EIO);
	files[0].status = 0;
	files[0].expected_nbytes++;
	assert_int_equal(load(), -EBADMSG);
	assert_non_null(strstr(why, "5120 of 5121"));
	files[0].expected_nbytes--;
	strcpy(cfg.initrd, "\\vm\\initrd");
	assert_int_equal(load(), -ENOENT);
	assert_non_null(strstr(why, "initrd"));
	file_add("\\vm\\initrd", bz, sizeof(bz));
	files[1].expected_nbytes = 1 << 20;
	assert_int_equal(load(), -EBADMSG);
}

static void out_of_memory_is_said(void **state)
{
	(void)state;
	file_add("\\vm\\kernel", bz, sizeof(bz));
	write_error = -ENOMEM;
	assert_int_equal(load(), -ENOMEM);
	assert_non_null(strstr(why, "out of host memory"));
}

static void small_guest_has_no_room(void **state)
{
	(void)state;
	ram_end = 8 * MIB;
	file_add("\\vm\\kernel", bz, sizeof(bz));
	assert_int_equal(load(), -ENOSPC);
}

/* ---- a small Multiboot ELF image ---- */

#define ELF_AT	   0x200000u
#define ELF_NBYTES 4096

static uint8_t elf[ELF_NBYTES];

static void elf_make(void)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 1, 1, 1 };

	for (size_t i = 0; i < sizeof(elf); i++)
		elf[i] = (uint8_t)(i * 5);
	memset(elf, 0, 0x100);
	memcpy(elf, ident, sizeof(ident));
	put16(elf + 16, 2);
	put16(elf + 18, 3);
	put32(elf + 24, ELF_AT + 0x20);
	put32(elf + 28, 52);
	put16(elf + 42, 32);
	put16(elf + 44, 1);
	put32(elf + 52, 1);	 /* PT_LOAD */
	put32(elf + 56, 0x200);	 /* offset */
	put32(elf + 60, ELF_AT); /* vaddr */
	put32(elf + 64, ELF_AT); /* paddr */
	put32(elf + 68, 0x800);	 /* in the file */
	put32(elf + 72, 0x5000); /* in memory */
	put32(elf + 0x100, 0x1badb002);
	put32(elf + 0x104, 3);
	put32(elf + 0x108, 0u - 0x1badb002 - 3);
}

static void multiboot_starts_by_the_specification(void **state)
{
	static const char mod[] = "module content";
	uint64_t mbi, mods;

	(void)state;
	elf_make();
	file_add("\\vm\\kernel", elf, sizeof(elf));
	file_add("\\vm\\mod", mod, sizeof(mod));
	strcpy(cfg.cmdline, "a b");
	cfg.nr_modules = 1;
	strcpy(cfg.modules[0], "\\vm\\mod");
	strcpy(cfg.module_args[0], "x=1");
	assert_int_equal(load(), 0);
	assert_int_equal(start.mode, START_PROT32);
	assert_int_equal(start.eax, 0x2badb002);
	assert_int_equal(start.rip, ELF_AT + 0x20);
	assert_memory_equal(ram + ELF_AT, elf + 0x200, 0x800);
	mbi = start.ebx;
	assert_int_equal(get32(mbi), 0x24d);
	assert_int_equal(get32(mbi + 4), 640);
	assert_int_equal(get32(mbi + 8), (RAM_NBYTES - MIB) / 1024);
	assert_string_equal((char *)ram + get32(mbi + 16), "\\vm\\kernel a b");
	assert_int_equal(get32(mbi + 20), 1);
	mods = get32(mbi + 24);
	assert_int_equal(get32(mods) % 4096, 0);
	assert_int_equal(get32(mods + 4) - get32(mods), sizeof(mod));
	assert_memory_equal(ram + get32(mods), mod, sizeof(mod));
	assert_string_equal((char *)ram + get32(mods + 8), "\\vm\\mod x=1");
	assert_int_equal(get32(mbi + 44), 3 * 24);
	assert_string_equal((char *)ram + get32(mbi + 64), "Aerostat");
}

static void flat_image_uses_its_addresses(void **state)
{
	uint8_t *h = elf + 0x100;

	(void)state;
	elf_make();
	memset(elf, 0, 0x100);
	put32(h + 4, 0x10003);
	put32(h + 8, 0u - 0x1badb002 - 0x10003);
	put32(h + 12, 0x300100); /* header */
	put32(h + 16, 0x300000); /* load */
	put32(h + 20, 0);	 /* the whole file */
	put32(h + 24, 0x310000); /* bss end */
	put32(h + 28, 0x300120); /* entry */
	file_add("\\vm\\kernel", elf, sizeof(elf));
	assert_int_equal(load(), 0);
	assert_int_equal(start.rip, 0x300120);
	assert_memory_equal(ram + 0x300000, elf, sizeof(elf));
}

static void bad_multiboot_images_are_named(void **state)
{
	static const struct bad cases[] = {
		{ "64-bit", 4, 1, 2, -EINVAL, "64-bit" },
		{ "not ELF", 0, 4, 0, -EINVAL, "neither ELF" },
		{ "not i386", 18, 2, 62, -EINVAL, "i386" },
		{ "checksum", 0x108, 4, 1, -EINVAL, "not a kernel" },
		{ "headers far", 28, 4, ~0u, -EBADMSG, "truncated" },
		{ "many segments", 44, 2, 999, -EINVAL, "segments" },
		{ "offset far", 56, 4, ~0u, -EBADMSG, "truncated" },
		{ "file size far", 68, 4, ~0u, -EBADMSG, "truncated" },
		{ "file over memory", 72, 4, 4, -EINVAL, "memory size" },
		{ "in the hole", 64, 4, 0x9f000, -ENOSPC, "no guest RAM" },
		{ "above RAM", 64, 4, 0xfffff000, -ENOSPC, "no guest RAM" },
		{ "memory huge", 72, 4, ~0u, -ENOSPC, "no guest RAM" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bad *c = &cases[i];

		fresh(state);
		elf_make();
		memcpy(elf + c->at, &c->value, c->nbytes);
		file_add("\\vm\\kernel", elf, sizeof(elf));
		if (load() != c->err || !strstr(why, c->says))
			fail_msg("%s: %s", c->what, why);
	}
}

static void overlapping_segments_are_refused(void **state)
{
	(void)state;
	elf_make();
	put16(elf + 44, 2);
	memcpy(elf + 84, elf + 52, 32);
	file_add("\\vm\\kernel", elf, sizeof(elf));
	assert_int_equal(load(), -EINVAL);
	assert_non_null(strstr(why, "overlap"));
}

static void truncation_at_any_length_is_an_error(void **state)
{
	for (unsigned n = 0; n < BZ_NBYTES; n += 13) {
		fresh(state);
		file_add("\\vm\\kernel", bz, n);
		assert_int_not_equal(load(), 0);
	}
	elf_make();
	for (unsigned n = 0; n < 0xa00; n += 7) {
		fresh(state);
		file_add("\\vm\\kernel", elf, n);
		assert_int_not_equal(load(), 0);
	}
}

/* The fakes above and the sanitizers are the judges. */
static void damage(uint8_t *image, size_t nbytes, size_t header)
{
	unsigned n = 1 + (unsigned)rand() % 6;

	while (n--) {
		size_t at = (size_t)rand() % (rand() % 4 ? header : nbytes);
		int kind = rand() % 3;

		image[at] = kind == 0 ? (uint8_t)rand() : kind == 1 ? 0xff : 0;
	}
}

static void random_damage_is_survived(void **state)
{
	unsigned seed = (unsigned)time(NULL), good = 0;

	print_message("seed %u\n", seed);
	srand(seed);
	fresh(state);
	for (unsigned i = 0; i < ROUNDS; i++) {
		files_clear();
		if (i % 2) {
			bz_make();
			damage(bz + 0x1f1, sizeof(bz) - 0x1f1, 0x80);
			file_add("\\vm\\kernel", bz, sizeof(bz));
		} else {
			elf_make();
			damage(elf, sizeof(elf), 0x110);
			file_add("\\vm\\kernel", elf, sizeof(elf));
		}
		good += load() == 0;
	}
	print_message("%u of %u still loaded\n", good, ROUNDS);
}

/* ---- ACPI ---- */

static uint8_t sum(uint64_t at, uint32_t nbytes)
{
	uint8_t s = 0;

	while (nbytes--)
		s = (uint8_t)(s + ram[at++]);
	return s;
}

static void acpi_tables_add_up(void **state)
{
	uint64_t xsdt, fadt, madt;

	(void)state;
	cfg.vcpus = 3;
	assert_int_equal(acpi_tables_write(&vm), 0);
	assert_memory_equal(ram + 0xe0000, "RSD PTR ", 8);
	assert_int_equal(sum(0xe0000, 20), 0);
	assert_int_equal(sum(0xe0000, 36), 0);
	assert_int_equal(sum(get32(0xe0010), get32(get32(0xe0010) + 4)), 0);
	xsdt = get64(0xe0018);
	assert_int_equal(sum(xsdt, get32(xsdt + 4)), 0);
	fadt = get64(xsdt + 36);
	assert_memory_equal(ram + fadt, "FACP", 4);
	assert_int_equal(sum(fadt, get32(fadt + 4)), 0);
	assert_int_equal(get32(fadt + 56), 0x600);
	assert_memory_equal(ram + get32(fadt + 36), "FACS", 4);
	assert_int_equal(get32(fadt + 36) % 64, 0);
	assert_memory_equal(ram + get32(fadt + 40), "DSDT", 4);
	assert_int_equal(sum(get32(fadt + 40), get32(get32(fadt + 40) + 4)), 0);
	madt = get64(xsdt + 44);
	assert_memory_equal(ram + madt, "APIC", 4);
	assert_int_equal(sum(madt, get32(madt + 4)), 0);
	assert_int_equal(get32(madt + 4), 44 + 12 + 3 * 10 + 6 + 3 * 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(linux_starts_by_the_protocol, fresh),
		cmocka_unit_test_setup(e820_leaves_out_the_bios_area, fresh),
		cmocka_unit_test_setup(page_tables_map_4_gib_one_to_one, fresh),
		cmocka_unit_test_setup(bad_linux_headers_are_named, fresh),
		cmocka_unit_test_setup(missing_and_short_files_are_named,
				       fresh),
		cmocka_unit_test_setup(out_of_memory_is_said, fresh),
		cmocka_unit_test_setup(small_guest_has_no_room, fresh),
		cmocka_unit_test_setup(multiboot_starts_by_the_specification,
				       fresh),
		cmocka_unit_test_setup(flat_image_uses_its_addresses, fresh),
		cmocka_unit_test_setup(bad_multiboot_images_are_named, fresh),
		cmocka_unit_test_setup(overlapping_segments_are_refused, fresh),
		cmocka_unit_test_setup(truncation_at_any_length_is_an_error,
				       fresh),
		cmocka_unit_test_setup(random_damage_is_survived, fresh),
		cmocka_unit_test_setup(acpi_tables_add_up, fresh),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	files_clear();
	return failed;
}
