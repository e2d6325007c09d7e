// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What machine checks mean: a table of bank contents, and what follows.
 * Sources: kernel/cpu/mce_judge.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "kernel/cpu/mce.h"

#define SER  BIT(24)
#define RIPV BIT(0)
#define EIPV BIT(1)

#define VAL  BIT(63)
#define OVER BIT(62)
#define UC   (VAL | BIT(61) | BIT(60)) /* enabled, as all that signal */
#define EN   BIT(60)
#define AM   (BIT(59) | BIT(58)) /* MISCV, ADDRV */
#define PCC  BIT(57)
#define S    BIT(56)
#define AR   BIT(55)

#define LOAD  0x134u
#define FETCH 0x150u
#define SCRUB 0xc5u
#define WB    0x17au
#define BUS   0x800u

#define MISC 0x8cull /* physical, lowest bit 12 */
#define ADDR 0x12345678ull
#define PAGE 0x12345000ull

struct row {
	const char *name;
	uint64_t cap, mcg;
	uint64_t status, misc;
	enum mce_kind kind;
	enum mce_verdict in_host, in_guest;
	bool page;
};

#define GO  MCE_GO_ON
#define END MCE_END_GUEST
#define DIE MCE_FATAL

static const struct row rows[] = {
	{ "no valid bank, may go on", SER, RIPV, 0, 0, MCE_NONE, GO, GO, 0 },
	{ "no valid bank, may not go on", SER, 0, 0, 0, MCE_NONE, DIE, END, 0 },
	{ "corrected", SER, RIPV, VAL | AM | LOAD, MISC, MCE_CORRECTED, GO, GO,
	  0 },
	{ "corrected, with noise in S and AR", SER, RIPV, VAL | S | AR, MISC,
	  MCE_CORRECTED, GO, GO, 0 },
	{ "context corrupt", SER, RIPV, UC | PCC | AM | S | AR | LOAD, MISC,
	  MCE_LOST, DIE, DIE, 0 },
	{ "context corrupt, reporting disabled", SER, RIPV, (UC | PCC) & ~EN,
	  MISC, MCE_NONE, GO, GO, 0 },
	{ "uncorrected, no software recovery", 0, RIPV, UC | AM | S | AR | LOAD,
	  MISC, MCE_LOST, DIE, DIE, 0 },
	{ "no action needed", SER, RIPV, UC | AM | LOAD, MISC, MCE_DEFERRED, GO,
	  GO, 0 },
	{ "no action needed, reporting disabled", SER, RIPV, (UC | AM) & ~EN,
	  MISC, MCE_DEFERRED, GO, GO, 0 },
	{ "action without a signal", SER, RIPV, UC | AM | AR | LOAD, MISC,
	  MCE_LOST, DIE, DIE, 0 },
	{ "scrubber found it", SER, RIPV, UC | AM | S | SCRUB, MISC,
	  MCE_OPTIONAL, GO, GO, 1 },
	{ "write-back found it", SER, RIPV, UC | AM | S | WB, MISC,
	  MCE_OPTIONAL, GO, GO, 1 },
	{ "found, overwritten: still harmless", SER, RIPV,
	  UC | OVER | AM | S | SCRUB, MISC, MCE_OPTIONAL, GO, GO, 1 },
	{ "found, no address", SER, RIPV, UC | S | SCRUB, MISC, MCE_OPTIONAL,
	  GO, GO, 0 },
	{ "found, but may not go on", SER, 0, UC | AM | S | SCRUB, MISC,
	  MCE_OPTIONAL, DIE, END, 1 },
	{ "load used it", SER, EIPV, UC | AM | S | AR | LOAD, MISC,
	  MCE_REQUIRED, DIE, END, 1 },
	{ "load used it, restartable", SER, RIPV | EIPV,
	  UC | AM | S | AR | LOAD, MISC, MCE_REQUIRED, DIE, END, 1 },
	{ "fetch used it", SER, 0, UC | AM | S | AR | FETCH, MISC, MCE_REQUIRED,
	  DIE, END, 1 },
	{ "the core's other thread used it", SER, RIPV, UC | AM | S | AR | LOAD,
	  MISC, MCE_REQUIRED, GO, GO, 1 },
	{ "used, overwritten", SER, EIPV, UC | OVER | AM | S | AR | LOAD, MISC,
	  MCE_LOST, DIE, DIE, 0 },
	{ "used, no address", SER, EIPV, UC | S | AR | LOAD, MISC, MCE_REQUIRED,
	  DIE, DIE, 0 },
	{ "used, linear address", SER, EIPV, UC | AM | S | AR | LOAD, 0x4c,
	  MCE_REQUIRED, DIE, DIE, 0 },
	{ "used, more than a page", SER, EIPV, UC | AM | S | AR | LOAD,
	  0x80 | 13, MCE_REQUIRED, DIE, DIE, 0 },
	{ "used, exact to the byte", SER, EIPV, UC | AM | S | AR | LOAD, 0x80,
	  MCE_REQUIRED, DIE, END, 1 },
	{ "used, not memory", SER, EIPV, UC | AM | S | AR | BUS, MISC,
	  MCE_REQUIRED, DIE, DIE, 0 },
	{ "used, reporting disabled", SER, RIPV, (UC | AM | S | AR) & ~EN, MISC,
	  MCE_NONE, GO, GO, 0 },
};

