// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of the hypervisor. One CPU speaks, the others are stopped by NMI.
 * Nothing here takes a lock or allocates; a panic inside a panic only halts.
 */
#include "kernel/cpu/panic.h"

#include "kernel/console/hostcon.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/version_string.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"

#define PANIC_LOG_LINES 12

#define MC_STATUS_VALID BIT(63)
#define MC_STATUS_ADDRV BIT(58)

/* CPU number + 1 of the CPU that panicked first. [atomic] */
static uint32_t panicking;

NORETURN static void halt_for_good(void)
{
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}

PRINTF(1, 2) static void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	hostcon_write(line, min((size_t)n, sizeof(line) - 1));
}

void panic_stop_here(void)
{
	if (__atomic_load_n(&panicking, __ATOMIC_RELAXED))
		halt_for_good();
}

/* The first CPU to come goes on; others halt, and so does a second panic. */
static void claim(void)
{
	uint32_t nobody = 0;

	irq_disable();
	if (__atomic_compare_exchange_n(&panicking, &nobody, cpu_id() + 1,
					false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED)) {
		hostcon_panic_mode();
		apic_nmi_others();
		return;
	}
	if (nobody == cpu_id() + 1)
		say("panic: again, while panicking\n");
	halt_for_good();
}

NORETURN static void finish(uint64_t rip, uint64_t rbp)
{
	say("backtrace:\n");
	backtrace_print(rip, rbp);
	say("last log lines:\n");
	log_dump_panic(hostcon_write, PANIC_LOG_LINES);
	if (host_config.host.on_panic == PANIC_REBOOT) {
		say("panic: rebooting\n");
		machine_reboot();
	}
	say("panic: halted\n");
	halt_for_good();
}

static void say_where(void)
{
	const struct thread *t = this_cpu()->current;

	say("%s cpu=%u thread=%s irq_depth=%u\n", version_string, cpu_id(),
	    t ? thread_name(t) : "boot", this_cpu()->irq_depth);
}

static void say_registers(const struct trap_frame *f)
{
#define R(x) (unsigned long long)(x)
	say("rip %016llx  cs %04llx  rflags %08llx  error %llx\n", R(f->rip),
	    R(f->cs), R(f->rflags), R(f->error));
	say("rsp %016llx  rbp %016llx  ss %04llx\n", R(f->rsp), R(f->rbp),
	    R(f->ss));
	say("rax %016llx  rbx %016llx  rcx %016llx\n", R(f->rax), R(f->rbx),
	    R(f->rcx));
	say("rdx %016llx  rsi %016llx  rdi %016llx\n", R(f->rdx), R(f->rsi),
	    R(f->rdi));
	say("r8  %016llx  r9  %016llx  r10 %016llx\n", R(f->r8), R(f->r9),
	    R(f->r10));
	say("r11 %016llx  r12 %016llx  r13 %016llx\n", R(f->r11), R(f->r12),
	    R(f->r13));
	say("r14 %016llx  r15 %016llx\n", R(f->r14), R(f->r15));
	say("cr0 %016llx  cr2 %016llx  cr3 %016llx  cr4 %08llx\n",
	    R(read_cr0()), R(read_cr2()), R(read_cr3()), R(read_cr4()));
#undef R
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	claim();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("\nPANIC: %s\n", text);
	say_where();
	finish((uint64_t)__builtin_return_address(0),
	       *(const uint64_t *)__builtin_frame_address(0));
}

void bug_at(const char *file, int line, const char *what)
{
	panic("BUG at %s:%d: %s", file, line, what);
}

/* After a jump to nowhere the return address is still on the stack. */
static void say_caller(const struct trap_frame *f)
{
	uint64_t offset, from;
	const char *name;

	if (symbol_of(f->rip, &offset) || f->rsp < DIRECT_MAP_BASE ||
	    f->rsp % 8)
		return;
	from = *(const uint64_t *)f->rsp;
	name = symbol_of(from, &offset);
	if (name)
		say("called from %#llx %s+%#llx\n", (unsigned long long)from,
		    name, (unsigned long long)offset);
}

/* SDM Vol. 3B, "Machine-Check MSRs": what each bank has to say. */
static void say_machine_check(void)
{
	uint32_t banks = rdmsr(MSR_MCG_CAP) & 0xff;

	say("mcg_status %#llx\n", (unsigned long long)rdmsr(MSR_MCG_STATUS));
	for (uint32_t i = 0; i < banks; i++) {
		uint64_t status, address = 0;

		if (!rdmsr_safe(MSR_MC0_STATUS + 4 * i, &status) ||
		    !(status & MC_STATUS_VALID))
			continue;
		if (status & MC_STATUS_ADDRV &&
		    !rdmsr_safe(MSR_MC0_STATUS + 4 * i + 1, &address))
			address = 0;
		say("bank %u: status %#llx address %#llx\n", i,
		    (unsigned long long)status, (unsigned long long)address);
	}
}

void panic_trap(const struct trap_frame *f, const char *what)
{
	claim();
	say("\nPANIC: exception %llu (%s)\n", (unsigned long long)f->vector,
	    what);
	say_where();
	say_registers(f);
	if (f->vector == TRAP_MC)
		say_machine_check();
	say_caller(f);
	finish(f->rip, f->rbp);
}
