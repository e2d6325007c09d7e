// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One CPU claims the end of the machine, tells the others by NMI, and they say
 * that they have stopped. Nothing here locks. Invariant: once `owner` is set
 * it never changes, and no CPU but the owner returns from here.
 */
#include "kernel/cpu/stop.h"

#include "kernel/cpu/apic.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/percpu.h"

/* Longer than any firmware interrupt (SMI) holds a CPU. */
#define ANSWER_US 200000u
/* Before the clock is set up: taken for 4 GHz. */
#define FALLBACK_KHZ 4000000ull

static uint32_t owner;	 /* CPU number + 1; 0: nobody [atomic] */
static uint64_t stopped; /* CPUs that have halted [atomic] */

void stop_forever(void)
{
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}

NORETURN static void stop_here(void)
{
	irq_disable();
	stop_do_steps(STOP_EACH_CPU);
	__atomic_fetch_or(&stopped, BIT(cpu_id()), __ATOMIC_SEQ_CST);
	stop_forever();
}

bool stop_claim(void)
{
	uint32_t who = 0;

	irq_disable();
	if (__atomic_compare_exchange_n(&owner, &who, cpu_id() + 1, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return true;
	if (who != cpu_id() + 1)
		stop_here();
	return false;
}

void stop_here_if_asked(void)
{
	uint32_t who = __atomic_load_n(&owner, __ATOMIC_SEQ_CST);

	if (who && who != cpu_id() + 1)
		stop_here();
}

/* Each by its own number: what is not up must not be woken by this. */
static uint64_t nmi_others(void)
{
	uint64_t others = 0;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (cpu == cpu_id())
			continue;
		apic_send_nmi(cpu_of(cpu)->apic_id);
		others |= BIT(cpu);
	}
	return others;
}

uint64_t stop_others(void)
{
	uint64_t khz = tsc_khz ? tsc_khz : FALLBACK_KHZ;
	uint64_t end = rdtsc() + khz * ANSWER_US / 1000;
	uint64_t missing = nmi_others();

	while (missing && rdtsc() < end) {
		missing &= ~__atomic_load_n(&stopped, __ATOMIC_SEQ_CST);
		cpu_pause();
	}
	return missing;
}
