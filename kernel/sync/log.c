// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log: two rings of lines, one for the host's own and one for what guests
 * provoke, so that no guest can push the host's lines out. Lines are numbered
 * over both. Invariant: slot n % RING_LINES of a ring holds its line n, for the
 * RING_LINES newest ones, and numbers ascend within a ring.
 */
#include "kernel/sync/log.h"

#include "kernel/lib/lib.h"
#include "kernel/lib/tsc.h"
#include "kernel/sync/spinlock.h"

#define RING_LINES 256u
/* The longest line says what a configuration key should have been. */
#define LOG_TEXT_MAX  296u
#define LOG_PRINT_MAX (LOG_TEXT_MAX + 40u)

/*
 * Guests' lines: after a burst one VM may have one each second, all together a
 * few. Enough to see what goes on, too little to wipe out another one's.
 */
#define SOURCE_BURST	  24u
#define SOURCE_PER_S	  1u
#define ALL_SOURCES_BURST 64u
#define ALL_SOURCES_PER_S 4u

struct log_line {
	uint64_t number;
	uint64_t tsc;
	const char *room;
	uint8_t level;
	char text[LOG_TEXT_MAX - 1];
};

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_LOG, "log");
enum { LOG_HOST, LOG_GUEST };
static struct log_ring {
	struct log_line lines[RING_LINES];
	uint64_t next;
} rings[2];						 /* [log_lock] */
static struct log_source all_guests;			 /* [log_lock] */
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

/* Text may have come from a guest: nothing in it may act on a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

static void show_locked(const struct log_line *l)
{
	char print[LOG_PRINT_MAX + 1];
	int n;

	if (!console_sink || l->level > READ_ONCE(console_level))
		return;
	n = print_line(l, print, LOG_PRINT_MAX);
	n = min(n, (int)LOG_PRINT_MAX - 1);
	print[n] = '\n';
	console_sink(print, (size_t)n + 1);
}

static struct log_line *new_line_locked(struct log_ring *r,
					enum log_level level, const char *room)
{
	struct log_line *l = &r->lines[r->next++ % RING_LINES];

	l->number = log_next++;
	l->tsc = rdtsc();
	l->room = room;
	l->level = (uint8_t)level;
	return l;
}

void log_emit(enum log_level level, const char *room, const char *fmt, ...)
{
	struct log_line *l;
	uint64_t flags;
	va_list ap;

	flags = spin_lock_irqsave(&log_lock);
	l = new_line_locked(&rings[LOG_HOST], level, room);
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	va_end(ap);
	make_printable(l->text);
	show_locked(l);
	spin_unlock_irqrestore(&log_lock, flags);
}

/* Each line moves next_free on by its cost; a burst may run ahead so far. */
static bool has_room_locked(const struct log_source *s, uint64_t cost,
			    uint64_t burst, uint64_t now)
{
	return max(s->next_free, now) + cost - now <= cost * burst;
}

static bool may_log_locked(struct log_source *s)
{
	uint64_t cost = tsc_khz * 1000 / SOURCE_PER_S;
	uint64_t cost_all = tsc_khz * 1000 / ALL_SOURCES_PER_S;
	uint64_t now = rdtsc();

	if (!has_room_locked(s, cost, SOURCE_BURST, now) ||
	    !has_room_locked(&all_guests, cost_all, ALL_SOURCES_BURST, now)) {
		s->nr_dropped++;
		return false;
	}
	s->next_free = max(s->next_free, now) + cost;
	all_guests.next_free = max(all_guests.next_free, now) + cost_all;
	return true;
}

void log_guest(struct log_source *s, enum log_level level, const char *room,
	       const char *fmt, ...)
{
	struct log_line *l;
	uint64_t flags;
	va_list ap;
	int n;

	flags = spin_lock_irqsave(&log_lock);
	if (may_log_locked(s)) {
		l = new_line_locked(&rings[LOG_GUEST], level, room);
		va_start(ap, fmt);
		n = vsnprintf(l->text, sizeof(l->text), fmt, ap);
		va_end(ap);
		n = min(n, (int)sizeof(l->text) - 1);
		if (s->nr_dropped)
			snprintf(l->text + n, sizeof(l->text) - (size_t)n,
				 " (%u earlier lines of this VM left out)",
				 s->nr_dropped);
		s->nr_dropped = 0;
		make_printable(l->text);
		show_locked(l);
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

/*
 * The oldest line at or behind the cursors, one for each ring; they move on.
 * False: no more. Locked, or in panic.
 */
static bool next_line(uint64_t cursor[2], struct log_line *out)
{
	const struct log_line *best = NULL;
	unsigned from = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
		const struct log_ring *r = &rings[i];
		const struct log_line *l = &r->lines[cursor[i] % RING_LINES];

		if (r->next > RING_LINES && cursor[i] < r->next - RING_LINES) {
			cursor[i] = r->next - RING_LINES;
			l = &r->lines[cursor[i] % RING_LINES];
		}
		if (cursor[i] < r->next &&
		    (!best || l->number < best->number)) {
			best = l;
			from = i;
		}
	}
	if (!best)
		return false;
	*out = *best;
	cursor[from]++;
	return true;
}

uint64_t log_dump_from(void (*fn)(void *arg, enum log_level level,
				  const char *line),
		       void *arg, uint64_t from)
{
	uint64_t end = READ_ONCE(log_next), cursor[2] = { 0 };
	char print[LOG_PRINT_MAX];
	struct log_line copy;

	for (;;) {
		uint64_t flags = spin_lock_irqsave(&log_lock);
		bool any = next_line(cursor, &copy);

		spin_unlock_irqrestore(&log_lock, flags);
		if (!any || copy.number >= end)
			return end;
		if (copy.number < from)
			continue;
		print_line(&copy, print, sizeof(print));
		fn(arg, (enum log_level)copy.level, print);
	}
}

void log_dump_panic(void (*write)(const char *s, size_t n), uint32_t max)
{
	uint64_t end = READ_ONCE(log_next), cursor[2] = { 0 };
	char print[LOG_PRINT_MAX + 1];
	struct log_line l;
	int n;

	while (next_line(cursor, &l)) {
		if (l.number + max < end)
			continue;
		n = print_line(&l, print, LOG_PRINT_MAX);
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
