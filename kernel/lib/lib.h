/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Freestanding C library subset. Same meaning as ISO C unless said. */
#ifndef KERNEL_LIB_H
#define KERNEL_LIB_H

#include <stdarg.h>

#include "kernel/lib/compiler.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t nbytes);
void *memmove(void *dst, const void *src, size_t nbytes);
void *memset(void *dst, int c, size_t nbytes);
int memcmp(const void *a, const void *b, size_t nbytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/*
 * %d %i %u %x %X %o %c %s %p %% with flags "-0#+ ", width, precision, '*',
 * and lengths hh h l ll z t. Always terminates dst when nbytes > 0; returns the
 * length that the whole text would have had.
 */
int snprintf(char *dst, size_t nbytes, const char *fmt, ...) PRINTF(3, 4);
int vsnprintf(char *dst, size_t nbytes, const char *fmt, va_list ap);

/* Copies at most nbytes - 1 characters and terminates. True if all fitted. */
bool str_copy(char *dst, const char *src, size_t nbytes);

/*
 * Parses the whole of s as an unsigned number: decimal or 0x hex.
 * 0, -EINVAL (not a number, trailing characters), -ERANGE (over 64 bits).
 */
MUST_CHECK int str_to_u64(const char *s, uint64_t *out);

/*
 * Parses a memory size in bytes: a number with an optional suffix K, M, G, T
 * (powers of 1024, either case, optional "iB"). Errors as str_to_u64.
 */
MUST_CHECK int str_to_bytes(const char *s, uint64_t *out);

/*
 * Writes nbytes as a short exact-or-rounded text such as "512 MiB" or
 * "1.5 GiB" into dst (at least 16 bytes); returns dst.
 */
char *bytes_to_str(uint64_t nbytes, char *dst, size_t dst_nbytes);

#endif
