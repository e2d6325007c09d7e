// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The quick look at the instruction of an exit: what it finds is what a full
 * walk would find (SDM Vol. 3, "4-Level Paging and 5-Level Paging"), and where
 * it isn't sure it finds nothing.
 *
 * Sources: vmx/insn_peek.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "mm/gspace.h"
#include "vmx/vcpu_priv.h"

#define P  0x01ull
#define PS 0x80ull
#define NX BIT(63)

/* Tables of level n lie at n << 12, with entries for RIP. */
#define TABLE(level) ((uint64_t)(level) << 12)
#define RIP	     0xffffffff81234567ull
#define CODE	     0x7000ull
#define NR_PAGES     9u /* one behind the code, too */

static uint64_t memory[NR_PAGES * 512];
static uint64_t base; /* guest-physical address of code beyond `memory` */
static bool is_busy, is_held;
static struct vcpu v;

bool guest_quick_begin(struct gspace *gs)
{
	(void)gs;
	is_held = !is_busy;
	return is_held;
}

void guest_quick_end(struct gspace *gs)
{
	(void)gs;
	assert_true(is_held);
	is_held = false;
}

static bool quick_read(gpa_t a, uint64_t *out, uint64_t n)
{
	uint64_t offset = a.raw & PAGE_MASK;
	uint64_t at = a.raw - offset == base ? CODE | offset : a.raw;

	assert_true(is_held);
	if (at + n * 8 > sizeof(memory) || (a.raw & (8 - 1) && n == 1))
		return false;
	memcpy(out, (char *)memory + at, n * 8);
	return true;
}

bool guest_quick_read64(struct gspace *gs, gpa_t a, uint64_t *out)
{
	(void)gs;
	return quick_read(a, out, 1);
}

bool guest_quick_read128(struct gspace *gs, gpa_t a, uint64_t *out)
{
	(void)gs;
	return quick_read(a, out, 2);
}

static uint64_t *entry(unsigned level)
{
	uint64_t slot = RIP >> (12 + (level - 1) * 9) & 511;

	return &memory[TABLE(level) / 8 + slot];
}

static int setup(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	for (unsigned level = 4; level > 1; level--)
		*entry(level) = TABLE(level - 1) | P;
	*entry(1) = CODE | P | NX;
	base = UINT64_MAX;
	for (unsigned i = 0; i < 512; i++)
		memory[CODE / 8 + i] = 0x0101010101010101ull * (i & 0xff);
	is_busy = is_held = false;
	vmcs_write(VMCS_GUEST_CR3, TABLE(4) | BIT(63) | 0x18);
	vmcs_write(VMCS_GUEST_CR4, CR4_PAE);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME | EFER_LMA);
	vmcs_write(VMCS_GUEST_CS_AR, AR_LONG);
	vmcs_write(VMCS_GUEST_RIP, RIP);
	return 0;
}

static void finds(const char *what, uint64_t offset)
{
	const uint8_t *want = (uint8_t *)memory + CODE + offset;
	uint64_t insn[2] = { 0, 0 };

	if (!insn_peek(&v, insn) || memcmp(insn, want, sizeof(insn)) || is_held)
		fail_msg("%s", what);
	setup(NULL);
}

static void finds_nothing(const char *what)
{
	uint64_t insn[2];

	if (insn_peek(&v, insn) || is_held)
		fail_msg("%s", what);
	setup(NULL);
}

static void code_is_found(void **state)
{
	(void)state;
	finds("a small page", 0x567);
	*entry(2) = 0x40000000 | P | PS;
	base = 0x40034000;
	finds("a page of 2 MiB", 0x567);
	*entry(3) = 0x80000000 | P | PS;
	base = 0x81234000;
	finds("a page of 1 GiB", 0x567);
	/* Bit 12 is PAT there, no address. */
	*entry(2) = 0x40001000 | P | PS;
	base = 0x40034000;
	finds("a large page with a memory type", 0x567);
	vmcs_write(VMCS_GUEST_RIP, RIP - 0x567 + 0xff0);
	finds("the last 16 bytes of a page", 0xff0);
}

/* What the guest has changed is what is found. */
static void nothing_is_remembered(void **state)
{
	uint64_t insn[2];

	(void)state;
	assert_true(insn_peek(&v, insn));
	memory[CODE / 8 + 0x568 / 8] = 0x1122334455667788ull;
	finds("other bytes", 0x567);
	assert_true(insn_peek(&v, insn));
	*entry(1) = 0x6000 | P;
	memory[0x6000 / 8 + 0x568 / 8] = 0x99;
	assert_true(insn_peek(&v, insn));
	assert_int_equal(insn[0] >> 8, 0x99);
	*entry(3) = 0;
	assert_false(insn_peek(&v, insn));
}

static void what_is_not_simple_is_not_found(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		*entry(level) &= ~P;
		finds_nothing("a hole");
		*entry(level) = 0x1000000 | P;
		finds_nothing("no frame behind it");
	}
	vmcs_write(VMCS_GUEST_CS_AR, AR_DB);
	finds_nothing("other code than of 64 bits");
	/* The bit is reserved there, and nobody checks it. */
	vmcs_write(VMCS_GUEST_EFER, 0);
	finds_nothing("a code segment marked L outside IA-32e mode");
	vmcs_write(VMCS_GUEST_CR4, CR4_PAE | CR4_LA57);
	finds_nothing("five levels");
	vmcs_write(VMCS_GUEST_RIP, RIP - 0x567 + 0xff1);
	finds_nothing("the end of a page");
	is_busy = true;
	finds_nothing("another CPU has the space");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(code_is_found, setup),
		cmocka_unit_test_setup(nothing_is_remembered, setup),
		cmocka_unit_test_setup(what_is_not_simple_is_not_found, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
