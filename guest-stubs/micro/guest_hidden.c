/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is what cpu.hide takes away (x2apic, invpcid, rdtscp, tsc_deadline_timer,
 * tsc_adjust) gone, not just unmentioned?
 */
#include "runtime.h"

const char guest_name[] = "hidden";

#define F1_ECX_X2APIC	 (1u << 21)
#define F1_ECX_DEADLINE	 (1u << 24)
#define F7_EBX_ADJUST	 (1u << 1)
#define F7_EBX_INVPCID	 (1u << 10)
#define F7_ECX_RDPID	 (1u << 22)
#define F81_EDX_RDTSCP	 (1u << 27)
#define MSR_APIC_BASE	 0x1bu
#define MSR_TSC_ADJUST	 0x3bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_TSC_AUX	 0xc0000103u
#define APIC_BASE_X2APIC (1u << 10)

static void do_x2apic(void *arg)
{
	(void)arg;
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
}

static void do_invpcid(void *arg)
{
	static const uint64_t descriptor[2];

	(void)arg;
	/* Type 2: everything. */
	__asm__ volatile("invpcid %0, %1" ::"m"(descriptor), "r"(2ul)
			 : "memory");
}

static void do_rdtscp(void *arg)
{
	(void)arg;
	__asm__ volatile("rdtscp" ::: "rax", "rcx", "rdx");
}

static void do_read(void *arg)
{
	msr_read(*(const uint32_t *)arg);
}

static void do_write(void *arg)
{
	msr_write(*(const uint32_t *)arg, 0);
}

static void check_no_msr(uint32_t msr)
{
	CHECK_EQ(rt_try(do_read, &msr), 13);
	CHECK_EQ(rt_try(do_write, &msr), 13);
}

void guest_main(void)
{
	CHECK(!(cpuid_read(1, 0).ecx & F1_ECX_DEADLINE));
	check_no_msr(MSR_TSC_DEADLINE);
	CHECK(!(cpuid_read(7, 0).ebx & F7_EBX_ADJUST));
	check_no_msr(MSR_TSC_ADJUST);
	CHECK(!(cpuid_read(1, 0).ecx & F1_ECX_X2APIC));
	CHECK_EQ(rt_try(do_x2apic, NULL), 13);
	CHECK(!(cpuid_read(7, 0).ebx & F7_EBX_INVPCID));
	CHECK_EQ(rt_try(do_invpcid, NULL), 6);
	CHECK(!(cpuid_read(0x80000001u, 0).edx & F81_EDX_RDTSCP));
	CHECK_EQ(rt_try(do_rdtscp, NULL), 6);
	CHECK(!(cpuid_read(7, 0).ecx & F7_ECX_RDPID));
	check_no_msr(MSR_TSC_AUX);
}
