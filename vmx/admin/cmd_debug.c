// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that break the machine on purpose, so that what happens then can be
 * tested. They need `debug_commands = yes` in [host].
 */
#include "kernel/console/hostcon.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/trap.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/mce_format.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "vmx/admin/admin.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/vcpu.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"
#include "vmx/vmx_insn.h"

/* Long enough for every CPU to be where the test wants it. */
#define SETTLE_NS 20000000ull

/* What the next NMI of a CPU does. */
enum nmi_plan { NMI_NOTHING, NMI_PANIC, NMI_STAY };
static enum nmi_plan nmi_plan; /* [atomic] */

static bool allowed(const struct shell_args *a)
{
	if (host_config.host.debug_commands)
		return true;
	out_fail(a,
		 "%s: refused, because it breaks the machine on purpose; to "
		 "allow it `set host debug_commands yes`",
		 a->argv[0]);
	return false;
}

static void nmi_by_plan(void)
{
	switch (__atomic_exchange_n(&nmi_plan, NMI_NOTHING, __ATOMIC_SEQ_CST)) {
	case NMI_NOTHING: return;
	case NMI_PANIC: panic("debug: in an NMI handler");
	case NMI_STAY:
		for (;;) /* NMIs are blocked until IRET */
			cpu_pause();
	}
}

static void plan_nmi(enum nmi_plan plan)
{
	trap_set_nmi_handler(nmi_by_plan);
	__atomic_store_n(&nmi_plan, plan, __ATOMIC_SEQ_CST);
}

static void panic_thread(void)
{
	panic("debug: in a thread");
}

static void panic_fault(void)
{
	static volatile uint64_t *volatile nowhere;

	*nowhere = 0;
}

static void panic_in_timer(struct timer *t)
{
	(void)t;
	panic("debug: in an interrupt handler");
}

static void panic_after(uint64_t ns)
{
	static struct timer timer;

	timer_init(&timer, panic_in_timer);
	timer_arm(&timer, rdtsc() + ns_to_tsc(ns));
}

static void panic_irq(void)
{
	panic_after(0);
}

static void panic_nmi(void)
{
	plan_nmi(NMI_PANIC);
	apic_send_nmi(this_cpu()->apic_id);
}

static void panic_sink(const char *line, size_t n)
{
	(void)line;
	(void)n;
	panic("debug: under the log's lock");
}

static void panic_lock(void)
{
	log_set_sink(panic_sink);
	log_warn("debug", "last words");
}

static void panic_in_call(void *arg)
{
	(void)arg;
	panic("debug: on all CPUs at once");
}

static void panic_all(void)
{
	panic_after(SETTLE_NS);
	smp_call(~0ull, panic_in_call, NULL);
}

/* The report prints the room of each log line. */
static void panic_again(void)
{
	log_debug((const char *)0x8000000000000000ull, "a line of no room");
	panic("debug: the report will fail");
}

static void stay_in_nmi(void *arg)
{
	(void)arg;
	plan_nmi(NMI_STAY);
	apic_send_nmi(this_cpu()->apic_id);
}

static void panic_deaf(void)
{
	panic_after(SETTLE_NS);
	smp_call(BIT((cpu_id() + 1) % nr_cpus), stay_in_nmi, NULL);
}

static void flood(void *arg)
{
	(void)arg;
	for (;;) {
		static const char text[] = "................................";

		hostcon_write(text, sizeof(text) - 1);
		/* The lock is not fair: let others, and the timer, in. */
		for (unsigned i = 0; i < 1000; i++)
			cpu_pause();
		thread_give_way();
	}
}

/* Every CPU is in the console's output path when it happens. */
static void panic_flood(void)
{
	const struct thread_params p = { .name = "flood",
					 .fn = flood,
					 .class = THREAD_SERVICE };
	struct thread *t;

	for (uint32_t i = 1; i < nr_cpus; i++)
		if (thread_create(&p, &t))
			return;
	panic_after(SETTLE_NS);
	flood(NULL);
}

static uint32_t panic_probe(struct vcpu *v, uint32_t reason)
{
	(void)reason;
	panic("debug: in an exit handler of vm=%s", vcpu_vm(v)->cfg->name);
}

static void panic_exit(void)
{
	WRITE_ONCE(vmx_exit_probe, panic_probe);
}

static void leave_vmx(void *arg)
{
	(void)arg;
	BUG_ON(!vmx_off());
}

/* As if it came between CR4.VMXE and VMXON on every CPU. */
static void panic_outside(void)
{
	smp_call(~0ull, leave_vmx, NULL);
	leave_vmx(NULL);
	panic("debug: outside VMX operation");
}

static const struct {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "thread", panic_thread },   { "fault", panic_fault },
	{ "irq", panic_irq },	      { "nmi", panic_nmi },
	{ "lock", panic_lock },	      { "all", panic_all },
	{ "again", panic_again },     { "deaf", panic_deaf },
	{ "flood", panic_flood },     { "exit", panic_exit },
	{ "outside", panic_outside },
};

