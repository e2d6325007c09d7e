// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The line editor. Every edit changes `line`, `len` and `cur` only; refresh()
 * then brings the terminal's row up to date. A line longer than the row is
 * shown as a window around the cursor.
 */
#include "kernel/console/lineedit.h"

#include "kernel/lib/lib.h"

#define CTRL(c) ((c)&0x1f)
#define KEY_ESC 0x1b
#define KEY_DEL 0x7f

static void emit(struct lineedit *le, const char *s, size_t n)
{
	if (n > 0)
		le->ops->emit(le->ops->arg, s, n);
}

static void emit_str(struct lineedit *le, const char *s)
{
	emit(le, s, strlen(s));
}

static void ring_bell(struct lineedit *le)
{
	emit(le, "\a", 1);
}

/* ---- drawing ---- */

static size_t window_cols(const struct lineedit *le)
{
	return LINEEDIT_COLS - strlen(le->prompt);
}

/* Moves the window so that the cursor is in it, by half windows. */
static void place_window(struct lineedit *le)
{
	size_t cols = window_cols(le);

	if (le->cur < le->first)
		le->first = le->cur > cols / 2 ? le->cur - cols / 2 : 0;
	else if (le->cur >= le->first + cols)
		le->first = le->cur - cols / 2;
}

/* From column `from` to column `to` of the row, in few bytes. */
static void move_cursor(struct lineedit *le, size_t from, size_t to)
{
	char seq[16];

	if (to == from)
		return;
	if (to < from && from - to <= 4) {
		emit(le, "\b\b\b\b", from - to);
	} else if (to > from && to - from <= 4) {
		emit(le, le->shown + from, to - from);
	} else {
		(void)snprintf(seq, sizeof(seq), "\x1b[%u%c",
			       (unsigned)(to > from ? to - from : from - to),
			       to > from ? 'C' : 'D');
		emit_str(le, seq);
	}
}

/* Makes the terminal's row equal to prompt and window. */
static void refresh(struct lineedit *le)
{
	size_t prompt_len = strlen(le->prompt);
	char want[LINEEDIT_COLS + 1];
	size_t same = 0, len, cur;

	place_window(le);
	len = min(le->len - le->first, window_cols(le));
	memcpy(want, le->prompt, prompt_len);
	memcpy(want + prompt_len, le->line + le->first, len);
	len += prompt_len;
	cur = prompt_len + le->cur - le->first;

	while (same < len && same < le->shown_len &&
	       want[same] == le->shown[same])
		same++;
	if (same < len || same < le->shown_len) {
		move_cursor(le, le->shown_cur, same);
		emit(le, want + same, len - same);
		if (len < le->shown_len)
			emit_str(le, "\x1b[K");
		memcpy(le->shown, want, len);
		le->shown_cur = len;
		le->shown_len = len;
	}
	move_cursor(le, le->shown_cur, cur);
	le->shown_cur = cur;
}

/* The row is empty now and the cursor in its first column. */
static void forget_row(struct lineedit *le)
{
	le->shown_len = 0;
	le->shown_cur = 0;
}

static void end_row(struct lineedit *le)
{
	move_cursor(le, le->shown_cur, le->shown_len);
	emit_str(le, "\r\n");
	forget_row(le);
}

size_t lineedit_image(const struct lineedit *le, char *dst, size_t nbytes)
{
	size_t n = min(le->shown_len, nbytes);
	size_t back = le->shown_len - le->shown_cur;

	memcpy(dst, le->shown, n);
	if (back > 0 && n + 8 <= nbytes)
		n += (size_t)snprintf(dst + n, nbytes - n, "\x1b[%uD",
				      (unsigned)back);
	return n;
}

void lineedit_redraw(struct lineedit *le)
{
	forget_row(le);
	refresh(le);
}

void lineedit_print(struct lineedit *le, const char *text)
{
	end_row(le);
	emit_str(le, text);
	refresh(le);
}

/* ---- editing ---- */

