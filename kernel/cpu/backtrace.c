// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks the chain of saved frame pointers. It runs on what may be a broken
 * stack, and a frame pointer may be anything, a guest's even: each frame must
 * lie wholly in memory that is a stack of ours. Within a stack the chain goes
 * up and not far; it leaves one only for what an interrupt stack interrupted.
 */
#include "kernel/cpu/backtrace.h"

#include "kernel/cpu/outlet.h"
#include "kernel/cpu/symbols.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/lib.h"
#include "mm/hostpt.h"

#define MAX_FRAMES     24
#define MAX_FRAME_STEP 8192 /* bytes; no function here has a larger frame */
#define MAX_JUMPS      3    /* to another stack: NMI, double fault, thread */

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

static void print_frame(unsigned n, uint64_t addr, bool called)
{
	char line[128];
	uint64_t offset = 0;
	/* A return address may be the first byte of the next function. */
	const char *name = symbol_of(addr - called, &offset);
	int len;

	if (name)
		len = snprintf(line, sizeof(line), "  #%-2u %#llx %s+%#llx\n",
			       n, (unsigned long long)addr, name,
			       (unsigned long long)offset + called);
	else
		len = snprintf(line, sizeof(line), "  #%-2u %#llx\n", n,
			       (unsigned long long)addr);
	hostcon_write(line, min((size_t)len, sizeof(line) - 1));
}

void backtrace_print(uint64_t rip, bool called, uint64_t rbp)
{
	unsigned jumps = 0;

	print_frame(0, rip, called);
	for (unsigned n = 1; n < MAX_FRAMES; n++) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (!hostpt_is_stack(rbp) || !hostpt_is_stack(rbp + 8) ||
		    !frame[1])
			return;
		print_frame(n, frame[1], true);
		if ((frame[0] <= rbp || frame[0] - rbp > MAX_FRAME_STEP) &&
		    ++jumps > MAX_JUMPS)
			return;
		rbp = frame[0];
	}
}
