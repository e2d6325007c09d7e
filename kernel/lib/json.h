/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes one JSON value as a stream, without white space, so that a listing
 * is one line. Nesting and the use of keys are checked with BUG_ON(); text
 * may hold anything.
 */
#ifndef KERNEL_JSON_H
#define KERNEL_JSON_H

#include "kernel/lib/compiler.h"

#define JSON_DEPTH_MAX 8u

struct json {
	void (*emit)(void *arg, const char *s, size_t n);
	void *arg;
	uint32_t depth;	   /* open objects and arrays */
	uint32_t objects;  /* bit d: level d is an object */
	uint32_t nonempty; /* bit d: level d has a member */
};

void json_begin(struct json *j,
		void (*emit)(void *arg, const char *s, size_t n), void *arg);
/* Every object and array must be closed. */
void json_finish(const struct json *j);

/* `key` must be given inside an object and be NULL elsewhere. */
void json_open_object(struct json *j, const char *key);
void json_close_object(struct json *j);
void json_open_array(struct json *j, const char *key);
void json_close_array(struct json *j);
void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

#endif
