// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of the hypervisor. The others are stopped first; then one CPU
 * speaks. Nothing here takes a lock or allocates, and every wait ends. A panic
 * inside a panic costs the step of the report that it happened in, no more.
 */
#include "kernel/cpu/panic.h"

#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/outlet.h"
#include "kernel/cpu/stop.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/version_string.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/wait.h"
#include "mm/hostpt.h"

#define PANIC_LOG_LINES 12

static bool reboots; /* [atomic] */

void panic_set_reboot(bool on)
{
	WRITE_ONCE(reboots, on);
}

/* What is to be reported. [the CPU that ends the machine] */
static struct {
	char text[256];
	const struct trap_frame *frame; /* NULL: not an exception */
	uint64_t rip, rbp;		/* where the backtrace begins */
	uint64_t deaf;			/* CPUs that could not be stopped */
} report;

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

static void say_what(void)
{
	const struct thread *t = this_cpu()->current;

	say("\nPANIC: %s\n", report.text);
	say("%s cpu=%u thread=%s irq_depth=%u\n", version_string, cpu_id(),
	    t ? thread_name(t) : "boot", this_cpu()->irq_depth);
}

static void say_others(void)
{
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (report.deaf & BIT(cpu))
			say("cpu=%u does not answer: it may still run\n", cpu);
	if (!report.deaf)
		say("other CPUs stopped: %u\n", nr_cpus - 1);
}

static void say_registers(void)
{
	const struct trap_frame *f = report.frame;

	if (!f)
		return;
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

/* After a jump to nowhere the return address is still on the stack. */
static void say_caller(void)
{
	const struct trap_frame *f = report.frame;
	uint64_t offset, from;
	const char *name;

	if (!f || symbol_of(f->rip, &offset) || !hostpt_is_stack(f->rsp))
		return;
	from = *(const uint64_t *)f->rsp;
	name = symbol_of(from, &offset);
	if (name)
		say("called from %#llx %s+%#llx\n", (unsigned long long)from,
		    name, (unsigned long long)offset);
}

static void say_machine_check(void)
{
	mce_report(say);
}

static void say_backtrace(void)
{
	say("backtrace:\n");
	backtrace_print(report.rip, !report.frame, report.rbp);
}

static void say_log(void)
{
	say("last log lines:\n");
	log_dump_panic(hostcon_write, PANIC_LOG_LINES);
}

static void finish(void)
{
	if (READ_ONCE(reboots)) {
		say("panic: rebooting\n");
		machine_reboot();
	}
	say("panic: halted\n");
}

/* Each in turn; one that panics itself is not tried again. */
static void (*const steps[])(void) = {
	say_what,      say_others,	  say_registers, say_caller,
	say_backtrace, say_machine_check, say_log,	 finish,
};
static unsigned next_step; /* [the CPU that ends the machine] */

NORETURN static void go_on(void)
{
	while (next_step < ARRAY_SIZE(steps))
		steps[next_step++]();
	stop_do_steps(STOP_EACH_CPU);
	stop_forever();
}

/*
 * True for the first panic, or for one in the course of a reboot or
 * power-off. False: we are panicking already. Does not return on a CPU that
 * another one was quicker than.
 */
static bool begin(void)
{
	static bool panicking;

	(void)stop_claim();
	if (panicking)
		return false;
	panicking = true;
	/* Before the ring is drained: nobody else may touch it any more. */
	report.deaf = stop_others();
	hostcon_panic_mode();
	return true;
}

/* The report goes on behind the step that failed. */
NORETURN static void go_on_after(const char *what, uint64_t rip)
{
	hostcon_panic_serial_only();
	say("panic: again, in step %u of the report, at %#llx: %s\n", next_step,
	    (unsigned long long)rip, what);
	go_on();
}

void panic(const char *fmt, ...)
{
	bool first = begin();
	char text[sizeof(report.text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!first)
		go_on_after(text, (uint64_t)__builtin_return_address(0));
	(void)str_copy(report.text, text, sizeof(report.text));
	report.rip = (uint64_t)__builtin_return_address(0);
	report.rbp = *(const uint64_t *)__builtin_frame_address(0);
	go_on();
}

void bug_at(const char *file, int line, const char *what)
{
	panic("BUG at %s:%d: %s", file, line, what);
}

void panic_trap(const struct trap_frame *f, const char *what)
{
	if (!begin())
		go_on_after(what, f->rip);
	snprintf(report.text, sizeof(report.text), "exception %llu (%s)",
		 (unsigned long long)f->vector, what);
	report.frame = f;
	report.rip = f->rip;
	report.rbp = f->rbp;
	go_on();
}
