/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of CPUID features for `cpu.hide`; Linux's names in /proc/cpuinfo, and
 * QEMU's for a KVM feature that is none of the processor's, with _ for -.
 */
#ifndef VMX_CPUID_NAMES_H
#define VMX_CPUID_NAMES_H

#include "kernel/lib/compiler.h"

struct cpuid_name {
	const char *name;
	uint32_t leaf;
	unsigned reg, bit; /* reg: 0 EAX .. 3 EDX */
};

/*
 * The next known feature in a comma- or space-separated list; *s moves behind
 * it. Unknown names are skipped (vm_start reports them). NULL: end.
 */
const struct cpuid_name *cpuid_name_next(const char **s);

/* The first unknown name of the list, copied to out; false: all are known. */
bool cpuid_name_unknown(const char *list, char *out, size_t nbytes);

#endif
