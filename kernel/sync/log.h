/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: a ring of lines with a level, a time and a room, copied to the
 * host console when the level is at or above the console level. One event,
 * one line, key=value. May be called from any context but NMI/#MC; takes only
 * LOCK_LOG (a leaf) with interrupts off.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/lib/compiler.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* room: short static string such as "mm". No newline in fmt. */
void log_emit(enum log_level level, const char *room, const char *fmt, ...)
	PRINTF(3, 4);

#define log_err(room, ...)   log_emit(LOG_ERR, room, __VA_ARGS__)
#define log_warn(room, ...)  log_emit(LOG_WARN, room, __VA_ARGS__)
#define log_info(room, ...)  log_emit(LOG_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_emit(LOG_DEBUG, room, __VA_ARGS__)

/*
 * From now on lines for the console go to fn (with their newline); before, they
 * are only kept. fn runs under LOCK_LOG with interrupts off.
 */
void log_set_sink(void (*fn)(const char *line, size_t n));
void log_set_console_level(enum log_level level);

/*
 * Copies the lines from number `from` on (0: all), as far as they are kept, to
 * fn, oldest first; returns the number of the next one.
 */
uint64_t log_dump_from(void (*fn)(void *arg, enum log_level level,
				  const char *line),
		       void *arg, uint64_t from);
/* For panic: takes no lock; each line with its newline. */
void log_dump_panic(void (*write)(const char *s, size_t n), uint32_t max);

/*
 * For whatever a guest can provoke: one of these for each VM, zeroed. Such
 * lines are limited for each VM and for all together, and are kept apart from
 * the host's own, which they can't push out.
 */
struct log_source {
	uint64_t next_free;  /* TSC [log] */
	uint32_t nr_dropped; /* since the last line that passed [log] */
};
void log_guest(struct log_source *s, enum log_level level, const char *room,
	       const char *fmt, ...) PRINTF(4, 5);

/*
 * For the hardware's events: at most `burst` events pass in each second
 * for this state; the next one that passes says how many were suppressed.
 */
struct ratelimit {
	uint64_t window_start; /* TSC [racy, harmless] */
	uint32_t passed;       /* [racy, harmless] */
	uint32_t dropped;      /* [racy, harmless] */
};

/* True if the event may be logged now; *dropped: how many were not. */
bool ratelimit_ok(struct ratelimit *rl, uint32_t burst, uint32_t *dropped);

#endif
