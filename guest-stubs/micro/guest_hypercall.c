/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the base hypercalls work, and do wrong ones only give errors? */
#include "runtime.h"

const char guest_name[] = "hypercall";

static const char text[] = "text by hypercall\n";

static long call_from_ring3(void *arg)
{
	(void)arg;
	return hypercall(AEROSTAT_HC_VERSION, 0, 0, 0, 0);
}

static int64_t console(uint64_t at, uint64_t nbytes)
{
	return hypercall(AEROSTAT_HC_CONSOLE, at, nbytes, 0, 0);
}

static void check_registers(void)
{
	uint64_t a = AEROSTAT_HC_VERSION, b = 11, c = 12, d = 13, s = 14;
	uint64_t di = 15;

	__asm__ volatile("vmcall"
			 : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s),
			   "+D"(di));
	CHECK_EQ(a, AEROSTAT_ABI_VERSION);
	CHECK(b == 11 && c == 12 && d == 13 && s == 14 && di == 15);
}

static void check_numbers(void)
{
	static const uint64_t unknown[] = { AEROSTAT_HC_BASE + 4,
					    AEROSTAT_HC_BASE + 0xf,
					    AEROSTAT_HC_BASE + 0x7fff,
					    AEROSTAT_HC_BASE - 1,
					    0xffffffffffffffff,
					    0x8000000000000000,
					    AEROSTAT_HC_VERSION | 1ull << 32 };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CHECK_EQ(hypercall(unknown[i], 0, 0, 0, 0), -HC_ENOSYS);
}

static void check_pointers(void)
{
	static const uint64_t wild[] = { 0xa0000,	    0xd0000000,
					 0xfee00000,	    1ull << 40,
					 1ull << 52,	    0x8000000000000000,
					 0xffffffffffffffff };

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
		CHECK_EQ(console(wild[i], 16), -HC_EFAULT);
	/* Begins in RAM and leaves it. */
	CHECK_EQ(console(0xa0000 - 8, 16), -HC_EFAULT);
	CHECK_EQ(console(rt_ram_end() - 8, 16), -HC_EFAULT);
	CHECK_EQ(console((uint64_t)text, 4097), -HC_E2BIG);
	CHECK_EQ(console((uint64_t)text, ~0ull), -HC_E2BIG);
	CHECK_EQ(console((uint64_t)text, 0), 0);
}

void guest_main(void)
{
	check_registers();
	CHECK(hypercall(AEROSTAT_HC_FEATURES, 0, 0, 0, 0) &
	      AEROSTAT_F_HYPERCALL);
	CHECK_EQ(console((uint64_t)text, sizeof(text) - 1), sizeof(text) - 1);
	check_numbers();
	check_pointers();
	CHECK_EQ(hypercall(AEROSTAT_HC_SHUTDOWN, 77, 0, 0, 0), -HC_EINVAL);
	CHECK_EQ(rt_ring3(call_from_ring3, NULL), -HC_EPERM);
}
