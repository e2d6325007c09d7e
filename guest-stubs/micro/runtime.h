/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runtime of the micro guests. Each guest is one file with guest_main() that
 * asks one question by checks; the runtime prints one line "ok NAME" or
 * "not ok NAME: first check that failed" on COM1 and ends the VM through
 * the debug-exit port 0xf4: value 0 is ok, 1 is not.
 */
#ifndef MICRO_RUNTIME_H
#define MICRO_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-stubs/abi.h"

#define PAGE_NBYTES 4096ul
#define MIB	    0x100000ul

/* The guest's own name and question; defined by each guest. */
extern const char guest_name[];
void guest_main(void);

/* ---- reporting ---- */
#define CHECK(cond) rt_check((cond), #cond)
/* Remembers the first failure; prints each. Returns ok. */
bool rt_check(bool ok, const char *what);
/* As CHECK(a == b), and prints both values when they differ. */
#define CHECK_EQ(a, b) rt_check_eq((uint64_t)(a), (uint64_t)(b), #a)
bool rt_check_eq(uint64_t got, uint64_t want, const char *what);
/* Prints the verdict and ends the VM. */
__attribute__((noreturn)) void rt_finish(void);
/* Ends the VM with a value of the guest's own, without a verdict. */
__attribute__((noreturn)) void rt_exit(uint32_t value);

/* %s %c %d %u %x, l and ll, and a width with zero padding. */
void rt_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void rt_putc(char c);

/* ---- what the loader said ---- */
uint64_t rt_ram_end(void);    /* end of RAM that starts at 1 MiB */
uint64_t rt_free_start(void); /* first 2 MiB boundary behind everything */
const char *rt_cmdline(void);
/* The number after "key=" in the command line, or dflt. */
uint64_t rt_option(const char *key, uint64_t dflt);

/* ---- traps ---- */
struct rt_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct rt_fault {
	uint32_t vector;
	uint32_t pad;
	uint64_t error, cr2, rip;
};
extern struct rt_fault rt_fault; /* the exception that ended rt_try() */

int rt_try(void (*fn)(void *), void *arg);
long rt_ring3(long (*fn)(void *), void *arg);
/* Called for vectors >= 32, with interrupts off. */
extern void (*rt_on_irq[256])(void);

/* ---- other CPUs ---- */
#define RT_MAX_CPUS 64u
/*
 * Starts CPUs 1 to nr - 1, also such that run already, each in fn(number),
 * interrupts off, on a stack of 4 KiB; waits until they run. One that returns
 * halts for good. Checks and output are the first CPU's.
 */
void rt_start_cpus(unsigned nr, void (*fn)(unsigned cpu));

static inline void rt_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* ---- the machine ---- */
static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* Orders the reads of time against what is measured. */
static inline uint64_t ticks_now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void msr_write(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)));
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1,
				uint64_t a2, uint64_t a3)
{
	int64_t ret;

	__asm__ volatile("vmcall"
			 : "=a"(ret), "+b"(a0)
			 : "a"(nr), "c"(a1), "d"(a2), "S"(a3)
			 : "memory");
	return ret;
}

/* Errors that hypercalls give. */
#define HC_EPERM  1
#define HC_E2BIG  7
#define HC_EFAULT 14
#define HC_EINVAL 22
#define HC_ENOSPC 28
#define HC_ENOSYS 38

#endif
