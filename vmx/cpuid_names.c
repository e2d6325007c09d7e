/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of CPUID features for `cpu.hide`. Pure. */
#include "vmx/cpuid_names.h"

#include "guest-stubs/abi.h"
#include "kernel/lib/lib.h"

enum { EAX, EBX, ECX, EDX };

static const struct cpuid_name names[] = {
	{ "pni", 1, ECX, 0 },
	{ "pclmulqdq", 1, ECX, 1 },
	{ "ssse3", 1, ECX, 9 },
	{ "fma", 1, ECX, 12 },
	{ "cx16", 1, ECX, 13 },
	{ "pcid", 1, ECX, 17 },
	{ "sse4_1", 1, ECX, 19 },
	{ "sse4_2", 1, ECX, 20 },
	{ "x2apic", 1, ECX, 21 },
	{ "movbe", 1, ECX, 22 },
	{ "popcnt", 1, ECX, 23 },
	{ "tsc_deadline_timer", 1, ECX, 24 },
	{ "aes", 1, ECX, 25 },
	{ "xsave", 1, ECX, 26 },
	{ "avx", 1, ECX, 28 },
	{ "f16c", 1, ECX, 29 },
	{ "rdrand", 1, ECX, 30 },
	{ "hypervisor", 1, ECX, 31 },
	{ "fsgsbase", 7, EBX, 0 },
	{ "tsc_adjust", 7, EBX, 1 },
	{ "bmi1", 7, EBX, 3 },
	{ "avx2", 7, EBX, 5 },
	{ "smep", 7, EBX, 7 },
	{ "bmi2", 7, EBX, 8 },
	{ "erms", 7, EBX, 9 },
	{ "invpcid", 7, EBX, 10 },
	{ "avx512f", 7, EBX, 16 },
	{ "avx512dq", 7, EBX, 17 },
	{ "rdseed", 7, EBX, 18 },
	{ "adx", 7, EBX, 19 },
	{ "smap", 7, EBX, 20 },
	{ "avx512ifma", 7, EBX, 21 },
	{ "clflushopt", 7, EBX, 23 },
	{ "clwb", 7, EBX, 24 },
	{ "avx512cd", 7, EBX, 28 },
	{ "sha_ni", 7, EBX, 29 },
	{ "avx512bw", 7, EBX, 30 },
	{ "avx512vl", 7, EBX, 31 },
	{ "umip", 7, ECX, 2 },
	{ "pku", 7, ECX, 3 },
	{ "fsrm", 7, EDX, 4 },
	{ "kvm_pv_eoi", AEROSTAT_CPUID_KVM + 1, EAX, 6 },
	{ "nx", 0x80000001u, EDX, 20 },
	{ "pdpe1gb", 0x80000001u, EDX, 26 },
	{ "rdtscp", 0x80000001u, EDX, 27 },
};

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* The next word of the list; false: end. */
static bool next_word(const char **s, const char **word, size_t *n)
{
	while (is_separator(**s))
		(*s)++;
	*word = *s;
	while (**s && !is_separator(**s))
		(*s)++;
	*n = (size_t)(*s - *word);
	return *n != 0;
}

static const struct cpuid_name *lookup(const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i].name) == n &&
		    strncmp(names[i].name, word, n) == 0)
			return &names[i];
	return NULL;
}

const struct cpuid_name *cpuid_name_next(const char **s)
{
	const struct cpuid_name *found;
	const char *word;
	size_t n;

	while (next_word(s, &word, &n)) {
		found = lookup(word, n);
		if (found)
			return found;
	}
	return NULL;
}

bool cpuid_name_unknown(const char *list, char *out, size_t nbytes)
{
	const char *word;
	size_t n;

	while (next_word(&list, &word, &n)) {
		if (lookup(word, n))
			continue;
		n = min(n, nbytes - 1);
		memcpy(out, word, n);
		out[n] = '\0';
		return true;
	}
	return false;
}
