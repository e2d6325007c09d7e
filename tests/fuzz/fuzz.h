/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz targets: each takes any bytes and ends the process (BUG, sanitizer,
 * failed assertion) when the code under test does wrong. tests/unit/test_fuzz.c
 * runs them on mutated seeds; each file can also be built alone with
 * clang -fsanitize=fuzzer -DFUZZ_TARGET=NAME and tests/fuzz/libfuzzer.c.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

void fuzz_config(const uint8_t *data, size_t n);
void fuzz_lineedit(const uint8_t *data, size_t n);
void fuzz_tokenize(const uint8_t *data, size_t n);

#endif
