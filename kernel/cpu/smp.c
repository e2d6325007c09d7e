// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The CPUs: their records, the start of the others, and calls between them.
 * CPU numbers are given in the order of starting; 0 is the boot CPU.
 */
#include "kernel/cpu/smp.h"

#include "kernel/cpu/apic.h"
#include "kernel/cpu/gdt.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/smp_priv.h"
#include "kernel/cpu/start.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait.h"
#include "mm/heap.h"
#include "mm/hostpt.h"
#include "mm/init.h"

#define AP_STACK_PAGES	4u
#define IST_STACK_PAGES 2u

/* Intel's "MP Initialization Protocol Algorithm": the delays that it asks for.
 */
#define INIT_DELAY_US	  10000u
#define STARTUP_DELAY_US  200u
#define ONLINE_TIMEOUT_US 1000000u
#define LOOK_US		  50u /* between two looks whether it is there */

#define XAPIC_ID_MAX 254u /* 255 means everybody */

extern const char trampoline_start[], trampoline_end[];

static struct cpu cpus[MAX_CPUS];
uint32_t nr_cpus = 1;

static uint8_t boot_ist[IST_NR][IST_STACK_PAGES * PAGE_SIZE] ALIGNED(16);
static void *ist_tops[MAX_CPUS][IST_NR]; /* [const once the CPU runs] */
static struct ap_start *ap_start;	 /* [const once set] */
static uint64_t ap_tsc; /* what the newest AP's TSC showed [atomic] */

struct cpu *cpu_of(uint32_t id)
{
	return &cpus[id];
}

static void load_gs(uint32_t id)
{
	struct cpu *c = &cpus[id];

	c->self = c;
	c->id = id;
	c->held = &spin_chain_end;
	wrmsr(MSR_GS_BASE, (uint64_t)c);
}

void percpu_init_boot(void)
{
	load_gs(0);
}

void percpu_init_boot_traps(void)
{
	for (int i = IST_NONE + 1; i < IST_NR; i++)
		ist_tops[0][i] = boot_ist[i] + sizeof(boot_ist[i]);
	gdt_init_cpu(0, ist_tops[0]);
	load_gs(0); /* loading the selector cleared the base */
	trap_init();
	trap_init_cpu();
}

int percpu_guard_boot_traps(void)
{
	void *tops[IST_NR] = { NULL };

	for (int i = IST_NONE + 1; i < IST_NR; i++) {
		int err = hostpt_stack_alloc(IST_STACK_PAGES, &tops[i]);

		if (err)
			return err;
	}
	memcpy(ist_tops[0], tops, sizeof(tops));
	gdt_init_cpu(0, ist_tops[0]);
	load_gs(0); /* loading the selector cleared the base */
	return 0;
}

void cpu_init_features(void)
{
	struct cpuid_regs c1 = cpuid(1, 0);
	uint64_t cr4 = read_cr4();
	struct cpuid_regs c7 = { 0 };

	if (cpuid(0, 0).eax >= 7)
		c7 = cpuid(7, 0);
	cr4 |= CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	cr4 |= c1.edx & BIT(7) ? CR4_MCE : 0;
	cr4 |= c1.ecx & BIT(26) ? CR4_OSXSAVE : 0;
	cr4 |= c7.ebx & BIT(7) ? CR4_SMEP : 0;
	cr4 |= c7.ebx & BIT(20) ? CR4_SMAP : 0;
	cr4 |= c7.ecx & BIT(2) ? CR4_UMIP : 0;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) &
		  ~(CR0_EM | CR0_TS | CR0_AM | CR0_CD | CR0_NW));
	write_cr4(cr4);
}

/* ---- starting the others ---- */

/* The caller may go on on another CPU: one that it has just started. */
static void sleep_us(uint32_t us)
{
	uint64_t end = rdtsc() + tsc_khz * us / 1000;

	while (rdtsc() < end)
		thread_park_until(end);
}

/* The first C code of an AP, on its own stack, on the low root. */
static NORETURN void ap_main(uint64_t id)
{
	cpu_init_features();
	hostpt_init_cpu();
	gdt_init_cpu((uint32_t)id, ist_tops[id]);
	load_gs((uint32_t)id);
	trap_init_cpu();
	apic_init_cpu();
	mce_init_cpu();
	cpu_start_work();
}

