// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starting the other CPUs: one that fails or comes late takes no part at all,
 * and the later ones are started all the same.
 * Sources: kernel/cpu/smp.c kernel/lib/string.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/gdt.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/smp_priv.h"
#include "kernel/cpu/start.h"
#include "kernel/cpu/trap.h"
#include "kernel/lib/x86.h"
#include "mm/hostpt.h"
#include "mm/init.h"

#define NR   5u
#define PAGE 0x8000ull

enum ap_kind {
	AP_GOOD,
	AP_DEAD,  /* nothing comes of its startup IPI */
	AP_STUCK, /* begins, and does not get ready in time */
	AP_SLOW,  /* begins, and gets ready just in time */
};

static struct {
	enum ap_kind kind;
	unsigned inits;
	bool joined, halted;
	uint64_t number;
} aps[NR];
static uint32_t running = UINT32_MAX; /* whose code runs now; none: boot's */
static uint32_t boot_thread_at;	      /* APIC ID of the CPU that it runs on */
static jmp_buf out;
static uint64_t began_at; /* when the last one came */

static struct ap_start *ap_start(void)
{
	return (struct ap_start *)((char *)hpa_to_ptr(hpa(PAGE)) + PAGE_SIZE) -
	       1;
}

/* ---- the APs ---- */

static void run_ap(uint32_t apic)
{
	running = apic;
	ap_start()->state = AP_CAME; /* as trampoline.asm does first */
	if (!setjmp(out))
		((void (*)(uint64_t))ap_start()->entry)(ap_start()->cpu);
	running = UINT32_MAX;
}

void cpu_start_work(void)
{
	aps[running].number = ap_start()->cpu;
	if (aps[running].kind == AP_STUCK || aps[running].kind == AP_SLOW)
		longjmp(out, 1); /* for now */
	smp_join();
	aps[running].joined = true;
	longjmp(out, 1);
}

void cpu_halt(void)
{
	aps[running].halted = true;
	longjmp(out, 1);
}

static void let_slow_ones_on(void)
{
	for (uint32_t i = 1; i < NR; i++) {
		if (aps[i].kind != AP_SLOW || aps[i].joined ||
		    ap_start()->state != AP_CAME ||
		    fake_tsc - began_at < 1500 * 1000 * 1000)
			continue;
		running = i;
		smp_join();
		aps[i].joined = true;
		running = UINT32_MAX;
	}
}

/* The boot thread waits; it may go on on any CPU that takes part. */
void thread_park_until(uint64_t tsc_deadline)
{
	assert_true(tsc_deadline > fake_tsc);
	fake_tsc = tsc_deadline;
	let_slow_ones_on();
	for (uint32_t i = 1; i < NR; i++)
		if (aps[i].joined)
			boot_thread_at = i;
}

void cpu_pause(void)
{
	fail_msg("it keeps its CPU while it waits");
}

void apic_send_startup(uint32_t apic, uint8_t page)
{
	assert_int_equal(page, PAGE >> PAGE_SHIFT);
	if (aps[apic].kind == AP_DEAD || ap_start()->state != AP_ASKED)
		return;
	began_at = fake_tsc;
	run_ap(apic);
}

void apic_send_init(uint32_t apic)
{
	aps[apic].inits++;
}

/* ---- the machine ---- */

uint32_t apic_id(void)
{
	return running == UINT32_MAX ? boot_thread_at : running;
}

bool apic_is_x2(void)
{
	return true;
}

void apic_init_cpu(void)
{
}

void apic_send_ipi(uint32_t apic, uint8_t vector)
{
	(void)apic;
	(void)vector;
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	(void)fn;
}

void gdt_init_cpu(uint32_t cpu, void *const ist_tops[IST_NR])
{
	(void)cpu;
	(void)ist_tops;
}

void trap_init(void)
{
}

void trap_init_cpu(void)
{
}

void mce_init_cpu(void)
{
}

void hostpt_init_cpu(void)
{
}

int hostpt_stack_alloc(unsigned npages, void **top)
{
	static char stack[16];

	(void)npages;
	*top = stack + sizeof(stack);
	return 0;
}

int hostpt_map_low(hpa_t a, uint64_t nbytes)
{
	(void)a;
	(void)nbytes;
	return 0;
}

hpa_t hostpt_low_root(void)
{
	return hpa(0);
}

int mm_take_low_memory(uint64_t npages, uint64_t *hpa_out)
{
	(void)npages;
	*hpa_out = PAGE;
	return 0;
}

__asm__(".pushsection .rodata\n"
	".globl trampoline_start, trampoline_end\n"
	"trampoline_start: .zero 64\n"
	"trampoline_end: .popsection");

/* ---- the tests ---- */

/* The boot CPU is the last of the list, and is not to be started. */
static void start(const enum ap_kind kinds[NR])
{
	struct boot_cpu list[NR] = { 0 };

	fake_ram_create(1 << 20);
	memset(aps, 0, sizeof(aps));
	nr_cpus = 1;
	boot_thread_at = 0;
	for (uint32_t i = 0; i < NR; i++) {
		list[i].flags = 1;
		list[i].apic_id = (i + 1) % NR;
		aps[i].kind = kinds[i];
	}
	smp_init(list, NR, 0);
	assert_int_equal(aps[0].inits, 0);
}

static void one_that_fails_does_not_keep_out_the_later_ones(void **state)
{
	static const enum ap_kind kinds[NR] = { AP_GOOD, AP_GOOD, AP_DEAD,
						AP_STUCK, AP_GOOD };

	(void)state;
	start(kinds);
	assert_int_equal(nr_cpus, 3);
	assert_true(aps[1].joined && aps[4].joined);
	/* Numbers stay dense. */
	assert_int_equal(aps[1].number, 1);
	assert_int_equal(aps[4].number, 2);
	/* The others were stopped after they had been asked. */
	assert_int_equal(aps[2].inits, 2);
	assert_int_equal(aps[3].inits, 2);
	assert_int_equal(aps[4].inits, 1);
	/* And if one went on all the same it would not take part. */
	running = 3;
	if (!setjmp(out))
		smp_join();
	running = UINT32_MAX;
	assert_true(aps[3].halted);
	assert_int_equal(nr_cpus, 3);
	fake_ram_destroy();
}

static void one_that_is_slow_takes_part_fully(void **state)
{
	static const enum ap_kind kinds[NR] = { AP_GOOD, AP_SLOW, AP_GOOD,
						AP_GOOD, AP_GOOD };

	(void)state;
	start(kinds);
	assert_int_equal(nr_cpus, NR);
	for (uint32_t i = 1; i < NR; i++) {
		assert_true(aps[i].joined);
		assert_int_equal(aps[i].number, i);
		assert_int_equal(aps[i].inits, 1);
	}
	fake_ram_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			one_that_fails_does_not_keep_out_the_later_ones),
		cmocka_unit_test(one_that_is_slow_takes_part_fully),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
