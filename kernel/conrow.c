// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console's last row. Invariant: while `taken` is false, the terminal
 * shows exactly `image` on its row and the cursor is where it left it; then
 * anybody may erase it, print a line and draw it again.
 */
#include "kernel/conrow.h"

#include "kernel/hostcon.h"
#include "kernel/lib.h"
#include "kernel/lineedit.h"
#include "kernel/spinlock.h"

#define PENDING_MAX 4096u
#define ERASE_ROW   "\r\x1b[K"

static struct {
	struct spinlock lock;
	bool taken;			/* [lock] */
	bool muted;			/* [lock] */
	char image[LINEEDIT_IMAGE_MAX]; /* [lock] */
	size_t image_len;		/* [lock] */
	char pending[PENDING_MAX];	/* [lock] lines that wait */
	size_t pending_len;		/* [lock] */
	uint32_t nr_dropped;		/* [lock] lines that did not fit */
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

/* Takes the waiting lines; 0: none, and the row is released. */
static size_t take_pending(uint32_t *dropped)
{
	uint64_t flags = spin_lock_irqsave(&row.lock);
	size_t n = row.pending_len;

	memcpy(draining, row.pending, n);
	row.pending_len = 0;
	*dropped = row.nr_dropped;
	row.nr_dropped = 0;
	row.taken = n > 0 || *dropped > 0;
	spin_unlock_irqrestore(&row.lock, flags);
	return n;
}

void conrow_release(const char *image, size_t n)
{
	uint32_t dropped;
	uint64_t flags;
	size_t waiting;
	char text[64];

	flags = spin_lock_irqsave(&row.lock);
	row.image_len = min(n, sizeof(row.image));
	memcpy(row.image, image, row.image_len);
	spin_unlock_irqrestore(&row.lock, flags);

	for (;;) {
		waiting = take_pending(&dropped);
		if (!waiting && !dropped)
			return;
		if (n > 0)
			hostcon_write_wait(ERASE_ROW, sizeof(ERASE_ROW) - 1);
		hostcon_write_wait(draining, waiting);
		if (dropped) {
			int len =
				snprintf(text, sizeof(text),
					 "[%u log lines not shown]\n", dropped);

			hostcon_write_wait(text, (size_t)len);
		}
		hostcon_write_wait(image, n);
	}
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
	} else if (row.taken) {
		wait_or_drop_locked(line, n);
	} else {
		if (row.image_len > 0)
			hostcon_write(ERASE_ROW, sizeof(ERASE_ROW) - 1);
		hostcon_write(line, n);
		hostcon_write(row.image, row.image_len);
	}
	spin_unlock_irqrestore(&row.lock, flags);
}
