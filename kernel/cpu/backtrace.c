// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks the chain of saved frame pointers. It runs on what may be a broken
 * stack, so that each step must stay aligned, go up, and not go far.
 */
#include "kernel/cpu/backtrace.h"

#include "kernel/console/hostcon.h"
#include "kernel/cpu/symbols.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/lib.h"

#define MAX_FRAMES     24
#define MAX_FRAME_STEP 8192 /* bytes; no function here has a larger frame */

extern const char __text_start[], __text_end[];

const char *symbol_of(uint64_t addr, uint64_t *offset)
{
	uint32_t lo = 0, hi = nr_ksyms;

	if (addr < (uint64_t)__text_start || addr >= (uint64_t)__text_end ||
	    !nr_ksyms || addr < ksyms[0].addr)
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksyms[mid].addr <= addr)
			lo = mid;
		else
			hi = mid;
	}
	*offset = addr - ksyms[lo].addr;
	return ksyms[lo].name;
}

static void print_frame(unsigned n, uint64_t addr)
{
	char line[128];
	uint64_t offset = 0;
	/* A return address may be the first byte of the next function. */
	const char *name = symbol_of(n ? addr - 1 : addr, &offset);
	int len;

	if (name)
		len = snprintf(line, sizeof(line), "  #%-2u %#llx %s+%#llx\n",
			       n, (unsigned long long)addr, name,
			       (unsigned long long)offset + (n ? 1 : 0));
	else
		len = snprintf(line, sizeof(line), "  #%-2u %#llx\n", n,
			       (unsigned long long)addr);
	hostcon_write(line, min((size_t)len, sizeof(line) - 1));
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
	print_frame(0, rip);
	for (unsigned n = 1; n < MAX_FRAMES; n++) {
		const uint64_t *frame = (const uint64_t *)rbp;
		uint64_t next;

		/* Only the upper half is ever ours. */
		if (rbp % 8 || rbp < 0xffff800000000000ull || !frame[1])
			return;
		print_frame(n, frame[1]);
		next = frame[0];
		if (next <= rbp || next - rbp > MAX_FRAME_STEP)
			return;
		rbp = next;
	}
}
