// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A parser of terminal input after ECMA-48 and its common extensions.
 * Invariant: a byte leaves only as printable text, as one of five control
 * characters, as a whole UTF-8 character that is no control, or in a whole
 * sequence that stays in the row.
 */
#include "kernel/console/termfilter.h"

#include "kernel/lib/lib.h"

#define ESC 0x1bu
#define BEL 0x07u
#define CAN 0x18u
#define SUB 0x1au

/* Longer than any title: it has no end, and text may be shown again. */
#define STRING_MAX 1024u

enum state {
	GROUND,
	UTF8,
	ESCAPE,	     /* ESC came */
	ESCAPE_MORE, /* ESC and intermediate bytes */
	CSI,
	STRING,	    /* OSC, DCS, SOS, PM, APC: up to ST or BEL */
	STRING_END, /* ESC within a string */
};

struct out {
	char *dst;
	size_t n;
};

static void emit(struct out *o, const char *s, size_t n)
{
	memcpy(o->dst + o->n, s, n);
	o->n += n;
}

static void hold(struct term_filter *f, unsigned char c)
{
	/* Too long: counted on, so that it is known not to fit. */
	if (f->nr_held < TERM_FILTER_HELD)
		f->held[f->nr_held] = (char)c;
	if (f->nr_held <= TERM_FILTER_HELD)
		f->nr_held++;
}

static void begin(struct term_filter *f, enum state s, unsigned char c)
{
	f->state = s;
	f->nr_held = f->nr_dropped = 0;
	hold(f, c);
}

/* Also no surrogates, no overlong forms, no controls of the C1 set. */
static bool utf8_is_sound(const char *held)
{
	const unsigned char *s = (const unsigned char *)held;

	switch (s[0]) {
	case 0xc2: return s[1] >= 0xa0;
	case 0xe0: return s[1] >= 0xa0;
	case 0xed: return s[1] < 0xa0;
	case 0xf0: return s[1] >= 0x90;
	case 0xf4: return s[1] < 0x90;
	default: return true;
	}
}

static void lead_byte(struct term_filter *f, struct out *o, unsigned char c)
{
	if (c < 0xc2 || c > 0xf4) {
		emit(o, "?", 1);
		return;
	}
	begin(f, UTF8, c);
	f->nr_wanted = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
}

static void ground(struct term_filter *f, struct out *o, unsigned char c)
{
	char text = (char)c;

	f->state = GROUND;
	if (c == ESC)
		begin(f, ESCAPE, c);
	else if (c >= 0x80)
		lead_byte(f, o, c);
	else if ((c >= ' ' && c < 0x7f) || c == '\r' || c == '\n' ||
		 c == '\t' || c == '\b' || c == BEL)
		emit(o, &text, 1);
}

static void utf8(struct term_filter *f, struct out *o, unsigned char c)
{
	if ((c & 0xc0) != 0x80) {
		emit(o, "?", 1);
		ground(f, o, c);
		return;
	}
	hold(f, c);
	if (--f->nr_wanted)
		return;
	f->state = GROUND;
	if (utf8_is_sound(f->held))
		emit(o, f->held, f->nr_held);
	else
		emit(o, "?", 1);
}

/* Columns, characters and erasing in this row, and colours. */
static bool csi_is_harmless(const struct term_filter *f, unsigned char final)
{
	size_t n = f->nr_held - 3; /* without ESC [ and the final byte */
	const char *params = f->held + 2;

	if (f->nr_held > TERM_FILTER_HELD)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(params[i] >= '0' && params[i] <= '9') &&
		    params[i] != ';' && !(params[i] == ':' && final == 'm'))
			return false;
	/* Below the cursor there is nothing of ours. */
	if (final == 'J')
		return n == 0 || (n == 1 && params[0] == '0');
	return strchr("mKCDGPX@", final) != NULL;
}

static void csi(struct term_filter *f, struct out *o, unsigned char c)
{
	if (c < 0x20 || c >= 0x7f) { /* broken off */
		ground(f, o, c);
		return;
	}
	hold(f, c);
	if (c < 0x40)
		return;
	f->state = GROUND;
	if (!csi_is_harmless(f, c))
		return;
	emit(o, f->held, f->nr_held);
	f->coloured |= c == 'm';
}

static void escape(struct term_filter *f, struct out *o, unsigned char c)
{
	if (f->state == ESCAPE && c == '[') {
		hold(f, c);
		f->state = CSI;
	} else if (f->state == ESCAPE && strchr("]PX^_", c) && c) {
		f->state = STRING;
	} else if (c >= 0x20 && c < 0x30) {
		f->state = ESCAPE_MORE;
	} else if (c < 0x20 || c >= 0x7f) {
		ground(f, o, c);
	} else {
		f->state = GROUND; /* ESC c, ESC 7, ESC ( B, ... */
	}
}

static void string(struct term_filter *f, unsigned char c)
{
	if (f->state == STRING_END && c == '\\')
		f->state = GROUND;
	else if (c == BEL || c == CAN || c == SUB ||
		 ++f->nr_dropped > STRING_MAX)
		f->state = GROUND;
	else
		f->state = c == ESC ? STRING_END : STRING;
}

size_t term_filter(struct term_filter *f, const char *src, size_t n, char *dst)
{
	struct out o = { dst, 0 };

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)src[i];

		switch ((enum state)f->state) {
		case GROUND: ground(f, &o, c); break;
		case UTF8: utf8(f, &o, c); break;
		case ESCAPE:
		case ESCAPE_MORE: escape(f, &o, c); break;
		case CSI: csi(f, &o, c); break;
		case STRING:
		case STRING_END: string(f, c); break;
		}
	}
	return o.n;
}