static struct mce_record record(const struct row *r)
{
	return (struct mce_record){
		.mcg_cap = r->cap,
		.mcg_status = r->mcg,
		.nr = r->status ? 1 : 0,
		.banks = { { .status = r->status,
			     .addr = ADDR,
			     .misc = r->misc } },
	};
}

static void each_row_is_judged_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		const struct mce_record rec = record(r);
		uint64_t page = 0;

		if (mce_kind_of(&rec, &rec.banks[0]) != r->kind ||
		    mce_judge(&rec, false) != r->in_host ||
		    mce_judge(&rec, true) != r->in_guest ||
		    mce_faulty_page(&rec, &rec.banks[0], &page) != r->page)
			fail_msg(
				"%s: %s, host %d, guest %d, page %#lx", r->name,
				mce_kind_name(mce_kind_of(&rec, &rec.banks[0])),
				mce_judge(&rec, false), mce_judge(&rec, true),
				(unsigned long)page);
		if (r->page)
			assert_int_equal(page, PAGE);
	}
}

/* The worst bank decides, wherever it stands. */
static void the_worst_of_two_banks_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(rows); j++) {
			struct mce_record a = record(&rows[i]);
			struct mce_record b = record(&rows[j]);
			enum mce_verdict both;

			/* Comparable only with the same global registers. */
			b.mcg_cap = a.mcg_cap;
			b.mcg_status = a.mcg_status;
			if (!a.nr || !b.nr)
				continue;
			both = max(mce_judge(&a, true), mce_judge(&b, true));
			a.banks[a.nr++] = b.banks[0];
			assert_int_equal(mce_judge(&a, true), both);
		}
}

/* Whatever the banks hold, a guest's check never says more than a host's. */
static void random_banks_are_judged_consistently(void **state)
{
	(void)state;
	srand(18);
	for (int n = 0; n < 200000; n++) {
		struct mce_record r = { .mcg_cap = (uint64_t)rand() << 3,
					.mcg_status = (uint64_t)rand() & 7,
					.nr = 1 };
		enum mce_verdict host, guest;

		r.banks[0].status = (uint64_t)rand() << 34 ^ (uint64_t)rand();
		r.banks[0].misc = (uint64_t)rand();
		host = mce_judge(&r, false);
		guest = mce_judge(&r, true);
		assert_int_not_equal(host, MCE_END_GUEST);
		assert_true(guest <= host);
		assert_true((host == MCE_GO_ON) == (guest == MCE_GO_ON));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_judged_right),
		cmocka_unit_test(the_worst_of_two_banks_decides),
		cmocka_unit_test(random_banks_are_judged_consistently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