void lineedit_insert(struct lineedit *le, const char *s, size_t n)
{
	size_t room = LINEEDIT_MAX - 1 - le->len;

	if (n > room) {
		le->nr_dropped += n - room;
		n = room;
		ring_bell(le);
	}
	memmove(le->line + le->cur + n, le->line + le->cur,
		le->len - le->cur + 1);
	memcpy(le->line + le->cur, s, n);
	le->len += n;
	le->cur += n;
	refresh(le);
}

/* Deletes [from, to) and leaves the cursor at `from`. */
static void delete_range(struct lineedit *le, size_t from, size_t to)
{
	memmove(le->line + from, le->line + to, le->len - to + 1);
	le->len -= to - from;
	le->cur = from;
	refresh(le);
}

static void set_line(struct lineedit *le, const char *text)
{
	(void)str_copy(le->line, text, sizeof(le->line));
	le->len = strlen(le->line);
	le->cur = le->len;
	le->first = 0;
	refresh(le);
}

static size_t word_start(const struct lineedit *le)
{
	size_t i = le->cur;

	while (i > 0 && le->line[i - 1] == ' ')
		i--;
	while (i > 0 && le->line[i - 1] != ' ')
		i--;
	return i;
}

static void move_to(struct lineedit *le, size_t to)
{
	le->cur = to;
	refresh(le);
}

static void move_left(struct lineedit *le)
{
	if (le->cur > 0)
		move_to(le, le->cur - 1);
}

static void move_right(struct lineedit *le)
{
	if (le->cur < le->len)
		move_to(le, le->cur + 1);
}

static void delete_here(struct lineedit *le)
{
	if (le->cur < le->len)
		delete_range(le, le->cur, le->cur + 1);
}

static void delete_before(struct lineedit *le)
{
	if (le->cur > 0)
		delete_range(le, le->cur - 1, le->cur);
}

static void clear_screen(struct lineedit *le)
{
	emit_str(le, "\x1b[H\x1b[2J");
	lineedit_redraw(le);
}

/* ---- history ---- */

static void history_add(struct lineedit *le)
{
	size_t last = (le->history_next - 1) % LINEEDIT_HISTORY;

	if (le->len == 0 || le->nr_dropped)
		return;
	if (le->history_next > 0 && strcmp(le->history[last], le->line) == 0)
		return;
	(void)str_copy(le->history[le->history_next % LINEEDIT_HISTORY],
		       le->line, LINEEDIT_MAX);
	le->history_next++;
}

/* Shows the line at history position `at`; next == what was typed. */
static void history_show(struct lineedit *le, size_t at)
{
	if (le->history_at == le->history_next)
		(void)str_copy(le->draft, le->line, sizeof(le->draft));
	le->history_at = at;
	set_line(le, at == le->history_next
			     ? le->draft
			     : le->history[at % LINEEDIT_HISTORY]);
}

static void history_older(struct lineedit *le)
{
	size_t kept = min(le->history_next, (size_t)LINEEDIT_HISTORY);

	if (le->history_at + kept > le->history_next)
		history_show(le, le->history_at - 1);
	else
		ring_bell(le);
}

static void history_newer(struct lineedit *le)
{
	if (le->history_at < le->history_next)
		history_show(le, le->history_at + 1);
	else
		ring_bell(le);
}

/* ---- keys ---- */

static enum lineedit_event finish_line(struct lineedit *le)
{
	end_row(le);
	history_add(le);
	return le->nr_dropped ? LINEEDIT_TOO_LONG : LINEEDIT_LINE;
}

static enum lineedit_event cancel_line(struct lineedit *le)
{
	move_cursor(le, le->shown_cur, le->shown_len);
	emit_str(le, "^C\r\n");
	forget_row(le);
	le->len = 0;
	le->cur = 0;
	le->line[0] = '\0';
	return LINEEDIT_CANCEL;
}

static void complete(struct lineedit *le)
{
	if (le->ops->complete)
		le->ops->complete(le->ops->arg, le);
	else
		ring_bell(le);
}

