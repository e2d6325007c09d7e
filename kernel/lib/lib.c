// SPDX-License-Identifier: GPL-2.0-or-later
/* Strings to numbers and back. Pure code; runs on a host as well. */
#include "kernel/lib/lib.h"

#include "kernel/lib/errno.h"

bool str_copy(char *dst, const char *src, size_t nbytes)
{
	size_t n;

	if (!nbytes)
		return false;
	n = strnlen(src, nbytes);
	if (n == nbytes) {
		memcpy(dst, src, nbytes - 1);
		dst[nbytes - 1] = '\0';
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

/* The value of c as a digit of `base`, or -1. */
static int digit_value(char c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	return v < (int)base ? v : -1;
}

/* Parses digits at *s and moves *s behind them. */
MUST_CHECK static int parse_digits(const char **s, uint64_t *out)
{
	unsigned base = 10;
	const char *p = *s;
	bool overflow = false;
	uint64_t v = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p, base) < 0)
		return -EINVAL;
	for (; digit_value(*p, base) >= 0; p++) {
		uint64_t d = (uint64_t)digit_value(*p, base);

		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, d, &v))
			overflow = true;
	}
	*s = p;
	*out = v;
	return overflow ? -ERANGE : 0;
}

int str_to_u64(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	int err = parse_digits(&s, &v);

	if (err == -EINVAL || *s)
		return -EINVAL;
	if (err)
		return err;
	*out = v;
	return 0;
}

/* log2 of the unit that the suffix at *s names; moves *s behind it. */
static unsigned parse_unit(const char **s)
{
	static const char units[] = "kmgt";
	const char *p = *s;
	const char *u = *p ? strchr(units, *p | 0x20) : NULL;

	if (!u)
		return 0;
	p++;
	if (p[0] == 'i' && (p[1] == 'B' || p[1] == 'b'))
		p += 2;
	*s = p;
	return 10 * (unsigned)(u - units + 1);
}

int str_to_bytes(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	int err = parse_digits(&s, &v);
	unsigned shift;

	if (err == -EINVAL)
		return err;
	shift = parse_unit(&s);
	if (*s)
		return -EINVAL;
	if (err || (shift && v >> (64 - shift)))
		return -ERANGE;
	*out = v << shift;
	return 0;
}

char *bytes_to_str(uint64_t nbytes, char *dst, size_t dst_nbytes)
{
	static const char *const units[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t whole, tenth;

	while (unit + 1 < ARRAY_SIZE(units) && nbytes >> (10 * (unit + 1)) != 0)
		unit++;
	whole = nbytes >> (10 * unit);
	tenth = 0;
	if (unit) {
		uint64_t part = nbytes & (BIT(10 * unit) - 1);

		/* The ten bits below the point are enough for one digit. */
		part >>= 10 * (unit - 1);
		tenth = (part * 10 + 512) / 1024;
		if (tenth == 10) {
			tenth = 0;
			whole++;
		}
	}
	if (tenth)
		snprintf(dst, dst_nbytes, "%llu.%llu %s",
			 (unsigned long long)whole, (unsigned long long)tenth,
			 units[unit]);
	else
		snprintf(dst, dst_nbytes, "%llu %s", (unsigned long long)whole,
			 units[unit]);
	return dst;
}
