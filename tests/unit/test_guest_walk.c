// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk through a guest's page tables in all paging modes. Each case says
 * what SDM Vol. 3, "Paging", demands of the processor, and so of us.
 * Sources: vmx/guest_walk.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "vmx/vcpu_priv.h"

#define P  0x01ull
#define W  0x02ull
#define U  0x04ull
#define A  0x20ull
#define D  0x40ull
#define PS 0x80ull
#define NX BIT(63)

#define NO_CODE 0xffffu

/* Tables of level n lie at n << 12; the page that they lead to at DATA. */
#define TABLE(level) ((uint64_t)(level) << 12)
#define DATA	     0x8000ull
#define NR_PAGES     16u

static uint8_t memory[NR_PAGES * 4096];
static struct vcpu v;
static unsigned lose_races; /* so many cmpxchg meet a changed entry */
static gpa_t accessed;	    /* by the last read or commit */

/* ---- memory of the guest ---- */

static bool outside(gpa_t a, uint64_t nbytes)
{
	return a.raw + nbytes > sizeof(memory);
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	(void)gs;
	accessed = a;
	if (outside(a, nbytes))
		return -EFAULT;
	memcpy(dst, memory + a.raw, nbytes);
	return 0;
}

int guest_write(struct gspace *gs, gpa_t a, const void *src, uint64_t nbytes)
{
	(void)gs;
	if (outside(a, nbytes))
		return -EFAULT;
	memcpy(memory + a.raw, src, nbytes);
	return 0;
}

int guest_commit(struct gspace *gs, gpa_t a, uint64_t nbytes)
{
	(void)gs;
	accessed = a;
	return outside(a, nbytes) ? -EFAULT : 0;
}

int guest_cmpxchg(struct gspace *gs, gpa_t a, unsigned nbytes, uint64_t old,
		  uint64_t value)
{
	(void)gs;
	assert_false(outside(a, nbytes));
	assert_int_equal(a.raw % nbytes, 0);
	if (lose_races) {
		lose_races--;
		return -EAGAIN;
	}
	if (memcmp(memory + a.raw, &old, nbytes) != 0)
		return -EAGAIN;
	memcpy(memory + a.raw, &value, nbytes);
	return 0;
}

uint64_t cpuid_policy_no_address(struct vcpu *vcpu)
{
	(void)vcpu;
	return ~(BIT(39) - 1);
}

/* ---- a guest ---- */

enum mode { NO_PAGING, LEGACY, LEGACY_PSE, PAE, LONG, LONG57 };

static unsigned levels_of(enum mode m)
{
	static const unsigned levels[] = { 0, 2, 2, 3, 4, 5 };

	return levels[m];
}

static unsigned nbytes_of(enum mode m)
{
	return m == LEGACY || m == LEGACY_PSE ? 4 : 8;
}

static uint64_t index_at(enum mode m, unsigned level, uint64_t lin)
{
	unsigned bits = nbytes_of(m) == 4 ? 10 : 9;

	if (m == PAE && level == 3)
		return lin >> 30 & 3;
	return lin >> (12 + (level - 1) * bits) & ((1u << bits) - 1);
}

static uint64_t get_entry(enum mode m, unsigned level, uint64_t lin)
{
	unsigned n = nbytes_of(m);
	uint64_t e = 0;

	memcpy(&e, memory + TABLE(level) + index_at(m, level, lin) * n, n);
	return e;
}

static void set_entry(enum mode m, unsigned level, uint64_t lin, uint64_t e)
{
	unsigned n = nbytes_of(m);

	if (m == PAE && level == 3) {
		static const enum vmcs_field field[] = { VMCS_GUEST_PDPTE0,
							 VMCS_GUEST_PDPTE1,
							 VMCS_GUEST_PDPTE2,
							 VMCS_GUEST_PDPTE3 };
		vmcs_write(field[index_at(m, level, lin)], e);
		return;
	}
	memcpy(memory + TABLE(level) + index_at(m, level, lin) * n, &e, n);
}

static void enter_mode(enum mode m, unsigned cpl)
{
	static const uint64_t cr4[] = { 0,	 0,	  CR4_PSE,
					CR4_PAE, CR4_PAE, CR4_PAE | CR4_LA57 };

	memset(&v, 0, sizeof(v));
	memset(memory, 0, sizeof(memory));
	lose_races = 0;
	vmcs_write(VMCS_GUEST_CR0,
		   CR0_PE | CR0_WP | (m == NO_PAGING ? 0 : CR0_PG));
	vmcs_write(VMCS_GUEST_CR3, TABLE(levels_of(m)));
	vmcs_write(VMCS_GUEST_CR4, cr4[m]);
	vmcs_write(VMCS_GUEST_EFER,
		   m >= PAE ? EFER_NXE | (m >= LONG ? EFER_LMA : 0) : 0);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_SS_AR, 0x93 | cpl << 5);
}

