/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the guest's own exceptions arrive, with the right error codes? */
#include "runtime.h"

const char guest_name[] = "exceptions";

#define PF_PRESENT 1u
#define PF_WRITE   2u

static void do_divide(void *arg)
{
	volatile uint32_t zero = 0;

	(void)arg;
	__asm__ volatile("xor %%edx, %%edx; divl %0" ::"m"(zero), "a"(1)
			 : "edx");
}

static void do_breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void do_undefined(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void do_bad_selector(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%fs" ::"r"(0x1234));
}

static void do_non_canonical(void *arg)
{
	(void)arg;
	*(volatile uint64_t *)0x800000000000ull = 1;
}

static void do_page_fault(void *arg)
{
	*(volatile uint64_t *)arg = 1;
}

static uint64_t behind; /* the instruction that traps */

static void do_int1(void *arg)
{
	(void)arg;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; .byte 0xf1; 1:"
			 : "=m"(behind)
			 :
			 : "rax");
}

/* The single step that MOV SS holds back meets another debug exception. */
static void do_int1_after_mov_ss(void *arg)
{
	(void)arg;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0;"
			 "mov %%ss, %%eax; pushfq; orl $0x100, (%%rsp); popfq;"
			 "mov %%eax, %%ss; .byte 0xf1; 1:"
			 : "=m"(behind)
			 :
			 : "rax", "memory");
}

#define LAPIC_EOI	 0xfee000b0ul
#define LAPIC_SPURIOUS	 0xfee000f0ul
#define LAPIC_ICR	 0xfee00300ul
#define LAPIC_LVT_TIMER	 0xfee00320ul
#define LAPIC_TIMER_INIT 0xfee00380ul
#define SW_ENABLE	 0x100u
#define ICR_SELF	 0x40000u
#define IRQ_VECTOR	 0x40u

static void lapic_write(uint64_t reg, uint32_t v)
{
	*(volatile uint32_t *)reg = v;
}

static void on_irq(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* Single-steps an instruction with interrupts on. */
#define STEP(insn, ...)                                                        \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0;"                \
			 "pushfq; orl $0x300, (%%rsp); popfq;" insn            \
			 "; 1: nop; nop"                                       \
			 : "=m"(behind)                                        \
			 : __VA_ARGS__                                         \
			 : "rax", "memory")

/* The trap goes before the interrupt that the instruction caused. */
static void do_step_self_ipi(void *arg)
{
	(void)arg;
	STEP("movl %1, (%2)", "r"(ICR_SELF | IRQ_VECTOR), "r"(LAPIC_ICR));
}

/* The trap ends HLT, long before the interrupt does. */
static void do_step_hlt(void *arg)
{
	(void)arg;
	lapic_write(LAPIC_LVT_TIMER, IRQ_VECTOR);
	lapic_write(LAPIC_TIMER_INIT, 3000000);
	STEP("hlt");
}

static void check_steps(void)
{
	/* The 8259s' vectors are not ours. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	rt_on_irq[IRQ_VECTOR] = on_irq;
	lapic_write(LAPIC_SPURIOUS, SW_ENABLE | 0xff);
	CHECK_EQ(rt_try(do_step_self_ipi, NULL), 1);
	CHECK_EQ(rt_fault.rip, behind);
	CHECK_EQ(rt_try(do_step_hlt, NULL), 1);
	CHECK_EQ(rt_fault.rip, behind);
	lapic_write(LAPIC_TIMER_INIT, 0);
}

void guest_main(void)
{
	const uint64_t unmapped = 0x700000000000;

	CHECK_EQ(rt_try(do_divide, NULL), 0);
	CHECK_EQ(rt_try(do_breakpoint, NULL), 3);
	CHECK_EQ(rt_try(do_undefined, NULL), 6);
	CHECK_EQ(rt_try(do_int1, NULL), 1);
	CHECK_EQ(rt_fault.rip, behind);
	CHECK_EQ(rt_try(do_int1_after_mov_ss, NULL), 1);
	CHECK_EQ(rt_fault.rip, behind);
	check_steps();
	CHECK_EQ(rt_try(do_bad_selector, NULL), 13);
	CHECK_EQ(rt_fault.error, 0x1234);
	CHECK_EQ(rt_try(do_non_canonical, NULL), 13);
	CHECK_EQ(rt_try(do_page_fault, (void *)unmapped), 14);
	CHECK_EQ(rt_fault.error & (PF_PRESENT | PF_WRITE), PF_WRITE);
	CHECK_EQ(rt_fault.cr2, unmapped);
}
