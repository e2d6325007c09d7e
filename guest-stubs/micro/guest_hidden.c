/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is what cpu.hide takes away (x2apic, invpcid, rdtscp) gone, not just
 * unmentioned?
 */
#include "runtime.h"

const char guest_name[] = "hidden";

#define F1_ECX_X2APIC	 (1u << 21)
#define F7_EBX_INVPCID	 (1u << 10)
#define F81_EDX_RDTSCP	 (1u << 27)
#define MSR_APIC_BASE	 0x1bu
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

void guest_main(void)
{
	CHECK(!(cpuid_read(1, 0).ecx & F1_ECX_X2APIC));
	CHECK_EQ(rt_try(do_x2apic, NULL), 13);
	CHECK(!(cpuid_read(7, 0).ebx & F7_EBX_INVPCID));
	CHECK_EQ(rt_try(do_invpcid, NULL), 6);
	CHECK(!(cpuid_read(0x80000001u, 0).edx & F81_EDX_RDTSCP));
	CHECK_EQ(rt_try(do_rdtscp, NULL), 6);
}
