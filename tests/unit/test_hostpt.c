// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hypervisor's page tables, walked as the processor does: what the memory
 * map calls RAM is there, what firmware hides elsewhere can be added for
 * reading, and nothing else is mapped.
 *
 * Sources: mm/hostpt.c mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c
 * Sources: mm/heap.c mm/retire.c kernel/lib/memmap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes/fakes.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/memmap.h"
#include "kernel/lib/x86.h"
#include "mm/frame.h"
#include "mm/hostpt.h"
#include "mm/init.h"

#define MIB	  (1ull << 20)
#define RAM	  (64 * MIB)
#define PHYS_BITS 40u
#define IMAGE	  (2 * MIB)
#define PTE_P	  1ull
#define PTE_W	  2ull
#define PTE_LARGE 0x80ull
#define PTE_NX	  (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

/* The image: a page each of code, constants, data, guard and stack. */
uint8_t image[5 * PAGE_SIZE] ALIGNED(4096);
__asm__(".globl __image_start, __text_start, __text_end, __rodata_start\n"
	".globl __rodata_end, __rwdata_start, __boot_stack_guard\n"
	".globl __boot_stack_top, __image_end\n"
	".set __image_start, image\n"
	".set __text_start, image\n"
	".set __text_end, image + 4096\n"
	".set __rodata_start, image + 4096\n"
	".set __rodata_end, image + 8192\n"
	".set __rwdata_start, image + 8192\n"
	".set __boot_stack_guard, image + 12288\n"
	".set __boot_stack_top, image + 20480\n"
	".set __image_end, image + 20480\n");

static const struct boot_mem map[] = {
	{ 0x0, 0x9f, BOOT_MEM_USABLE, 0, 8 },
	{ 1 * MIB, 256, BOOT_MEM_LOADER, 0, 8 },
	{ IMAGE, 512, BOOT_MEM_KERNEL, 0, 8 },
	{ 4 * MIB, 40 * 256, BOOT_MEM_USABLE, 0, 8 },
	{ 44 * MIB, 3, BOOT_MEM_RESERVED, 0, 8 },
	{ 44 * MIB + 3 * PAGE_SIZE, 20 * 256 - 3, BOOT_MEM_USABLE, 0, 8 },
};
#define RESERVED (44 * MIB)

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	switch (leaf) {
	case 0x80000000u: return (struct cpuid_regs){ .eax = 0x80000008u };
	case 0x80000008u: return (struct cpuid_regs){ .eax = PHYS_BITS };
	default: return (struct cpuid_regs){ 0 };
	}
}

static void boot_with(const struct boot_mem *m, uint32_t nr)
{
	const struct boot_info bi = { .kernel_base = IMAGE, .nr_mem = nr };

	fake_ram_create(RAM);
	fake_cpu_id = 0;
	assert_int_equal(mm_init(m, nr, 0), 0);
	assert_int_equal(hostpt_init(&bi, m), 0);
}

static int boot(void **state)
{
	(void)state;
	boot_with(map, ARRAY_SIZE(map));
	return 0;
}

static int shut(void **state)
{
	(void)state;
	fake_ram_destroy();
	return 0;
}

/*
 * What a root says of physical address pa in the direct map: its leaf with the
 * address of the 4 KiB page in it, 0 if there is none.
 */
static uint64_t leaf(hpa_t root, uint64_t pa)
{
	uint64_t va = DIRECT_MAP_BASE + pa, e = root.raw;

	for (unsigned shift = 39;; shift -= 9) {
		const uint64_t *table = hpa_to_ptr(hpa(e & PTE_ADDR));

		e = table[va >> shift & 511];
		if (!(e & PTE_P))
			return 0;
		if (shift == 12)
			return e;
		if (e & PTE_LARGE)
			return e + (va & ((1ull << shift) - 1) & ~PAGE_MASK);
	}
}

