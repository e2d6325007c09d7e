/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do unknown MSRs and reserved bits fault, and known ones work? */
#include "runtime.h"

const char guest_name[] = "msr_unknown";

#define VECTOR_GP     13
#define MSR_APIC_BASE 0x1bu
#define MSR_VMX_BASIC 0x480u
#define MSR_EFER      0xc0000080u

static void do_read(void *arg)
{
	msr_read(*(const uint32_t *)arg);
}

static void do_write(void *arg)
{
	msr_write(*(const uint32_t *)arg, 0);
}

static void write_bad_efer(void *arg)
{
	(void)arg;
	msr_write(MSR_EFER, ~0ull);
}

static void set_vmxe(void *arg)
{
	uint64_t cr4;

	(void)arg;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4 | 1u << 13));
}

void guest_main(void)
{
	static uint32_t unknown[] = { 0xdead, 0x7fffffff, 0xc0001fff,
				      0xffffffff, 0x4b564dff };
	uint32_t vmx = MSR_VMX_BASIC;

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		CHECK_EQ(rt_try(do_read, &unknown[i]), VECTOR_GP);
		CHECK_EQ(rt_fault.error, 0);
		CHECK_EQ(rt_try(do_write, &unknown[i]), VECTOR_GP);
	}
	CHECK_EQ(rt_try(do_read, &vmx), VECTOR_GP);
	CHECK_EQ(rt_try(write_bad_efer, NULL), VECTOR_GP);
	CHECK_EQ(rt_try(set_vmxe, NULL), VECTOR_GP);
	CHECK(msr_read(MSR_APIC_BASE) >> 12 == 0xfee00);
	CHECK(msr_read(MSR_EFER) & 1u << 10); /* LMA */
}
