// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The freestanding library against the host's libc.
 * Sources: kernel/lib/lib.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

/* The product's own functions, under names that don't replace libc's. */
#define memcpy	  k_memcpy
#define memmove	  k_memmove
#define memset	  k_memset
#define memcmp	  k_memcmp
#define strlen	  k_strlen
#define strnlen	  k_strnlen
#define strcmp	  k_strcmp
#define strncmp	  k_strncmp
#define strchr	  k_strchr
#define snprintf  k_snprintf
#define vsnprintf k_vsnprintf
#define KERNEL_LIB_H
void *memcpy(void *restrict dst, const void *restrict src, size_t nbytes);
void *memmove(void *dst, const void *src, size_t nbytes);
void *memset(void *dst, int c, size_t nbytes);
int memcmp(const void *a, const void *b, size_t nbytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
int snprintf(char *dst, size_t nbytes, const char *fmt, ...) PRINTF(3, 4);
int vsnprintf(char *dst, size_t nbytes, const char *fmt, va_list ap);
#include "kernel/lib/printf.c"
#include "kernel/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef snprintf
#undef vsnprintf

/* libc's, out of sight of the compiler's truncation warnings. */
PRINTF(3, 4)
static int libc_print(char *dst, size_t nbytes, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, nbytes, fmt, ap);
	va_end(ap);
	return n;
}

/* Formats with both and compares text and length, at every buffer size. */
#define CHECK_PRINTF(...)                                                      \
	do {                                                                   \
		char want_[200], got_[200];                                    \
		int want_n_ = libc_print(want_, sizeof(want_), __VA_ARGS__);   \
                                                                               \
		for (size_t room_ = 0; room_ < 60; room_++) {                  \
			memset(got_, '!', sizeof(got_));                       \
			libc_print(want_, room_, __VA_ARGS__);                 \
			assert_int_equal(k_snprintf(got_, room_, __VA_ARGS__), \
					 want_n_);                             \
			if (room_)                                             \
				assert_string_equal(got_, want_);              \
			else                                                   \
				assert_int_equal(got_[0], '!');                \
		}                                                              \
	} while (0)

static void printf_agrees_with_libc(void **state)
{
	static const long long values[] = { 0,	       1,	  -1,
					    9,	       10,	  42,
					    -12345,    INT32_MAX, INT32_MIN,
					    INT64_MAX, INT64_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long long v = values[i];

		CHECK_PRINTF("%d|%5d|%-5d|%05d|%+d", (int)v, (int)v, (int)v,
			     (int)v, (int)v);
		CHECK_PRINTF("%lld|%20lld|%-20lld|%020lld", v, v, v, v);
		CHECK_PRINTF("%llu %llx %#llx %#llX", (unsigned long long)v,
			     (unsigned long long)v, (unsigned long long)v,
			     (unsigned long long)v);
		CHECK_PRINTF("%hhd %hd %hhu %hu", (signed char)v, (short)v,
			     (unsigned char)v, (unsigned short)v);
		CHECK_PRINTF("%.5lld %10.5lld %.0lld", v, v, v);
		CHECK_PRINTF("%llo %#llo", (unsigned long long)v,
			     (unsigned long long)v);
		CHECK_PRINTF("%zx %zd %td", (size_t)v, (ssize_t)v,
			     (ptrdiff_t)v);
		CHECK_PRINTF("%#018llx|% lld", (unsigned long long)v, v);
	}
	CHECK_PRINTF("%s|%10s|%-10s|%.2s|%10.2s", "text", "text", "text",
		     "text", "text");
	CHECK_PRINTF("%*d|%-*d|%.*s", 7, 42, 7, 42, 3, "abcdef");
	CHECK_PRINTF("%c%c%%|%3c|%-3c|", 'a', 'b', 'c', 'd');
	CHECK_PRINTF("%p", (void *)0x1234abcd);
}

static void strings_agree_with_libc(void **state)
{
	static const char *const words[] = { "",    "a", "ab",	 "abc",
					     "abd", "b", "\xff", "ab\x80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
			const char *a = words[i], *b = words[j];

			assert_int_equal(k_strcmp(a, b) < 0, strcmp(a, b) < 0);
			assert_int_equal(k_strcmp(a, b) > 0, strcmp(a, b) > 0);
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(k_strncmp(a, b, n) == 0,
						 strncmp(a, b, n) == 0);
		}
		assert_int_equal(k_strlen(words[i]), strlen(words[i]));
		assert_int_equal(k_strnlen(words[i], 2), strnlen(words[i], 2));
		for (int c = 0; c < 256; c++)
			assert_ptr_equal(k_strchr(words[i], c),
					 strchr(words[i], c));
	}
}