/* The final byte of ESC [ or ESC O. */
static void key_final(struct lineedit *le, unsigned char c)
{
	if (c == '~') {
		switch (le->csi_param) {
		case 1:
		case 7: c = 'H'; break;
		case 4:
		case 8: c = 'F'; break;
		case 3: delete_here(le); return;
		default: return;
		}
	}
	switch (c) {
	case 'A': history_older(le); break;
	case 'B': history_newer(le); break;
	case 'C': move_right(le); break;
	case 'D': move_left(le); break;
	case 'H': move_to(le, 0); break;
	case 'F': move_to(le, le->len); break;
	default: break; /* a key that means nothing here */
	}
}

/* Inside an escape sequence. True if c was part of it. */
static bool key_escape(struct lineedit *le, unsigned char c)
{
	if (c < 0x20 || c >= 0x7f) {
		le->keys = KEYS_PLAIN;
		return false;
	}
	if (le->keys == KEYS_ESC) {
		le->csi_param = 0;
		le->keys = c == '['   ? KEYS_CSI
			   : c == 'O' ? KEYS_SS3
				      : KEYS_PLAIN;
		return true;
	}
	if (le->keys == KEYS_CSI && c < 0x40) {
		/* Only the first parameter matters; the rest are modifiers. */
		if (c >= '0' && c <= '9' && le->csi_param < 100)
			le->csi_param = le->csi_param * 10 + (c - '0');
		else if (c == ';')
			le->csi_param += 1000;
		return true;
	}
	le->keys = KEYS_PLAIN;
	key_final(le, c);
	return true;
}

/* Control keys that edit or move. False: none of them. */
static bool key_edit(struct lineedit *le, unsigned char c)
{
	switch (c) {
	case CTRL('A'): move_to(le, 0); return true;
	case CTRL('B'): move_left(le); return true;
	case CTRL('D'): delete_here(le); return true;
	case CTRL('E'): move_to(le, le->len); return true;
	case CTRL('F'): move_right(le); return true;
	case CTRL('H'):
	case KEY_DEL: delete_before(le); return true;
	case CTRL('K'): delete_range(le, le->cur, le->len); return true;
	case CTRL('L'): clear_screen(le); return true;
	case CTRL('N'): history_newer(le); return true;
	case CTRL('P'): history_older(le); return true;
	case CTRL('U'): delete_range(le, 0, le->cur); return true;
	case CTRL('W'): delete_range(le, word_start(le), le->cur); return true;
	case '\t': complete(le); return true;
	default: return false;
	}
}

enum lineedit_event lineedit_key(struct lineedit *le, unsigned char c)
{
	bool after_cr = le->after_cr;

	le->after_cr = c == '\r';
	if (c == '\n' && after_cr)
		return LINEEDIT_MORE;
	if (le->keys != KEYS_PLAIN && key_escape(le, c))
		return LINEEDIT_MORE;
	if (c == KEY_ESC) {
		le->keys = KEYS_ESC;
		return LINEEDIT_MORE;
	}
	if (c == '\r' || c == '\n')
		return finish_line(le);
	if (c == CTRL('C'))
		return cancel_line(le);
	if (c == CTRL('T'))
		return LINEEDIT_SWITCH;
	if (key_edit(le, c))
		return LINEEDIT_MORE;
	if (c >= 0x20 && c < 0x7f)
		lineedit_insert(le, (const char *)&c, 1);
	else if (c < 0x80 || c >= 0xc0)
		ring_bell(le); /* once for each UTF-8 character */
	return LINEEDIT_MORE;
}

void lineedit_begin(struct lineedit *le)
{
	le->len = 0;
	le->cur = 0;
	le->first = 0;
	le->line[0] = '\0';
	le->nr_dropped = 0;
	le->history_at = le->history_next;
	lineedit_redraw(le);
}

void lineedit_init(struct lineedit *le, const struct lineedit_ops *ops,
		   const char *prompt)
{
	memset(le, 0, sizeof(*le));
	le->ops = ops;
	le->prompt = prompt;
}
