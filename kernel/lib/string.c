// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory and string functions of ISO C that the compiler and the
 * hypervisor call. String instructions move eight bytes at a time: quick on
 * every processor of the last decade, and on emulators that charge per step.
 */
#include "kernel/lib/lib.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t nbytes)
{
	void *d = dst;
	size_t quads = nbytes / 8;
	size_t rest = nbytes % 8;

	__asm__ volatile("rep movsq\n\t"
			 "mov %[rest], %%rcx\n\t"
			 "rep movsb"
			 : "+D"(d), "+S"(src), "+c"(quads)
			 : [rest] "r"(rest)
			 : "memory");
	return dst;
}

static void copy_backward(void *dst, const void *src, size_t nbytes)
{
	uint8_t *d = (uint8_t *)dst + nbytes - 1;
	const uint8_t *s = (const uint8_t *)src + nbytes - 1;

	__asm__ volatile("std; rep movsb; cld"
			 : "+D"(d), "+S"(s), "+c"(nbytes)
			 :
			 : "memory");
}

void *memmove(void *dst, const void *src, size_t nbytes)
{
	if ((uintptr_t)dst - (uintptr_t)src >= nbytes)
		return memcpy(dst, src, nbytes);
	copy_backward(dst, src, nbytes);
	return dst;
}

void *memset(void *dst, int c, size_t nbytes)
{
	void *d = dst;
	size_t quads = nbytes / 8;
	size_t rest = nbytes % 8;

	__asm__ volatile("rep stosq\n\t"
			 "mov %[rest], %%rcx\n\t"
			 "rep stosb"
			 : "+D"(d), "+c"(quads)
			 : [rest] "r"(rest),
			   "a"((uint8_t)c * 0x0101010101010101ull)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t nbytes)
{
	const uint8_t *p = a;
	const uint8_t *q = b;

	for (; nbytes; nbytes--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	const char *e = s;

	while (*e)
		e++;
	return (size_t)(e - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)(uintptr_t)s;
}
