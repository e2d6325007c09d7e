/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What does INIT leave of a processor? SDM, "Processor State After Reset" and
 * "Initialization State in VMX": debug registers and CR2 are as after a reset,
 * x87, SSE and the MSRs keep what they had. Wants two vCPUs.
 */
#include "runtime.h"

const char guest_name[] = "init";

#define MSR_LSTAR	 0xc0000082u
#define MSR_STAR	 0xc0000081u
#define MSR_PAT		 0x277u
#define MSR_SYSENTER_EIP 0x176u
#define MARK		 0x123456789aul
/* Another memory type in the last entry, which no page here uses. */
#define PAT_MARK  0x0107040600070406ul
#define DR6_RESET 0xffff0ff0ul

static struct {
	uint64_t cr2, dr0, dr1, dr2, dr3, dr6, dr7, star, lstar, pat, sysenter;
	uint16_t fcw;
} seen;
static volatile bool done;

static void mark(unsigned cpu)
{
	const uint16_t fcw = 0xf7f;

	(void)cpu;
	__asm__ volatile("mov %0, %%cr2; mov %0, %%dr0; mov %0, %%dr1\n\t"
			 "mov %0, %%dr2; mov %0, %%dr3"
			 :
			 : "r"(MARK));
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_RESET | 3));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x403ul));
	__asm__ volatile("fninit; fldcw %0" : : "m"(fcw));
	msr_write(MSR_STAR, MARK);
	msr_write(MSR_LSTAR, MARK);
	msr_write(MSR_PAT, PAT_MARK);
	msr_write(MSR_SYSENTER_EIP, MARK);
	done = true;
}

static void look(unsigned cpu)
{
	(void)cpu;
	__asm__ volatile("mov %%cr2, %0; mov %%dr0, %1; mov %%dr1, %2"
			 : "=r"(seen.cr2), "=r"(seen.dr0), "=r"(seen.dr1));
	__asm__ volatile("mov %%dr2, %0; mov %%dr3, %1"
			 : "=r"(seen.dr2), "=r"(seen.dr3));
	__asm__ volatile("mov %%dr6, %0; mov %%dr7, %1"
			 : "=r"(seen.dr6), "=r"(seen.dr7));
	__asm__ volatile("fnstcw %0" : "=m"(seen.fcw));
	seen.star = msr_read(MSR_STAR);
	seen.lstar = msr_read(MSR_LSTAR);
	seen.pat = msr_read(MSR_PAT);
	seen.sysenter = msr_read(MSR_SYSENTER_EIP);
	done = true;
}

static void on_other_cpu(void (*fn)(unsigned cpu))
{
	done = false;
	rt_start_cpus(2, fn);
	while (!done)
		rt_pause();
}

void guest_main(void)
{
	on_other_cpu(mark);
	on_other_cpu(look);
	CHECK_EQ(seen.cr2, 0);
	CHECK_EQ(seen.dr0, 0);
	CHECK_EQ(seen.dr1, 0);
	CHECK_EQ(seen.dr2, 0);
	CHECK_EQ(seen.dr3, 0);
	CHECK_EQ(seen.dr6, DR6_RESET);
	CHECK_EQ(seen.dr7, 0x400);
	CHECK_EQ(seen.fcw, 0xf7f);
	CHECK_EQ(seen.star, MARK);
	CHECK_EQ(seen.lstar, MARK);
	CHECK_EQ(seen.pat, PAT_MARK);
	CHECK_EQ(seen.sysenter, MARK);
}
