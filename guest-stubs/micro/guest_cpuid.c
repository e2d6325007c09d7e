/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does CPUID describe this virtual machine, and nothing it doesn't have? */
#include "runtime.h"

const char guest_name[] = "cpuid";

#define F1_ECX_VMX	  (1u << 5)
#define F1_ECX_X2APIC	  (1u << 21)
#define F1_ECX_HYPERVISOR (1u << 31)

static bool signature_is(const struct cpuid *c, const char *text)
{
	const uint32_t got[3] = { c->ebx, c->ecx, c->edx };
	const char *g = (const char *)got;

	for (int i = 0; i < 12; i++) {
		if (g[i] != text[i])
			return false;
	}
	return true;
}

/* SDM, "CPUID": beyond the last leaf the last basic one answers. */
static void check_beyond(uint32_t first)
{
	struct cpuid last = cpuid_read(cpuid_read(0, 0).eax, 0);
	struct cpuid got = cpuid_read(cpuid_read(first, 0).eax + 1, 0);

	CHECK_EQ(got.eax, last.eax);
	CHECK_EQ(got.ebx, last.ebx);
	CHECK_EQ(got.ecx, last.ecx);
	CHECK_EQ(got.edx, last.edx);
}

void guest_main(void)
{
	struct cpuid c = cpuid_read(1, 0);

	CHECK(c.ecx & F1_ECX_HYPERVISOR);
	CHECK(!(c.ecx & F1_ECX_VMX));
	CHECK(c.ecx & F1_ECX_X2APIC);
	CHECK_EQ(c.ebx >> 24, 0); /* the boot CPU's APIC ID */

	c = cpuid_read(AEROSTAT_CPUID_BASE, 0);
	CHECK(signature_is(&c, "AerostatVMM"));
	CHECK(c.eax >= AEROSTAT_CPUID_FEATURES);
	c = cpuid_read(AEROSTAT_CPUID_FEATURES, 0);
	CHECK_EQ(c.eax, AEROSTAT_ABI_VERSION);
	CHECK_EQ(c.ebx, hypercall(AEROSTAT_HC_FEATURES, 0, 0, 0, 0));
	c = cpuid_read(AEROSTAT_CPUID_KVM, 0);
	CHECK(signature_is(&c, "KVMKVMKVM\0\0"));

	CHECK_EQ(cpuid_read(7, 0).ebx >> 2 & 1, 0); /* SGX */
	check_beyond(0);
	check_beyond(0x80000000u);
}