/* Tables with all rights down to a leaf at `level` that holds `e`. */
static void map(enum mode m, unsigned level, uint64_t lin, uint64_t e)
{
	for (unsigned l = levels_of(m); l > level; l--)
		set_entry(m, l, lin,
			  TABLE(l - 1) | P | (m == PAE && l == 3 ? 0 : W | U));
	set_entry(m, level, lin, e);
}

/* Reads a byte, or makes it ready to be written. *code: kept if no #PF. */
static int access_byte(uint64_t lin, bool write, uint32_t *code)
{
	uint8_t byte;
	gva_t fault;

	if (write)
		return guest_commit_linear(&v, (gva_t){ lin }, 1, &fault, code);
	return guest_read_linear(&v, (gva_t){ lin }, &byte, 1, &fault, code);
}

/* ---- where addresses lead ---- */

static const struct {
	const char *name;
	enum mode mode;
	unsigned level; /* of the leaf */
	uint64_t lin, leaf, gpa;
} ways[] = {
	{ "no paging", NO_PAGING, 0, 0x1234, 0, 0x1234 },
	{ "no paging, 32 bits", NO_PAGING, 0, BIT(32) | 5, 0, 5 },
	{ "32-bit", LEGACY, 1, 0xc0101123, DATA | P, DATA | 0x123 },
	{ "32-bit: PS means nothing without CR4.PSE", LEGACY, 1, 0xc0101123,
	  DATA | PS | P, DATA | 0x123 },
	{ "4 MiB page", LEGACY_PSE, 2, 0xc0523456, 0x00800000 | PS | P,
	  0x00923456 },
	{ "4 MiB page above 4 GiB (PSE-36)", LEGACY_PSE, 2, 0xc0523456,
	  0x00800000 | 0xau << 13 | PS | P, 0xa00923456 },
	{ "PAE", PAE, 1, 0x80201abc, DATA | P, DATA | 0xabc },
	{ "PAE, 2 MiB", PAE, 2, 0x80301abc, 0x4600000 | PS | P, 0x4701abc },
	{ "4 levels", LONG, 1, 0x7f1234567890, DATA | P, DATA | 0x890 },
	{ "4 levels, upper half", LONG, 1, 0xffff888000001010, DATA | P,
	  DATA | 0x10 },
	{ "4 levels, 2 MiB", LONG, 2, 0x7f1234567890, 0x4600000 | PS | P,
	  0x4767890 },
	{ "4 levels, 2 MiB, PAT bit set", LONG, 2, 0x7f1234567890,
	  0x4600000 | BIT(12) | PS | P, 0x4767890 },
	{ "4 levels, 1 GiB", LONG, 3, 0x7f1234567890, 0x40000000 | PS | P,
	  0x74567890 },
	{ "5 levels", LONG57, 1, 0xff12345678901234, DATA | P, DATA | 0x234 },
};

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		uint32_t code = NO_CODE;

		enter_mode(ways[i].mode, 0);
		if (ways[i].mode != NO_PAGING)
			map(ways[i].mode, ways[i].level, ways[i].lin,
			    ways[i].leaf);
		/* Where no memory is counts too. */
		(void)access_byte(ways[i].lin, false, &code);
		if (accessed.raw != ways[i].gpa || code != NO_CODE)
			fail_msg("%s: %#lx", ways[i].name, accessed.raw);
	}
}

static void an_address_must_be_canonical(void **state)
{
	uint32_t code;

	(void)state;
	enter_mode(LONG, 0);
	assert_int_equal(access_byte(0x800000000000, false, &code), -EINVAL);
}

/* ---- rights and reserved bits, 4 levels ---- */

enum how { READ, WRITE, FETCH };

#define LIN 0x40203123ull

