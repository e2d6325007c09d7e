// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * snprintf. Pure code: no state, no lock, no allocation, so that panic may use
 * it. Invariant: out.pos counts every character of the whole text, stored or
 * not.
 */
#include "kernel/lib/lib.h"

struct out {
	char *dst;
	size_t nbytes; /* room, incl. the terminator */
	size_t pos;
};

struct spec {
	bool left, zero, alt, plus, space;
	int width;
	int precision; /* -1: none */
	char length;   /* 'H' for hh, 'L' for ll */
};

static void put(struct out *o, char c)
{
	if (o->pos + 1 < o->nbytes)
		o->dst[o->pos] = c;
	o->pos++;
}

static void pad(struct out *o, char c, int n)
{
	for (; n > 0; n--)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *sp, const char *s,
		     int len)
{
	if (!sp->left)
		pad(o, ' ', sp->width - len);
	for (int i = 0; i < len; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - len);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t max = sp->precision < 0 ? INT32_MAX : (size_t)sp->precision;

	if (!s)
		s = "(null)";
	put_text(o, sp, s, (int)strnlen(s, max));
}

/* Writes the digits of v before end; returns where they start. */
static char *digits(char *end, uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; v; v /= base)
		*--end = set[v % base];
	return end;
}

/* prefix: sign or "0x"; v: magnitude. */
static void put_number(struct out *o, const struct spec *sp, const char *prefix,
		       uint64_t v, unsigned base, bool upper)
{
	char buf[24]; /* 22 octal digits */
	char *end = buf + sizeof(buf);
	char *s = digits(end, v, base, upper);
	int len = (int)(end - s);
	int plen = (int)strlen(prefix);
	int zeros = (sp->precision < 0 ? 1 : sp->precision) - len;

	if (sp->alt && base == 8 && zeros <= 0 && (len == 0 || *s != '0'))
		zeros = 1;
	if (zeros < 0)
		zeros = 0;
	if (sp->zero && !sp->left && sp->precision < 0 &&
	    sp->width > len + plen + zeros)
		zeros = sp->width - len - plen;
	if (!sp->left)
		pad(o, ' ', sp->width - len - plen - zeros);
	for (; *prefix; prefix++)
		put(o, *prefix);
	pad(o, '0', zeros);
	for (int i = 0; i < len; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - len - plen - zeros);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		if (*f == '-')
			sp->left = true;
		else if (*f == '0')
			sp->zero = true;
		else if (*f == '#')
			sp->alt = true;
		else if (*f == '+')
			sp->plus = true;
		else if (*f == ' ')
			sp->space = true;
		else
			return f;
	}
}

static const char *parse_count(const char *f, int *n)
{
	*n = 0;
	for (; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (*f - '0');
	return f;
}

static const char *parse_length(const char *f, struct spec *sp)
{
	if (*f != 'h' && *f != 'l' && *f != 'z' && *f != 't')
		return f;
	sp->length = *f++;
	if (sp->length == 'h' && *f == 'h') {
		sp->length = 'H';
		f++;
	} else if (sp->length == 'l' && *f == 'l') {
		sp->length = 'L';
		f++;
	}
	return f;
}

/* va_list is an array type on this ABI: hand it on inside a struct. */
struct args {
	va_list ap;
};

static const char *parse_spec(const char *f, struct spec *sp, struct args *a)
{
	*sp = (struct spec){ .precision = -1 };
	f = parse_flags(f, sp);
	if (*f == '*') {
		sp->width = va_arg(a->ap, int);
		f++;
		if (sp->width < 0) {
			sp->left = true;
			sp->width = -sp->width;
		}
	} else {
		f = parse_count(f, &sp->width);
	}
	if (*f == '.') {
		f++;
		if (*f == '*') {
			sp->precision = va_arg(a->ap, int);
			f++;
		} else {
			f = parse_count(f, &sp->precision);
		}
	}
	return parse_length(f, sp);
}

static int64_t arg_signed(char length, struct args *a)
{
	switch (length) {
	case 'H': return (signed char)va_arg(a->ap, int);
	case 'h': return (short)va_arg(a->ap, int);
	case 'l':
	case 'L':
	case 'z':
	case 't': return va_arg(a->ap, int64_t);
	default: return va_arg(a->ap, int);
	}
}

static uint64_t arg_unsigned(char length, struct args *a)
{
	switch (length) {
	case 'H': return (unsigned char)va_arg(a->ap, unsigned);
	case 'h': return (unsigned short)va_arg(a->ap, unsigned);
	case 'l':
	case 'L':
	case 'z':
	case 't': return va_arg(a->ap, uint64_t);
	default: return va_arg(a->ap, unsigned);
	}
}

static void put_signed(struct out *o, const struct spec *sp, int64_t v)
{
	uint64_t mag = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	const char *sign = sp->plus ? "+" : sp->space ? " " : "";

	put_number(o, sp, v < 0 ? "-" : sign, mag, 10, false);
}

static void put_hex(struct out *o, const struct spec *sp, uint64_t v,
		    bool upper)
{
	const char *prefix = upper ? "0X" : "0x";

	put_number(o, sp, sp->alt && v ? prefix : "", v, 16, upper);
}

static void convert(struct out *o, struct spec *sp, char conv, struct args *a)
{
	char c;

	switch (conv) {
	case 'd':
	case 'i': put_signed(o, sp, arg_signed(sp->length, a)); break;
	case 'u':
		put_number(o, sp, "", arg_unsigned(sp->length, a), 10, false);
		break;
	case 'o':
		put_number(o, sp, "", arg_unsigned(sp->length, a), 8, false);
		break;
	case 'x':
	case 'X':
		put_hex(o, sp, arg_unsigned(sp->length, a), conv == 'X');
		break;
	case 'p':
		sp->length = 'l';
		put_number(o, sp, "0x", arg_unsigned('l', a), 16, false);
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_text(o, sp, &c, 1);
		break;
	case 's': put_string(o, sp, va_arg(a->ap, const char *)); break;
	default: /* "%%", and what nobody should write */ put(o, conv);
	}
}

int vsnprintf(char *dst, size_t nbytes, const char *fmt, va_list ap)
{
	struct out o = { .dst = dst, .nbytes = nbytes };
	struct args a;
	struct spec sp;

	va_copy(a.ap, ap);
	for (const char *f = fmt; *f; f++) {
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &sp, &a);
		if (!*f)
			break;
		convert(&o, &sp, *f, &a);
	}
	va_end(a.ap);
	if (nbytes)
		dst[o.pos < nbytes ? o.pos : nbytes - 1] = '\0';
	return (int)o.pos;
}

int snprintf(char *dst, size_t nbytes, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, nbytes, fmt, ap);
	va_end(ap);
	return n;
}
