// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console's last row. Invariant: while `taken` is false, the terminal
 * shows exactly `image` on its row and the cursor is where it left it; then
 * anybody may erase it, print a line and draw it again.
 */
#include "kernel/console/conrow.h"

#include "kernel/console/hostcon.h"
#include "kernel/console/lineedit.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "kernel/sync/spinlock.h"

#define PENDING_MAX 4096u
/*
 * Log lines shown in a second, and in a burst. A guest that reboots for ever
 * makes more than the line carries; the administrator's own output must get
 * through. All lines stay in the log.
 */
#define LINES_PER_S 20u
#define LINES_BURST 60u
#define ERASE_ROW   "\r\x1b[K"

static struct {
	struct spinlock lock;
	bool taken;			/* [lock] */
	bool muted;			/* [lock] */
	char image[LINEEDIT_IMAGE_MAX]; /* [lock] */
	size_t image_len;		/* [lock] */
	char pending[PENDING_MAX];	/* [lock] lines that wait */
	size_t pending_len;		/* [lock] */
	uint32_t nr_dropped;		/* [lock] lines not shown */
	uint64_t next_free;		/* [lock] TSC, see may_show_locked() */
	uint32_t nr_muted;		/* [lock] */
} row = { .lock = SPINLOCK_INIT(LOCK_CONSOLE_ROW, "console row") };

/* Only the console thread uses it, outside the lock. */
static char draining[PENDING_MAX];

void conrow_write(const char *s, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);

	row.taken = true;
	spin_unlock_irqrestore(&row.lock, flags);
	hostcon_write_wait(s, n);
}

#define NOT_SHOWN_MAX 64u

static size_t not_shown(char *dst, uint32_t nr)
{
	return (size_t)snprintf(dst, NOT_SHOWN_MAX,
				"[%u log lines not shown: see `log`]\n", nr);
}

/* Takes the waiting lines; 0: none, and the row is released. */
static size_t take_pending(void)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);
	size_t n = row.pending_len;

	memcpy(draining, row.pending, n);
	row.pending_len = 0;
	row.taken = n > 0;
	spin_unlock_irqrestore(&row.lock, flags);
	return n;
}

static uint32_t set_image(const char *image, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);
	uint32_t dropped = row.nr_dropped;

	row.image_len = min(n, sizeof(row.image));
	memcpy(row.image, image, row.image_len);
	row.nr_dropped = 0;
	spin_unlock_irqrestore(&row.lock, flags);
	return dropped;
}

/* Erases the row that shows `image`, prints lines, draws it again. */
static void print_above(const char *lines, size_t len, const char *image,
			size_t n)
{
	if (n > 0)
		hostcon_write_wait(ERASE_ROW, sizeof(ERASE_ROW) - 1);
	hostcon_write_wait(lines, len);
	hostcon_write_wait(image, n);
}

void conrow_release(const char *image, size_t n)
{
	uint32_t dropped = set_image(image, n);
	char text[NOT_SHOWN_MAX];
	size_t waiting;

	if (dropped)
		print_above(text, not_shown(text, dropped), image, n);
	while ((waiting = take_pending()) > 0)
		print_above(draining, waiting, image, n);
}

void conrow_mute(void)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);

	row.muted = true;
	row.nr_muted = 0;
	spin_unlock_irqrestore(&row.lock, flags);
}

uint32_t conrow_unmute(void)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);
	uint32_t n = row.nr_muted;

	row.muted = false;
	spin_unlock_irqrestore(&row.lock, flags);
	return n;
}

/*
 * Each line shown moves next_free on by the time that it is worth; a burst may
 * run ahead of the clock so far.
 */
static bool may_show_locked(void)
{
	uint64_t cost = tsc_khz * 1000 / LINES_PER_S;
	uint64_t now = rdtsc();
	uint64_t from = max(row.next_free, now);

	if (from + cost - now > cost * LINES_BURST)
		return false;
	row.next_free = from + cost;
	return true;
}

/* Says how many lines were left out before this one. */
static void tell_dropped_locked(void)
{
	char text[NOT_SHOWN_MAX];

	if (!row.nr_dropped)
		return;
	hostcon_write(text, not_shown(text, row.nr_dropped));
	row.nr_dropped = 0;
}

static void wait_or_drop_locked(const char *line, size_t n)
{
	if (n > PENDING_MAX - row.pending_len) {
		row.nr_dropped++;
		return;
	}
	memcpy(row.pending + row.pending_len, line, n);
	row.pending_len += n;
}

void conrow_log(const char *line, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);

	if (row.muted) {
		row.nr_muted++;
	} else if (!may_show_locked()) {
		row.nr_dropped++;
	} else if (row.taken) {
		wait_or_drop_locked(line, n);
	} else {
		if (row.image_len > 0)
			hostcon_write(ERASE_ROW, sizeof(ERASE_ROW) - 1);
		tell_dropped_locked();
		hostcon_write(line, n);
		hostcon_write(row.image, row.image_len);
	}
	spin_unlock_irqrestore(&row.lock, flags);
}
