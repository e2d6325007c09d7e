// SPDX-License-Identifier: GPL-2.0-or-later
/* Entry for clang's libFuzzer; FUZZ_TARGET names the target. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	FUZZ_TARGET(data, n);
	return 0;
}
