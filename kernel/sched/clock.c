// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TSC as the machine's clock. Its rate is measured, since CPUID may claim
 * another one than the timers of the machine show.
 */
#include "kernel/sched/clock.h"

#include "drivers/pit8254.h"
#include "drivers/rtc.h"
#include "kernel/cpu/acpi.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"

#define CALIBRATE_US	20000u
#define CALIBRATE_TRIES 3

#define CPUID_PM_EDX_INVARIANT_TSC BIT(8)

static uint64_t boot_epoch; /* [const after init] */

uint64_t clock_ns(void)
{
	return tsc_to_ns(rdtsc() - tsc_at_boot);
}

uint64_t clock_boot_epoch(void)
{
	return boot_epoch;
}

static int measure_once(uint64_t *ticks)
{
	int err = pit8254_measure_tsc(CALIBRATE_US, ticks);

	if (err)
		err = acpi_pm_timer_measure_tsc(CALIBRATE_US, ticks);
	return err;
}

/*
 * The shortest of several tries: what disturbs one (firmware in system
 * management mode) only makes it longer.
 */
static void calibrate(void)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < CALIBRATE_TRIES; i++) {
		uint64_t ticks;

		if (measure_once(&ticks))
			panic("clock: neither PIT nor ACPI PM timer counts");
		best = min(best, ticks);
	}
	tsc_set_rate(best * 1000 / CALIBRATE_US);
}

static bool tsc_is_invariant(void)
{
	return cpuid(0x80000000u, 0).eax >= 0x80000007u &&
	       cpuid(0x80000007u, 0).edx & CPUID_PM_EDX_INVARIANT_TSC;
}

void clock_init(uint64_t efi_epoch)
{
	uint64_t since_start;

	calibrate();
	boot_epoch = efi_epoch;
	since_start = tsc_to_ns(rdtsc() - tsc_at_boot) / 1000000000;
	if (!boot_epoch && !rtc_read_epoch(&boot_epoch))
		boot_epoch -= min(boot_epoch, since_start);
	log_info("clock", "tsc_khz=%llu invariant=%s epoch=%llu",
		 (unsigned long long)tsc_khz, tsc_is_invariant() ? "yes" : "no",
		 (unsigned long long)boot_epoch);
	if (!tsc_is_invariant())
		log_warn("clock", "the TSC may change its rate: times may be "
				  "wrong");
}
