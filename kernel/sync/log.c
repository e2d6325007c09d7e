// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log ring: the newest LOG_LINES lines, each formatted once into its own
 * slot. Invariant: slot n % LOG_LINES holds line n for the LOG_LINES newest
 * line numbers below log_next.
 */
#include "kernel/sync/log.h"

#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/sync/spinlock.h"

#define LOG_LINES 512u
/* The longest line says what a configuration key should have been. */
#define LOG_TEXT_MAX  296u
#define LOG_PRINT_MAX (LOG_TEXT_MAX + 40u)

struct log_line {
	uint64_t tsc;
	const char *room;
	uint8_t level;
	char text[LOG_TEXT_MAX - 1];
};

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_LOG, "log");
static struct log_line log_ring[LOG_LINES];		 /* [log_lock] */
static uint64_t log_next;				 /* [log_lock] */
static enum log_level console_level = LOG_INFO;		 /* [atomic] */
static void (*console_sink)(const char *line, size_t n); /* [log_lock] */

/* Formats for people: "[   12.345678] warn mm: ..." without newline. */
static int print_line(const struct log_line *l, char *dst, size_t nbytes)
{
	static const char *const names[] = { "error ", "warn ", "", "debug " };
	uint64_t us = tsc_to_ns(l->tsc - tsc_at_boot) / 1000;

	return snprintf(dst, nbytes, "[%5llu.%06llu] %s%s: %s",
			(unsigned long long)(us / 1000000),
			(unsigned long long)(us % 1000000), names[l->level],
			l->room, l->text);
}

void log_emit(enum log_level level, const char *room, const char *fmt, ...)
{
	char print[LOG_PRINT_MAX + 1];
	struct log_line *l;
	uint64_t flags;
	va_list ap;
	int n;

	flags = spin_lock_irqsave(&log_lock);
	l = &log_ring[log_next++ % LOG_LINES];
	l->tsc = rdtsc();
	l->room = room;
	l->level = (uint8_t)level;
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	va_end(ap);
	if (console_sink && level <= READ_ONCE(console_level)) {
		n = print_line(l, print, LOG_PRINT_MAX);
		n = min(n, (int)LOG_PRINT_MAX - 1);
		print[n] = '\n';
		console_sink(print, (size_t)n + 1);
	}
	spin_unlock_irqrestore(&log_lock, flags);
}

void log_set_sink(void (*fn)(const char *line, size_t n))
{
	uint64_t flags = spin_lock_irqsave(&log_lock);

	console_sink = fn;
	spin_unlock_irqrestore(&log_lock, flags);
}

void log_set_console_level(enum log_level level)
{
	WRITE_ONCE(console_level, level);
}

static uint64_t first_line(uint64_t next, uint32_t max)
{
	uint64_t n = min(next, (uint64_t)LOG_LINES);

	if (max)
		n = min(n, (uint64_t)max);
	return next - n;
}

uint64_t log_dump_from(void (*fn)(void *arg, enum log_level level,
				  const char *line),
		       void *arg, uint64_t from)
{
	char print[LOG_PRINT_MAX];
	struct log_line copy;
	uint64_t end = READ_ONCE(log_next);
	uint64_t flags;

	for (uint64_t i = max(from, first_line(end, 0)); i < end; i++) {
		flags = spin_lock_irqsave(&log_lock);
		copy = log_ring[i % LOG_LINES];
		spin_unlock_irqrestore(&log_lock, flags);
		print_line(&copy, print, sizeof(print));
		fn(arg, (enum log_level)copy.level, print);
	}
	return end;
}

void log_dump_panic(void (*write)(const char *s, size_t n), uint32_t max)
{
	char print[LOG_PRINT_MAX + 1];
	uint64_t end = READ_ONCE(log_next);
	int n;

	for (uint64_t i = first_line(end, max); i < end; i++) {
		n = print_line(&log_ring[i % LOG_LINES], print, LOG_PRINT_MAX);
		n = min(n, (int)LOG_PRINT_MAX - 1);
		print[n] = '\n';
		write(print, (size_t)n + 1);
	}
}

bool ratelimit_ok(struct ratelimit *rl, uint32_t burst, uint32_t *dropped)
{
	uint64_t now = rdtsc();

	*dropped = 0;
	if (now - rl->window_start >= tsc_khz * 1000) {
		rl->window_start = now;
		rl->passed = 0;
	}
	if (rl->passed >= burst) {
		rl->dropped++;
		return false;
	}
	rl->passed++;
	*dropped = rl->dropped;
	rl->dropped = 0;
	return true;
}
