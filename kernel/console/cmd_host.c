// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands about the machine itself: cpu, version, uptime. */
#include "kernel/console/shell_priv.h"
#include "kernel/cpu/backtrace.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/version_string.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"

/* ---- cpu ---- */

/* Busy share in tenths of a percent. */
static uint64_t busy_permille(const struct cpu_stats *s)
{
	/* Divided first: ticks of years don't overflow. */
	uint64_t all = (s->busy_ticks + s->idle_ticks) / 1000;

	return all ? min(s->busy_ticks / all, (uint64_t)1000) : 0;
}

static void cpu_json(void)
{
	struct json *j = out_json();
	struct cpu_stats s;
	const char *where;
	uint64_t offset;

	json_open_array(j, NULL);
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (!cpu_get_stats(cpu, &s))
			continue;
		json_open_object(j, NULL);
		json_u64(j, "cpu", cpu);
		json_u64(j, "apic_id", s.apic_id);
		json_u64(j, "busy_ticks", s.busy_ticks);
		json_u64(j, "idle_ticks", s.idle_ticks);
		json_u64(j, "irqs", s.nr_irqs);
		json_u64(j, "switches", s.nr_switches);
		json_u64(j, "runnable", s.nr_runnable);
		json_str(j, "running", s.running);
		json_u64(j, "longest_kept_ticks", s.longest_kept);
		json_str(j, "longest_kept_by", s.kept_by);
		where = symbol_of(s.kept_until, &offset);
		json_str(j, "longest_kept_until", where ? where : "");
		json_u64(j, "irq_late_ticks", s.irq_late);
		json_close_object(j);
	}
	json_close_array(j);
	out_json_end(j);
}

static uint64_t ticks_to_us(uint64_t ticks)
{
	return tsc_to_ns(ticks) / 1000;
}

/* How long the hypervisor keeps a CPU from others at most. */
static void longest_text(uint32_t cpu, const struct cpu_stats *s)
{
	out_printf(
		"CPU %u was kept %llu us (%llu ticks) at most, by %s;\n"
		"      interrupts were late by %llu us (%llu ticks) at most\n",
		cpu, (unsigned long long)ticks_to_us(s->longest_kept),
		(unsigned long long)s->longest_kept, s->kept_by,
		(unsigned long long)ticks_to_us(s->irq_late),
		(unsigned long long)s->irq_late);
}

static void cpu_text(void)
{
	struct cpu_stats s;

	out_printf("%3s %4s %7s %16s %10s %10s %5s %s\n", "CPU", "APIC", "BUSY",
		   "TICKS", "IRQS", "SWITCHES", "READY", "RUNNING");
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (!cpu_get_stats(cpu, &s))
			continue;
		out_printf("%3u %4u %3llu.%llu %% %16llu %10llu %10llu %5u "
			   "%s\n",
			   cpu, s.apic_id,
			   (unsigned long long)busy_permille(&s) / 10,
			   (unsigned long long)busy_permille(&s) % 10,
			   (unsigned long long)s.busy_ticks,
			   (unsigned long long)s.nr_irqs,
			   (unsigned long long)s.nr_switches, s.nr_runnable,
			   s.running);
	}
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu_get_stats(cpu, &s))
			longest_text(cpu, &s);
}

int cmd_cpu(const struct shell_args *a)
{
	if (a->argc != 1)
		return -EINVAL;
	if (a->json)
		cpu_json();
	else
		cpu_text();
	return 0;
}

/* ---- version, uptime, echo, sleep ---- */

int cmd_version(const struct shell_args *a)
{
	struct json *j;

	if (a->argc != 1)
		return -EINVAL;
	if (!a->json) {
		out_printf("%s; %u CPUs, TSC %llu.%03llu MHz\n", version_string,
			   nr_cpus, (unsigned long long)tsc_khz / 1000,
			   (unsigned long long)tsc_khz % 1000);
		return 0;
	}
	j = out_json();
	json_open_object(j, NULL);
	json_str(j, "version", version_string);
	json_u64(j, "cpus", nr_cpus);
	json_u64(j, "tsc_khz", tsc_khz);
	json_close_object(j);
	out_json_end(j);
	return 0;
}

int cmd_uptime(const struct shell_args *a)
{
	uint64_t ns = clock_ns();
	char text[24];

	if (a->argc != 1)
		return -EINVAL;
	if (a->json) {
		struct json *j = out_json();

		json_open_object(j, NULL);
		json_u64(j, "uptime_ms", ns / 1000000);
		json_u64(j, "boot_epoch", clock_boot_epoch());
		json_u64(j, "last_command_us",
			 tsc_to_ns(shell_answer_ticks()) / 1000);
		json_close_object(j);
		out_json_end(j);
		return 0;
	}
	out_printf("up %s\n", out_duration(ns, text));
	return 0;
}

int cmd_echo(const struct shell_args *a)
{
	static char text[LINEEDIT_MAX]; /* the words of one line */
	size_t n = 0;

	text[0] = '\0';
	for (int i = 1; i < a->argc && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
				      i > 1 ? " " : "", a->argv[i]);
	out_done(a, "%s", text);
	return 0;
}

int cmd_sleep(const struct shell_args *a)
{
	uint64_t seconds;

	if (a->argc != 2 || str_to_u64(a->argv[1], &seconds) != 0 ||
	    seconds > 86400)
		return -EINVAL;
	if (shell_sleep(seconds) != 0)
		out_fail(a, "interrupted");
	else if (a->json)
		out_done(a, "slept %llu s", (unsigned long long)seconds);
	return 0;
}