static const struct {
	const char *name;
	unsigned cpl;
	enum how how;
	uint64_t cr4, rflags;
	bool wp, nxe;
	uint64_t above; /* rights in the entry above the leaf */
	uint64_t leaf;	/* the same in the leaf; DATA is added */
	uint32_t code;	/* NO_CODE: allowed */
} rights[] = {
	{ "not present", 0, READ, 0, 0, 1, 1, P, 0, 0 },
	{ "not present above", 3, WRITE, 0, 0, 1, 1, 0, P | W | U, 6 },
	{ "user reads a user page", 3, READ, 0, 0, 1, 1, P | U, P | U,
	  NO_CODE },
	{ "user reads a supervisor page", 3, READ, 0, 0, 1, 1, P | U, P, 5 },
	{ "supervisor above is enough", 3, READ, 0, 0, 1, 1, P, P | U, 5 },
	{ "user writes a read-only page", 3, WRITE, 0, 0, 0, 1, P | U | W,
	  P | U, 7 },
	{ "read-only above is enough", 3, WRITE, 0, 0, 0, 1, P | U, P | U | W,
	  7 },
	{ "user writes", 3, WRITE, 0, 0, 1, 1, P | U | W, P | U | W, NO_CODE },
	{ "kernel writes a read-only page, WP=1", 0, WRITE, 0, 0, 1, 1, P | W,
	  P, 3 },
	{ "kernel writes a read-only page, WP=0", 0, WRITE, 0, 0, 0, 1, P | W,
	  P, NO_CODE },
	{ "SMAP: kernel reads a user page", 0, READ, CR4_SMAP, 0, 1, 1, P | U,
	  P | U, 1 },
	{ "SMAP: EFLAGS.AC allows it", 0, READ, CR4_SMAP, RFLAGS_AC, 1, 1,
	  P | U, P | U, NO_CODE },
	{ "SMAP: a supervisor page above makes it one", 0, READ, CR4_SMAP, 0, 1,
	  1, P, P | U, NO_CODE },
	{ "SMAP is nothing to user mode", 3, READ, CR4_SMAP, 0, 1, 1, P | U,
	  P | U, NO_CODE },
	{ "SMEP: kernel fetches from a user page", 0, FETCH, CR4_SMEP, 0, 1, 1,
	  P | U, P | U, 0x11 },
	{ "SMEP does not hinder reading", 0, READ, CR4_SMEP, 0, 1, 1, P | U,
	  P | U, NO_CODE },
	{ "no-execute: fetching", 0, FETCH, 0, 0, 1, 1, P, P | NX, 0x11 },
	{ "no-execute above is enough", 3, FETCH, 0, 0, 1, 1, P | U | NX, P | U,
	  0x15 },
	{ "no-execute: reading", 0, READ, 0, 0, 1, 1, P, P | NX, NO_CODE },
	{ "bit 63 is reserved if EFER.NXE=0", 0, READ, 0, 0, 1, 0, P, P | NX,
	  9 },
	{ "an address beyond the guest's", 0, READ, 0, 0, 1, 1, P, P | BIT(40),
	  9 },
	{ "bits 62:52 are ignored", 0, READ, 0, 0, 1, 1, P, P | BIT(55),
	  NO_CODE },
	{ "reserved above, user write", 3, WRITE, 0, 0, 1, 1,
	  P | U | W | BIT(45), P | U | W, 0xf },
};

static int access_as(enum how how, uint32_t *code)
{
	gva_t fault, at = { LIN };
	uint8_t byte = 0;

	if (how == READ)
		return guest_read_linear(&v, at, &byte, 1, &fault, code);
	if (how == WRITE)
		return guest_write_linear(&v, at, &byte, 1, &fault, code);
	return guest_fetch_linear(&v, at, &byte, 1) == 1 ? 0 : -EFAULT;
}

static void rights_and_reserved_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		uint32_t want = rights[i].code, code = NO_CODE;
		uint64_t cr0;
		int err;

		enter_mode(LONG, rights[i].cpl);
		cr0 = vmcs_read(VMCS_GUEST_CR0) & ~CR0_WP;
		vmcs_write(VMCS_GUEST_CR0, cr0 | (rights[i].wp ? CR0_WP : 0));
		vmcs_write(VMCS_GUEST_CR4, CR4_PAE | rights[i].cr4);
		vmcs_write(VMCS_GUEST_EFER,
			   EFER_LMA | (rights[i].nxe ? EFER_NXE : 0));
		vmcs_write(VMCS_GUEST_RFLAGS, 2 | rights[i].rflags);
		map(LONG, 1, LIN, DATA | rights[i].leaf);
		set_entry(LONG, 2, LIN, TABLE(1) | rights[i].above);
		err = access_as(rights[i].how, &code);
		if (err != (want == NO_CODE ? 0 : -EFAULT))
			fail_msg("%s: error %d", rights[i].name, err);
		/* A failed fetch has no error code: nobody injects it. */
		if (rights[i].how != FETCH && code != want)
			fail_msg("%s: code %#x", rights[i].name, code);
	}
}

static const struct {
	const char *name;
	enum mode mode;
	unsigned level;
	uint64_t entry;
	bool reserved;
} large[] = {
	{ "4 MiB: bit 21", LEGACY_PSE, 2, BIT(21) | PS | P, true },
	{ "2 MiB: bit 13", LONG, 2, BIT(13) | PS | P, true },
	{ "2 MiB: bit 20", LONG, 2, BIT(20) | PS | P, true },
	{ "1 GiB: bit 29", LONG, 3, BIT(29) | PS | P, true },
	{ "512 GiB pages do not exist", LONG, 4, PS | P, true },
	{ "PAE: bits 62:52", PAE, 1, DATA | BIT(52) | P, true },
	{ "PAE: no-execute", PAE, 1, DATA | NX | P, false },
};

