// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Streaming JSON writer (RFC 8259). Invariant: after json_finish() the bytes
 * emitted are exactly one valid value, whatever the strings held.
 */
#include "kernel/lib/json.h"

#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"

static void put(struct json *j, const char *s)
{
	j->emit(j->arg, s, strlen(s));
}

/* Bytes above ASCII are taken as Latin-1: always valid, never lost. */
static void put_escaped(struct json *j, unsigned char c)
{
	char buf[8];

	if (c == '"' || c == '\\')
		(void)snprintf(buf, sizeof(buf), "\\%c", c);
	else if (c == '\n')
		(void)snprintf(buf, sizeof(buf), "\\n");
	else
		(void)snprintf(buf, sizeof(buf), "\\u%04x", c);
	put(j, buf);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_string(struct json *j, const char *s)
{
	put(j, "\"");
	while (*s) {
		size_t n = 0;

		while (is_plain((unsigned char)s[n]))
			n++;
		if (n > 0)
			j->emit(j->arg, s, n);
		s += n;
		if (*s)
			put_escaped(j, (unsigned char)*s++);
	}
	put(j, "\"");
}

/* What goes before every value: a comma if one is due, and the key. */
static void open_value(struct json *j, const char *key)
{
	uint32_t bit = (uint32_t)BIT(j->depth);
	bool in_object = j->objects & bit;

	BUG_ON(in_object != (key != NULL));
	BUG_ON(j->depth == 0 && (j->nonempty & bit));
	if (j->nonempty & bit)
		put(j, ",");
	j->nonempty |= bit;
	if (key) {
		put_string(j, key);
		put(j, ":");
	}
}

static void open_level(struct json *j, const char *key, bool object)
{
	uint32_t bit;

	open_value(j, key);
	BUG_ON(j->depth == JSON_DEPTH_MAX);
	j->depth++;
	bit = (uint32_t)BIT(j->depth);
	j->nonempty &= ~bit;
	j->objects = object ? j->objects | bit : j->objects & ~bit;
	put(j, object ? "{" : "[");
}

static void close_level(struct json *j, bool object)
{
	BUG_ON(j->depth == 0);
	BUG_ON(object != ((j->objects >> j->depth & 1) != 0));
	j->objects &= ~(uint32_t)BIT(j->depth);
	j->depth--;
	put(j, object ? "}" : "]");
}

void json_begin(struct json *j,
		void (*emit)(void *arg, const char *s, size_t n), void *arg)
{
	*j = (struct json){ .emit = emit, .arg = arg };
}

void json_finish(const struct json *j)
{
	BUG_ON(j->depth != 0 || !(j->nonempty & 1));
}

void json_open_object(struct json *j, const char *key)
{
	open_level(j, key, true);
}

void json_close_object(struct json *j)
{
	close_level(j, true);
}

void json_open_array(struct json *j, const char *key)
{
	open_level(j, key, false);
}

void json_close_array(struct json *j)
{
	close_level(j, false);
}

void json_str(struct json *j, const char *key, const char *value)
{
	open_value(j, key);
	put_string(j, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	char buf[24];

	open_value(j, key);
	(void)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);
	put(j, buf);
}

void json_bool(struct json *j, const char *key, bool value)
{
	open_value(j, key);
	put(j, value ? "true" : "false");
}