static void memory_functions_agree_with_libc(void **state)
{
	uint8_t want[128], got[128];

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t to = (size_t)rand() % 64, from = (size_t)rand() % 64;
		size_t n = (size_t)rand() % 65;

		for (size_t i = 0; i < sizeof(want); i++)
			want[i] = got[i] = (uint8_t)rand();
		memmove(want + to, want + from, n);
		assert_ptr_equal(k_memmove(got + to, got + from, n), got + to);
		assert_memory_equal(got, want, sizeof(want));
		memset(want + to, round, n);
		assert_ptr_equal(k_memset(got + to, round, n), got + to);
		assert_memory_equal(got, want, sizeof(want));
		assert_int_equal(k_memcmp(got, want, sizeof(want)), 0);
		want[to]++;
		assert_int_equal(k_memcmp(got, want, sizeof(want)) < 0,
				 memcmp(got, want, sizeof(want)) < 0);
	}
}

struct number_case {
	const char *text;
	int u64_err, bytes_err;
	uint64_t u64, bytes;
};

static void numbers_are_parsed_whole(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0, 0, 0 },
		{ "42", 0, 0, 42, 42 },
		{ "0x1f", 0, 0, 31, 31 },
		{ "0XfF", 0, 0, 255, 255 },
		{ "18446744073709551615", 0, 0, UINT64_MAX, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, -ERANGE, 0, 0 },
		{ "0x10000000000000000", -ERANGE, -ERANGE, 0, 0 },
		{ "99999999999999999999x", -EINVAL, -EINVAL, 0, 0 },
		{ "", -EINVAL, -EINVAL, 0, 0 },
		{ "-1", -EINVAL, -EINVAL, 0, 0 },
		{ "+1", -EINVAL, -EINVAL, 0, 0 },
		{ " 1", -EINVAL, -EINVAL, 0, 0 },
		{ "1 ", -EINVAL, -EINVAL, 0, 0 },
		{ "0x", -EINVAL, -EINVAL, 0, 0 },
		{ "12a", -EINVAL, -EINVAL, 0, 0 },
		{ "4K", -EINVAL, 0, 0, 4096 },
		{ "4k", -EINVAL, 0, 0, 4096 },
		{ "512M", -EINVAL, 0, 0, 512ull << 20 },
		{ "512MiB", -EINVAL, 0, 0, 512ull << 20 },
		{ "2GiB", -EINVAL, 0, 0, 2ull << 30 },
		{ "1T", -EINVAL, 0, 0, 1ull << 40 },
		{ "1MB", -EINVAL, -EINVAL, 0, 0 },
		{ "1Mi", -EINVAL, -EINVAL, 0, 0 },
		{ "K", -EINVAL, -EINVAL, 0, 0 },
		{ "1Q", -EINVAL, -EINVAL, 0, 0 },
		{ "16777216T", -EINVAL, -ERANGE, 0, 0 },
		{ "16777215T", -EINVAL, 0, 0, 16777215ull << 40 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct number_case *c = &cases[i];
		uint64_t v = 0;

		assert_int_equal(str_to_u64(c->text, &v), c->u64_err);
		assert_int_equal(v, c->u64);
		v = 0;
		assert_int_equal(str_to_bytes(c->text, &v), c->bytes_err);
		assert_int_equal(v, c->bytes);
	}
}

static void sizes_are_printed_short(void **state)
{
	static const struct {
		uint64_t nbytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 512ull << 20, "512 MiB" },
		{ (1ull << 30) + (512ull << 20), "1.5 GiB" },
		{ (1ull << 30) - 1, "1024 MiB" },
		{ UINT64_MAX, "16 EiB" },
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(
			bytes_to_str(cases[i].nbytes, buf, sizeof(buf)),
			cases[i].text);
}

static void str_copy_says_whether_it_fitted(void **state)
{
	char buf[4];

	(void)state;
	assert_true(str_copy(buf, "abc", sizeof(buf)));
	assert_string_equal(buf, "abc");
	assert_false(str_copy(buf, "abcd", sizeof(buf)));
	assert_string_equal(buf, "abc");
	assert_true(str_copy(buf, "", sizeof(buf)));
	assert_string_equal(buf, "");
	assert_false(str_copy(buf, "x", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printf_agrees_with_libc),
		cmocka_unit_test(strings_agree_with_libc),
		cmocka_unit_test(memory_functions_agree_with_libc),
		cmocka_unit_test(numbers_are_parsed_whole),
		cmocka_unit_test(sizes_are_printed_short),
		cmocka_unit_test(str_copy_says_whether_it_fitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