static void reserved_bits_of_sizes_and_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		uint32_t code = NO_CODE;
		int err;

		enter_mode(large[i].mode, 0);
		map(large[i].mode, large[i].level, LIN, large[i].entry);
		err = access_byte(LIN, false, &code);
		if ((err == -EFAULT && code == 9) != large[i].reserved)
			fail_msg("%s: error %d, code %#x", large[i].name, err,
				 code);
	}
}

static void a_table_outside_memory_is_not_present(void **state)
{
	uint32_t code = NO_CODE;

	(void)state;
	enter_mode(LONG, 0);
	map(LONG, 1, LIN, DATA | P);
	set_entry(LONG, 3, LIN, 0x10000000 | P | W | U);
	assert_int_equal(access_byte(LIN, true, &code), -EFAULT);
	assert_int_equal(code, 2);
}

/* ---- accessed and dirty ---- */

static void a_walk_leaves_its_marks(void **state)
{
	static const enum mode modes[] = { LEGACY, PAE, LONG, LONG57 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		enum mode m = modes[i];
		uint32_t code;

		enter_mode(m, 0);
		map(m, 1, LIN, DATA | P | W);
		assert_int_equal(access_byte(LIN, false, &code), 0);
		for (unsigned l = levels_of(m); l; l--)
			if (m != PAE || l != 3) /* PDPTEs have none */
				assert_int_equal(get_entry(m, l, LIN) & (A | D),
						 A);
		assert_int_equal(access_byte(LIN, true, &code), 0);
		assert_int_equal(get_entry(m, 1, LIN) & (A | D), A | D);
		assert_int_equal(get_entry(m, 2, LIN) & D, 0);
	}
}

static void a_refused_walk_marks_nothing(void **state)
{
	uint32_t code;

	(void)state;
	enter_mode(LONG, 3);
	map(LONG, 1, LIN, DATA | P | U);
	assert_int_equal(access_byte(LIN, true, &code), -EFAULT);
	for (unsigned l = 4; l; l--)
		assert_int_equal(get_entry(LONG, l, LIN) & (A | D), 0);
}

static void an_entry_that_changes_meanwhile_is_read_again(void **state)
{
	uint32_t code;

	(void)state;
	enter_mode(LONG, 0);
	map(LONG, 1, LIN, DATA | P | W);
	lose_races = 3;
	assert_int_equal(access_byte(LIN, true, &code), 0);
	lose_races = 1000; /* not for ever */
	set_entry(LONG, 1, LIN, DATA | P | W);
	assert_int_equal(access_byte(LIN, true, &code), -EFAULT);
}

/* ---- copies ---- */

static void copies_cross_pages(void **state)
{
	const uint64_t lin = 0x40203ffeull;
	uint32_t code;
	gva_t fault;
	uint8_t b[4];

	(void)state;
	enter_mode(LONG, 0);
	map(LONG, 1, lin, DATA | P | W);
	assert_int_equal(guest_write_linear(&v, (gva_t){ lin }, "abcd", 4,
					    &fault, &code),
			 -EFAULT);
	assert_int_equal(fault.raw, 0x40204000); /* for CR2 */
	assert_int_equal(code, 2);
	assert_int_equal(guest_fetch_linear(&v, (gva_t){ lin }, b, 4), 2);
	set_entry(LONG, 1, lin + 2, (DATA + 0x3000) | P | W);
	assert_int_equal(guest_write_linear(&v, (gva_t){ lin }, "abcd", 4,
					    &fault, &code),
			 0);
	assert_memory_equal(memory + DATA + 0xffe, "ab", 2);
	assert_memory_equal(memory + DATA + 0x3000, "cd", 2);
	assert_int_equal(
		guest_read_linear(&v, (gva_t){ lin }, b, 4, &fault, &code), 0);
	assert_memory_equal(b, "abcd", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(an_address_must_be_canonical),
		cmocka_unit_test(rights_and_reserved_bits),
		cmocka_unit_test(reserved_bits_of_sizes_and_modes),
		cmocka_unit_test(a_table_outside_memory_is_not_present),
		cmocka_unit_test(a_walk_leaves_its_marks),
		cmocka_unit_test(a_refused_walk_marks_nothing),
		cmocka_unit_test(an_entry_that_changes_meanwhile_is_read_again),
		cmocka_unit_test(copies_cross_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