static bool ap_change(enum ap_state from, enum ap_state to)
{
	uint64_t was = from;

	return __atomic_compare_exchange_n(&ap_start->state, &was, (uint64_t)to,
					   false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static bool ap_is(enum ap_state state)
{
	return __atomic_load_n(&ap_start->state, __ATOMIC_ACQUIRE) == state;
}

void smp_join(void)
{
	__atomic_store_n(&ap_tsc, rdtsc(), __ATOMIC_RELAXED);
	if (ap_change(AP_CAME, AP_JOINED))
		return;
	for (;;)
		cpu_halt(); /* refused; interrupts are off */
}

static bool wait_joined(uint32_t us)
{
	uint64_t end = rdtsc() + tsc_khz * us / 1000;

	while (rdtsc() < end) {
		if (ap_is(AP_JOINED))
			return true;
		sleep_us(LOOK_US);
	}
	return false;
}

/*
 * The CPU did not come in time. From here on it can't join any more, wherever
 * it is, and INIT stops it; its stacks are not used again. A panic sends it no
 * NMI, as it has no number, and need not: should INIT be lost, it halts with
 * interrupts off, in the trampoline or in smp_join(), before it takes part in
 * anything. True: it joined just before.
 */
static bool refuse(uint32_t apic)
{
	if (!ap_change(AP_ASKED, AP_CLOSED) &&
	    !wait_joined(ONLINE_TIMEOUT_US) && !ap_change(AP_CAME, AP_CLOSED))
		return true;
	if (ap_is(AP_JOINED))
		return true;
	apic_send_init(apic);
	sleep_us(INIT_DELAY_US);
	return false;
}

MUST_CHECK static int alloc_stacks(uint32_t id, void **stack_top)
{
	int err = hostpt_stack_alloc(AP_STACK_PAGES, stack_top);

	for (int i = IST_NONE + 1; i < IST_NR && !err; i++)
		err = hostpt_stack_alloc(IST_STACK_PAGES, &ist_tops[id][i]);
	return err;
}

/*
 * Time is the TSC, on whatever CPU one asks: the AP's reading must lie between
 * what was read before it was started and now.
 */
static void check_tsc(uint32_t apic, uint64_t before)
{
	uint64_t at = __atomic_load_n(&ap_tsc, __ATOMIC_RELAXED);

	if ((int64_t)(at - before) < 0 || (int64_t)(rdtsc() - at) < 0)
		log_err("smp",
			"apic_id=%u its TSC is out of step: times may "
			"jump",
			apic);
}

/* Starts the CPU with that APIC ID as number `id`. */
static bool start_one(hpa_t page, uint32_t id, uint32_t apic)
{
	uint8_t vector = (uint8_t)(page.raw >> PAGE_SHIFT);
	void *stack_top;

	if (alloc_stacks(id, &stack_top)) {
		log_err("smp", "apic_id=%u no memory to start it", apic);
		return false;
	}
	ap_start->stack_top = (uint64_t)stack_top;
	ap_start->entry = (uint64_t)ap_main;
	ap_start->cpu = id;
	__atomic_store_n(&ap_start->state, AP_ASKED, __ATOMIC_SEQ_CST);
	/* The AP may start running while nr_cpus still leaves it out. */
	apic_send_init(apic);
	sleep_us(INIT_DELAY_US);
	apic_send_startup(apic, vector);
	if (wait_joined(STARTUP_DELAY_US))
		return true;
	apic_send_startup(apic, vector);
	return wait_joined(ONLINE_TIMEOUT_US) || refuse(apic);
}

/*
 * Takes two pages below 1 MiB: the code, and a copy of the low root, since an
 * AP can load only a CR3 below 4 GiB. Returns the code's page.
 */
MUST_CHECK static int prepare_trampoline(hpa_t *page)
{
	uint64_t raw;
	char *code;
	int err = mm_take_low_memory(2, &raw);

	if (!err)
		err = hostpt_map_low(hpa(raw), PAGE_SIZE);
	if (err)
		return err;
	code = hpa_to_ptr(hpa(raw));
	memcpy(code, trampoline_start,
	       (size_t)((uint64_t)trampoline_end - (uint64_t)trampoline_start));
	memcpy(code + PAGE_SIZE, hpa_to_ptr(hostpt_low_root()), PAGE_SIZE);
	ap_start = (struct ap_start *)(code + PAGE_SIZE) - 1;
	ap_start->cr3 = raw + PAGE_SIZE;
	*page = hpa(raw);
	return 0;
}

static void call_interrupt(void);

void smp_init(const struct boot_cpu *list, uint32_t nr, uint32_t max_cpus)
{
	uint32_t limit =
		min(max_cpus ? max_cpus : MAX_CPUS, (uint32_t)MAX_CPUS);
	hpa_t page = hpa(0);
	uint32_t boot_apic = apic_id(); /* before another may run this */
	int err = 0;

	irq_register(IRQ_VEC_CALL, call_interrupt);
	for (uint32_t i = 0; i < nr && nr_cpus < limit && !err; i++) {
		uint64_t before;

		if (!(list[i].flags & 1) || list[i].apic_id == boot_apic)
			continue;
		if (list[i].apic_id > XAPIC_ID_MAX && !apic_is_x2()) {
			log_warn("smp", "apic_id=%u needs x2APIC: left out",
				 list[i].apic_id);
			continue;
		}
		if (!page.raw)
			err = prepare_trampoline(&page);
		if (err) {
			log_err("smp", "no memory below 1 MiB for the others");
			break;
		}
		before = rdtsc();
		if (!start_one(page, nr_cpus, list[i].apic_id)) {
			log_err("smp", "apic_id=%u does not start",
				list[i].apic_id);
			continue;
		}
		check_tsc(list[i].apic_id, before);
		WRITE_ONCE(nr_cpus, nr_cpus + 1);
	}
	log_info("smp", "cpus=%u of %u", nr_cpus, max(nr, 1u));
}

/* ---- calls between CPUs ---- */

/* What one smp_call() asks of all its CPUs: on its stack, once. */
struct call_order {
	void (*fn)(void *arg);
	void *arg;
	uint32_t pending; /* [atomic] CPUs that have not answered */
};

struct call {
	struct call *next; /* [owner of the list] */
	struct call_order *order;
};

/* Requests for each CPU, newest first; pushed by others. [atomic] */
static struct call *calls[MAX_CPUS];

static void call_interrupt(void)
{
	struct call *c =
		__atomic_exchange_n(&calls[cpu_id()], NULL, __ATOMIC_ACQUIRE);

	while (c) {
		/* The records are the caller's again once pending falls. */
		struct call *next = c->next;
		struct call_order *o = c->order;

		o->fn(o->arg);
		__atomic_fetch_sub(&o->pending, 1, __ATOMIC_RELEASE);
		c = next;
	}
}

static void push_call(uint32_t cpu, struct call *c)
{
	c->next = __atomic_load_n(&calls[cpu], __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&calls[cpu], &c->next, c, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	apic_send_ipi(cpus[cpu].apic_id, IRQ_VEC_CALL);
}

void smp_call(uint64_t cpu_mask, void (*fn)(void *arg), void *arg)
{
	struct call requests[MAX_CPUS];
	struct call_order order = { .fn = fn, .arg = arg };
	uint64_t others = cpu_mask & ~BIT(cpu_id());

	if (nr_cpus < MAX_CPUS)
		others &= BIT(nr_cpus) - 1;
	if (!others)
		return;
	/* Two CPUs that call each other must be able to answer. */
	BUG_ON(spin_any_held() || !irqs_enabled());
	for (uint64_t m = others; m; m &= m - 1)
		order.pending++;
	for (; others; others &= others - 1) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(others);

		requests[cpu].order = &order;
		push_call(cpu, &requests[cpu]);
	}
	while (__atomic_load_n(&order.pending, __ATOMIC_ACQUIRE))
		cpu_pause();
}

void smp_kick(uint32_t cpu)
{
	if (cpu != cpu_id())
		apic_send_ipi(cpus[cpu].apic_id, IRQ_VEC_KICK);
}