static void offer_ways(struct shell_asker *asker)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		shell_offer(asker, ways[i].name);
}

static int cmd_panic(const struct shell_args *a)
{
	if (a->argc != 2)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(a->argv[1], ways[i].name) != 0)
			continue;
		if (!allowed(a))
			return 0;
		out_flush();
		ways[i].fn();
		/* It happens elsewhere, or later. */
		thread_sleep_ns(5 * SETTLE_NS);
		return 0;
	}
	return -EINVAL;
}

/* ---- machine checks ---- */

/* A valid, uncorrected error that is enabled; with its address. */
#define MC_ERROR     (MC_STATUS_VAL | MC_STATUS_UC | MC_STATUS_EN)
#define MC_ERROR_AT  (MC_ERROR | MC_STATUS_MISCV | MC_STATUS_ADDRV)
#define MC_SCRUB     0xc0u
#define MC_DATA_LOAD 0x134u
#define MC_MISC_PAGE (MC_MISC_MODE_PHYSICAL << MC_MISC_MODE_SHIFT | PAGE_SHIFT)

/* In the micro guests' and Linux' own memory, above the kernel's start. */
#define VICTIM_GFN 0x100u

static void simulate(uint64_t mcg_status, uint64_t status, uint64_t addr)
{
	const struct mce_record r = {
		.mcg_cap = MCG_CAP_SER_P | 1,
		.mcg_status = mcg_status,
		.nr = 1,
		.banks = { { .status = status,
			     .addr = addr,
			     .misc = MC_MISC_PAGE } },
	};

	mce_simulate(&r);
}

/* The victim's next exit looks as if a machine check had prevented entry. */
static struct vm *victim; /* [atomic] */

static uint32_t mce_probe(struct vcpu *v, uint32_t reason)
{
	if (vcpu_vm(v) != READ_ONCE(victim))
		return reason;
	WRITE_ONCE(vmx_exit_probe, NULL);
	return REASON_ENTRY_FAILURE | REASON_MCE_ENTRY;
}

static void mce_in_host(void)
{
	__asm__ volatile("int $18" : : : "memory");
}

static void mce_on_guest(const struct shell_args *a, bool used)
{
	struct vm *vm = cmd_find_vm(a, a->argv[2]);
	hfn_t f;

	if (!vm)
		return;
	if (!vm->created ||
	    gspace_frame_at(vm->gs, (gfn_t){ VICTIM_GFN }, &f)) {
		out_fail(a, "mce: %s has no memory yet", vm->cfg->name);
		return;
	}
	out_done(a, "%s: machine check at %#llx", vm->cfg->name,
		 (unsigned long long)hpa_of(f).raw);
	if (used) {
		simulate(MCG_EIPV | MCG_MCIP,
			 MC_ERROR_AT | MC_STATUS_S | MC_STATUS_AR |
				 MC_DATA_LOAD,
			 hpa_of(f).raw);
		WRITE_ONCE(victim, vm);
		WRITE_ONCE(vmx_exit_probe, mce_probe);
	} else {
		simulate(MCG_RIPV | MCG_MCIP,
			 MC_ERROR_AT | MC_STATUS_S | MC_SCRUB, hpa_of(f).raw);
		mce_in_host();
	}
}

static int cmd_mce(const struct shell_args *a)
{
	bool used = a->argc == 3 && strcmp(a->argv[1], "used") == 0;
	bool unused = a->argc == 3 && strcmp(a->argv[1], "unused") == 0;
	bool lost = a->argc == 2 && strcmp(a->argv[1], "lost") == 0;

	if (!used && !unused && !lost)
		return -EINVAL;
	if (!allowed(a))
		return 0;
	if (!lost) {
		mce_on_guest(a, used);
		return 0;
	}
	out_flush();
	simulate(MCG_RIPV | MCG_MCIP, MC_ERROR | MC_STATUS_PCC, 0);
	mce_in_host();
	return 0;
}

static const char *const mce_words[] = { "used", "unused", "lost", NULL };

const struct shell_cmd debug_cmds[] = {
	{ "mce", "mce used|unused NAME\nmce lost", "simulate a machine check",
	  "used: the guest has used a page of faulty memory. unused: the\n"
	  "hardware has found one in its memory. Both end the guest and retire\n"
	  "the page. lost: the processor's own state is damaged, which panics.\n"
	  "Needs debug_commands = yes in [host].\n",
	  .run = cmd_mce,
	  .args = { { .words = mce_words }, { .names = vm_offer_names } } },
	{ "panic", "panic WHERE",
	  "break the hypervisor on purpose, to see its report",
	  "WHERE: thread, fault, irq, nmi, lock (under the log's lock), all\n"
	  "(every CPU at once), again (within the report), deaf (a CPU that\n"
	  "can't be stopped), flood (while others print), exit (in a guest's\n"
	  "exit handler), outside (while VMX operation is being entered). Needs\n"
	  "debug_commands = yes in [host].\n",
	  .run = cmd_panic, .args = { { .names = offer_ways } } },
};
const size_t nr_debug_cmds = ARRAY_SIZE(debug_cmds);