static void assert_mapped(uint64_t pa, uint64_t bits)
{
	uint64_t e = leaf(hostpt_root(), pa);

	assert_int_equal(e & PTE_ADDR & ~(uint64_t)PAGE_MASK, pa);
	assert_int_equal(e & (PTE_P | PTE_W | PTE_NX), bits);
}

static void ram_is_mapped_and_nothing_else(void **state)
{
	(void)state;
	for (uint64_t pa = 0; pa < RAM; pa += PAGE_SIZE) {
		bool hole = pa >= 0x9f000 && pa < 1 * MIB;
		bool ro = pa >= IMAGE && pa < IMAGE + 2 * PAGE_SIZE;

		if (hole || (pa >= RESERVED && pa < RESERVED + 3 * PAGE_SIZE))
			assert_int_equal(leaf(hostpt_root(), pa), 0);
		else
			assert_mapped(pa, PTE_P | PTE_NX | (ro ? 0 : PTE_W));
	}
	assert_int_equal(leaf(hostpt_root(), RAM), 0);
}

/* Overlaps, entries without end or beginning, and what lies far out. */
static void nonsense_in_the_map_is_survived(void **state)
{
	static const struct boot_mem nonsense[] = {
		{ 50 * MIB, 512, BOOT_MEM_RESERVED, 0, 8 },
		{ 51 * MIB, 13 * 256, BOOT_MEM_USABLE, 0, 8 },
		{ 4 * MIB, 47 * 256, BOOT_MEM_USABLE, 0, 8 },
		{ 0x0, 0x9f, BOOT_MEM_USABLE, 0, 8 },
		{ 1 * MIB, 768, BOOT_MEM_LOADER, 0, 8 },
		{ 60 * MIB + 1, 1, BOOT_MEM_MMIO, 0, 0 },
		{ 62 * MIB, 1ull << 40, BOOT_MEM_USABLE, 0, 8 },
		{ 61 * MIB, ~0ull, BOOT_MEM_RESERVED, 0, 8 },
		{ 1ull << PHYS_BITS, 16, BOOT_MEM_USABLE, 0, 8 },
		{ ~0ull << PAGE_SHIFT, 2, BOOT_MEM_FIRMWARE, 0, 8 },
		{ 63 * MIB, 0, BOOT_MEM_RESERVED, 0, 8 },
	};
	const struct boot_mem own = { IMAGE, 512, BOOT_MEM_KERNEL, 0, 8 };
	const struct memmap_input from = { .in = nonsense,
					   .nr_in = ARRAY_SIZE(nonsense),
					   .own = &own,
					   .nr_own = 1,
					   .phys_bits = PHYS_BITS };
	struct boot_mem m[3 * ARRAY_SIZE(nonsense) + 2];
	struct boot_mem_flaws wrong;
	uint32_t nr;

	(void)state;
	assert_int_equal(memmap_build(&from, m, ARRAY_SIZE(m), &nr, &wrong), 0);
	boot_with(m, nr);
	for (uint64_t pa = 0; pa < RAM; pa += PAGE_SIZE) {
		bool hole = (pa >= 0x9f000 && pa < 1 * MIB) ||
			    (pa >= 50 * MIB && pa < 52 * MIB) ||
			    (pa >= 60 * MIB && pa < 60 * MIB + 2 * PAGE_SIZE);

		assert_int_equal(!leaf(hostpt_root(), pa), hole);
	}
	assert_int_equal(leaf(hostpt_root(), RAM), 0);
}

static void reserved_memory_is_added_for_reading_only(void **state)
{
	const void *p = NULL;

	(void)state;
	/* Bytes of two pages, the neighbour stays out. */
	assert_int_equal(hostpt_map_ro(hpa(RESERVED + 4000), 200, &p), 0);
	assert_ptr_equal(p, hpa_to_ptr(hpa(RESERVED + 4000)));
	assert_mapped(RESERVED, PTE_P | PTE_NX);
	assert_mapped(RESERVED + PAGE_SIZE, PTE_P | PTE_NX);
	assert_int_equal(leaf(hostpt_root(), RESERVED + 2 * PAGE_SIZE), 0);
	/* Again, and into what is RAM: that stays writable. */
	assert_int_equal(hostpt_map_ro(hpa(RESERVED), 4 * PAGE_SIZE, &p), 0);
	assert_mapped(RESERVED + 2 * PAGE_SIZE, PTE_P | PTE_NX);
	assert_mapped(RESERVED + 3 * PAGE_SIZE, PTE_P | PTE_NX | PTE_W);
	/* Firmware is called on the other root. */
	assert_int_equal(leaf(hostpt_low_root(), RESERVED),
			 leaf(hostpt_root(), RESERVED));
}

