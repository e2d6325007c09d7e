// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the banks, and getting what they say out of the exception handler,
 * which may interrupt anything: no lock is taken here. Events go into a ring
 * that any CPU may add to and one thread empties.
 *
 * Invariant: MCG_STATUS.MCIP is clear again when the handler returns, else the
 * next check would shut the processor down.
 */
#include "kernel/cpu/mce.h"

#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/panic.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/mce_format.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/percpu.h"

#define CPUID1_EDX_MCE BIT(7)
#define CPUID1_EDX_MCA BIT(14)

/* The four registers of a bank follow each other. */
enum bank_reg { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

#define EVENTS 64u /* power of two */

static struct {
	struct mce_event event;
	uint32_t full; /* [atomic] */
} ring[EVENTS];
static uint32_t ring_head; /* [atomic] */
static uint32_t ring_tail; /* [the reader; others read] */
static uint32_t nr_lost;   /* [atomic] */

static void (*listener)(void);	       /* [const after boot] */
static const struct mce_record *fatal; /* [the CPU that panics] */
static struct mce_record simulated;
static bool is_simulated; /* [atomic] */

static uint32_t bank_msr(uint32_t bank, enum bank_reg reg)
{
	return MSR_MC0_CTL + 4 * bank + reg;
}

static bool has_banks(void)
{
	uint32_t want = CPUID1_EDX_MCE | CPUID1_EDX_MCA;

	return (cpuid(1, 0).edx & want) == want;
}

static uint32_t bank_count(uint64_t mcg_cap)
{
	return min((uint32_t)(mcg_cap & MCG_CAP_COUNT), MCE_MAX_BANKS);
}

static void read_bank(struct mce_record *r, uint32_t nr)
{
	struct mce_bank b = { .nr = nr };

	if (!rdmsr_safe(bank_msr(nr, BANK_STATUS), &b.status) ||
	    !(b.status & MC_STATUS_VAL))
		return;
	if (b.status & MC_STATUS_ADDRV &&
	    !rdmsr_safe(bank_msr(nr, BANK_ADDR), &b.addr))
		b.status &= ~MC_STATUS_ADDRV;
	if (b.status & MC_STATUS_MISCV &&
	    !rdmsr_safe(bank_msr(nr, BANK_MISC), &b.misc))
		b.status &= ~MC_STATUS_MISCV;
	r->banks[r->nr++] = b;
}

static void read_record(struct mce_record *r)
{
	*r = (struct mce_record){ 0 };
	if (__atomic_exchange_n(&is_simulated, false, __ATOMIC_ACQUIRE)) {
		*r = simulated;
		return;
	}
	if (!has_banks())
		return;
	r->mcg_cap = rdmsr(MSR_MCG_CAP);
	r->mcg_status = rdmsr(MSR_MCG_STATUS);
	for (uint32_t i = 0; i < bank_count(r->mcg_cap); i++)
		read_bank(r, i);
}

/* What was read must not be found again; then the next check may come. */
static void clear_record(const struct mce_record *r)
{
	if (!has_banks())
		return;
	for (uint32_t i = 0; i < r->nr; i++)
		(void)!wrmsr_safe(bank_msr(r->banks[i].nr, BANK_STATUS), 0);
	wrmsr(MSR_MCG_STATUS, rdmsr(MSR_MCG_STATUS) & ~MCG_MCIP);
}

/* ---- events ---- */

static void queue_bank(const struct mce_record *r, const struct mce_bank *b)
{
	uint32_t at = __atomic_fetch_add(&ring_head, 1, __ATOMIC_RELAXED);
	struct mce_event *e = &ring[at % EVENTS].event;

	/* A slot that is still full makes the reader skip one turn of it. */
	if (__atomic_load_n(&ring[at % EVENTS].full, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&nr_lost, 1, __ATOMIC_RELAXED);
		return;
	}
	*e = (struct mce_event){
		.cpu = cpu_id(),
		.kind = mce_kind_of(r, b),
		.bank = *b,
	};
	e->has_page = mce_faulty_page(r, b, &e->page);
	__atomic_store_n(&ring[at % EVENTS].full, 1, __ATOMIC_RELEASE);
}

static void queue_all(const struct mce_record *r)
{
	for (uint32_t i = 0; i < r->nr; i++)
		queue_bank(r, &r->banks[i]);
	if (r->nr)
		apic_send_self(IRQ_VEC_MCE);
}

bool mce_next_event(struct mce_event *out, uint32_t *lost)
{
	*lost = __atomic_exchange_n(&nr_lost, 0, __ATOMIC_RELAXED);
	/* Writers may finish in any order: look at each slot once. */
	for (uint32_t i = 0; i < EVENTS; i++) {
		uint32_t at = ring_tail++ % EVENTS;

		if (!__atomic_load_n(&ring[at].full, __ATOMIC_ACQUIRE))
			continue;
		*out = ring[at].event;
		__atomic_store_n(&ring[at].full, 0, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

static void tell_listener(void)
{
	if (listener)
		listener();
}

void mce_set_listener(void (*fn)(void))
{
	listener = fn;
	irq_register(IRQ_VEC_MCE, tell_listener);
	if (__atomic_load_n(&ring_head, __ATOMIC_RELAXED))
		fn();
}

/* ---- the exception ---- */

void mce_trap(const struct trap_frame *f)
{
	struct mce_record r;

	read_record(&r);
	if (mce_judge(&r, false) == MCE_FATAL) {
		/* The banks keep what they know for the firmware. */
		fatal = &r;
		panic_trap(f, "machine check");
	}
	queue_all(&r);
	clear_record(&r);
}

enum mce_verdict mce_from_guest(void)
{
	enum mce_verdict verdict;
	struct mce_record r;

	read_record(&r);
	verdict = mce_judge(&r, true);
	if (verdict == MCE_FATAL) {
		fatal = &r;
		panic("machine check in a guest, fatal to the processor");
	}
	queue_all(&r);
	clear_record(&r);
	return verdict;
}

void mce_report(void (*say)(const char *fmt, ...))
{
	if (!fatal)
		return;
	say("machine check: mcg_cap %#llx mcg_status %#llx banks %u\n",
	    (unsigned long long)fatal->mcg_cap,
	    (unsigned long long)fatal->mcg_status, fatal->nr);
	for (uint32_t i = 0; i < fatal->nr; i++) {
		const struct mce_bank *b = &fatal->banks[i];

		say("bank %u: %s status %#llx address %#llx misc %#llx\n",
		    b->nr, mce_kind_name(mce_kind_of(fatal, b)),
		    (unsigned long long)b->status, (unsigned long long)b->addr,
		    (unsigned long long)b->misc);
	}
}

void mce_simulate(const struct mce_record *r)
{
	simulated = *r;
	__atomic_store_n(&is_simulated, true, __ATOMIC_RELEASE);
}

void mce_init_cpu(void)
{
	struct mce_record old;

	if (!has_banks())
		return;
	/* SDM, "Machine-Check Initialization": report, clear, switch on. */
	read_record(&old);
	for (uint32_t i = 0; i < old.nr; i++)
		queue_bank(&old, &old.banks[i]);
	clear_record(&old);
	if (old.mcg_cap & MCG_CAP_CTL_P)
		wrmsr(MSR_MCG_CTL, ~0ull);
	for (uint32_t i = 0; i < bank_count(old.mcg_cap); i++)
		(void)!wrmsr_safe(bank_msr(i, BANK_CTL), ~0ull);
}
