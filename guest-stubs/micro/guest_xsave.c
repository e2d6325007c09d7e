/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do the vector registers survive being saved and restored, by each
 * instruction that CPUID offers, and does XCR0 take what it may hold and
 * nothing else?
 */
#include "vectors.h"

const char guest_name[] = "xsave";

#define CPUID_OSXSAVE	(1u << 27) /* leaf 1, ECX */
#define LEAF_XSAVE	0xdu
#define OFFERS_XSAVEOPT (1u << 0) /* leaf D.1, EAX */
#define OFFERS_XSAVEC	(1u << 1)
#define ALL_COMPONENTS	~0u
#define VECTOR_UD	6
#define VECTOR_GP	13
#define XCOMP_BV_AT	520u
#define XCOMP_COMPACTED (1ull << 63)
#define AREA_NBYTES	4096u

struct area {
	uint8_t bytes[AREA_NBYTES];
} __attribute__((aligned(64)));

#define STATE_INSN(name)                                                       \
	static void do_##name(void *a)                                         \
	{                                                                      \
		__asm__ volatile(#name "64 (%0)"                               \
				 :                                             \
				 : "r"(a), "a"(ALL_COMPONENTS),                \
				   "d"(ALL_COMPONENTS)                         \
				 : "memory");                                  \
	}
STATE_INSN(xsave)
STATE_INSN(xsaveopt)
STATE_INSN(xsavec)
STATE_INSN(xrstor)

static const struct way {
	const char *name;
	uint32_t offered_by; /* leaf D.1, EAX; 0: always there */
	void (*save)(void *area);
} ways[] = {
	{ "XSAVE", 0, do_xsave },
	{ "XSAVEOPT", OFFERS_XSAVEOPT, do_xsaveopt },
	{ "XSAVEC", OFFERS_XSAVEC, do_xsavec },
};
#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

/*
 * One for each: XSAVEOPT leaves out what has not changed since XRSTOR, if that
 * was from the same one.
 */
static struct area areas[NR_WAYS];

static bool is_offered(const struct way *w)
{
	return !w->offered_by || cpuid_read(LEAF_XSAVE, 1).eax & w->offered_by;
}

/* ---- XCR0 ---- */

static void do_xgetbv(void *arg)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	*(uint64_t *)arg = (uint64_t)hi << 32 | lo;
}

static void do_xsetbv(void *arg)
{
	xsetbv(0, *(uint64_t *)arg);
}

static void do_xsetbv_1(void *arg)
{
	xsetbv(1, *(uint64_t *)arg);
}

static void do_avx(void *arg)
{
	(void)arg;
	__asm__ volatile("vmovups %xmm0, %xmm0");
}

static void needs_osxsave(void)
{
	uint64_t v = 1;

	CHECK_EQ(cpuid_read(1, 0).ecx & CPUID_OSXSAVE, 0);
	CHECK_EQ(rt_try(do_xgetbv, &v), VECTOR_UD);
	CHECK_EQ(rt_try(do_xsetbv, &v), VECTOR_UD);
	cr4_write(cr4_read() | CR4_OSFXSR | CR4_OSXSAVE);
	CHECK(cpuid_read(1, 0).ecx & CPUID_OSXSAVE);
	CHECK_EQ(rt_try(do_xgetbv, &v), -1);
	CHECK_EQ(v, 1);
}

static void refuses_bad_xcr0(void)
{
	struct cpuid c = cpuid_read(LEAF_XSAVE, 0);
	uint64_t offered = (uint64_t)c.edx << 32 | c.eax;
	/* No x87; AVX without SSE; AVX-512 in part; what is not offered. */
	uint64_t bad[] = { 0, 2, 5, 0x27, 0xe3, 1 | 1ull << 63, ~offered | 1 };
	uint64_t v = 1;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(rt_try(do_xsetbv, &bad[i]), VECTOR_GP);
	CHECK_EQ(rt_try(do_xsetbv_1, &v), VECTOR_GP);
	CHECK_EQ(rt_try(do_xgetbv, &v), -1);
	CHECK_EQ(v, 1);
}

static void takes_good_xcr0(enum vectors kind)
{
	uint64_t want = vectors_xcr0(kind), v = want;

	CHECK_EQ(rt_try(do_xsetbv, &v), -1);
	v = 0;
	CHECK_EQ(rt_try(do_xgetbv, &v), -1);
	CHECK_EQ(v, want);
	CHECK_EQ(rt_try(do_avx, NULL), kind == VECTORS_SSE ? VECTOR_UD : -1);
}

/* Leaf D, EBX: the area for what XCR0 has, in the standard form. */
static void area_size_follows(void)
{
	uint32_t want = 576;
	uint64_t xcr0;

	do_xgetbv(&xcr0);
	for (unsigned i = 2; i < 32; i++) {
		struct cpuid c = cpuid_read(LEAF_XSAVE, i);

		if (xcr0 >> i & 1 && c.eax + c.ebx > want)
			want = c.eax + c.ebx;
	}
	CHECK_EQ(cpuid_read(LEAF_XSAVE, 0).ebx, want);
	CHECK(want <= AREA_NBYTES);
}

/* ---- saving ---- */

static void survive(unsigned i, enum vectors kind)
{
	const uint64_t v = 0x123456789abcdef, other = 0x5a5a5a5a5a5a5a5;
	struct area *a = &areas[i];
	uint64_t xcomp_bv;
	bool kept;

	*a = (struct area){ 0 };
	vectors_load(kind, v);
	ways[i].save(a);
	vectors_load(kind, other);
	kept = rt_try(do_xrstor, a) == -1 && vectors_hold(kind, v);
	rt_printf("%s %s %s\n", ways[i].name, kept ? "keeps" : "loses",
		  vectors_name(kind));
	CHECK(kept);
	xcomp_bv = *(const uint64_t *)(a->bytes + XCOMP_BV_AT);
	CHECK_EQ(xcomp_bv & XCOMP_COMPACTED,
		 ways[i].save == do_xsavec ? XCOMP_COMPACTED : 0);
}

void guest_main(void)
{
	enum vectors best = vectors_best();

	if (!(cpuid_read(1, 0).ecx & CPUID_XSAVE)) {
		rt_printf("no XSAVE\n");
		return;
	}
	needs_osxsave();
	refuses_bad_xcr0();
	for (enum vectors kind = VECTORS_SSE; kind <= best; kind++) {
		takes_good_xcr0(kind);
		area_size_follows();
		for (unsigned i = 0; i < NR_WAYS; i++)
			if (is_offered(&ways[i]))
				survive(i, kind);
	}
}