static void far_memory_shows_up_in_both_roots(void **state)
{
	const uint64_t far = 1ull << 39;
	const void *p;

	(void)state;
	assert_int_equal(hostpt_map_ro(hpa(far), 1, &p), 0);
	assert_mapped(far, PTE_P | PTE_NX);
	assert_int_equal(leaf(hostpt_low_root(), far),
			 leaf(hostpt_root(), far));
}

static void what_is_no_address_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t a, nbytes;
		int err;
	} cases[] = {
		{ "last page", (1ull << PHYS_BITS) - PAGE_SIZE, PAGE_SIZE, 0 },
		{ "one byte more", (1ull << PHYS_BITS) - PAGE_SIZE,
		  PAGE_SIZE + 1, -ERANGE },
		{ "first beyond", 1ull << PHYS_BITS, 1, -ERANGE },
		{ "wraps", ~0ull - 10, 36, -ERANGE },
		{ "length wraps", RESERVED, ~0ull, -ERANGE },
		{ "nothing", RESERVED, 0, -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const void *p = NULL;
		int err = hostpt_map_ro(hpa(cases[i].a), cases[i].nbytes, &p);

		if (err != cases[i].err || (err && p))
			fail_msg("%s: %d", cases[i].what, err);
	}
}

static uint64_t nr_frames_of(enum frame_type type)
{
	struct frame_stats st;

	frame_get_stats(&st);
	return st.nr_type[type];
}

/* Frames for all but `left` pages, which a stack of 4 may or may not get by. */
static unsigned take_all_but(hfn_t *f, unsigned left)
{
	unsigned n = 0;

	while (frame_alloc(0, FRAME_DATA, FA_RESERVE, &f[n]) == 0)
		n++;
	while (left--)
		frame_free(f[--n], 0);
	return n;
}

/* Wherever memory ends; 8 are enough for the tables and the frames. */
static void a_stack_is_made_whole_or_not_at_all(void **state)
{
	static hfn_t f[RAM / PAGE_SIZE];
	void *top;

	for (unsigned left = 0; left < 8; left++) {
		unsigned n;

		boot(state);
		n = take_all_but(f, left);
		if (hostpt_stack_alloc(4, &top)) {
			assert_int_equal(nr_frames_of(FRAME_STACK), 0);
			assert_true(left < 7);
			while (n)
				frame_free(f[--n], 0);
			assert_int_equal(hostpt_stack_alloc(4, &top), 0);
		} else {
			assert_true(left > 3);
		}
		assert_int_equal(nr_frames_of(FRAME_STACK), 4);
		for (uint64_t i = 1; i <= 4; i++)
			assert_true(
				hostpt_is_stack((uint64_t)top - i * PAGE_SIZE));
		assert_false(hostpt_is_stack((uint64_t)top - 5 * PAGE_SIZE));
		shut(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ram_is_mapped_and_nothing_else,
						boot, shut),
		cmocka_unit_test_teardown(nonsense_in_the_map_is_survived,
					  shut),
		cmocka_unit_test_setup_teardown(
			reserved_memory_is_added_for_reading_only, boot, shut),
		cmocka_unit_test_setup_teardown(
			far_memory_shows_up_in_both_roots, boot, shut),
		cmocka_unit_test_setup_teardown(what_is_no_address_is_refused,
						boot, shut),
		cmocka_unit_test(a_stack_is_made_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
