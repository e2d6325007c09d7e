/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of aerostat.conf: the one source of what the parser accepts and
 * assumes, of `help config` and of the reference in docs/config.md (`make
 * docs`). The order is that of the reference.
 */
#include "kernel/config/config_priv.h"
#include "kernel/lib/lib.h"

/* Below it neither Linux nor a Multiboot kernel at 1 MiB fits. */
#define MEM_LEAST (4 * MIB)
#define MEM_MOST  (1ull << 40)

static const char *const words_level[] = { "err", "warn", "info", "debug",
					   NULL };
static const char *const words_panic[] = { "halt", "reboot", NULL };
static const char *const words_loader[] = { "auto", "linux", "multiboot",
					    NULL };
static const char *const words_commit[] = { "huge", "around", "single", NULL };
static const char *const words_action[] = { "stop", "restart", NULL };
static const char *const words_crash[] = { "stop", "restart", "pause", NULL };

#define HOST(field) offsetof(struct config_host, field)
#define VM(field)   offsetof(struct config_vm, field)

const struct config_key_rule config_host_rules[] = {
	{ "log_level", VALUE_WORD, HOST(log_level), .words = words_level,
	  .dflt = "info",
	  .meaning = "log lines of this level and above appear on the "
		     "console" },
	{ "on_panic", VALUE_WORD, HOST(on_panic), .words = words_panic,
	  .dflt = "halt",
	  .meaning = "what the machine does after a panic report" },
	{ "reserve", VALUE_BYTES, HOST(reserve), .hi = MEM_MOST, .grain = 4096,
	  .no_dflt = "chosen from RAM",
	  .meaning = "memory that guests may not take, kept for the "
		     "hypervisor" },
	{ "max_cpus", VALUE_U32, HOST(max_cpus), .lo = 0, .hi = 64, .dflt = "0",
	  .meaning = "use at most so many CPUs; 0: all" },
	{ "clean_pool", VALUE_BOOL, HOST(clean_pool), .dflt = "yes",
	  .meaning = "idle CPUs zero free memory ahead of need" },
	{ "debug_commands", VALUE_BOOL, HOST(debug_commands), .dflt = "no",
	  .meaning = "allow the commands that break the machine on purpose: "
		     "panic, mce" },
	{ "console_port", VALUE_U32, HOST(console_port), .lo = 1, .hi = 0xfff8,
	  .values = "I/O port", .dflt = "0x3f8",
	  .meaning = "16550 that carries the console" },
	{ "console_baud", VALUE_BAUD, HOST(console_baud), .lo = 1, .hi = 115200,
	  .dflt = "115200", .meaning = "its speed; must divide 115200" },
	{ .name = NULL },
};

const struct config_key_rule config_vm_rules[] = {
	{ "kernel", VALUE_PATH, VM(kernel), .nbytes = CONFIG_PATH_MAX,
	  .no_dflt = "must be given",
	  .meaning = "Linux bzImage or Multiboot image, relative to "
		     "\\aerostat" },
	{ "initrd", VALUE_PATH, VM(initrd), .nbytes = CONFIG_PATH_MAX,
	  .no_dflt = "none", .meaning = "initial RAM disk of a Linux guest" },
	{ "module", VALUE_MODULE, .no_dflt = "none",
	  .meaning = "Multiboot module and its command line; may be repeated "
		     "(up to 8)" },
	{ "cmdline", VALUE_TEXT, VM(cmdline), .nbytes = CONFIG_CMDLINE_MAX,
	  .no_dflt = "empty", .meaning = "kernel command line" },
	{ "loader", VALUE_WORD, VM(loader), .words = words_loader,
	  .dflt = "auto",
	  .meaning = "how to load the kernel; auto looks at the image" },
	{ "vcpus", VALUE_U32, VM(vcpus), .lo = 1, .hi = CONFIG_MAX_VCPUS,
	  .dflt = "1", .meaning = "number of virtual CPUs" },
	{ "weight", VALUE_U32, VM(weight), .lo = 1, .hi = 10000, .dflt = "100",
	  .meaning = "share of CPU time against the other VMs" },
	{ "mem.min", VALUE_BYTES, VM(mem_min), .lo = MEM_LEAST, .hi = MEM_MOST,
	  .grain = MEM_GRAIN, .no_dflt = "a quarter of mem.boot, 16M or more",
	  .meaning = "memory that is never taken from the VM" },
	{ "mem.boot", VALUE_BYTES, VM(mem_boot), .lo = MEM_LEAST,
	  .hi = MEM_MOST, .grain = MEM_GRAIN, .no_dflt = "mem.max, else 256M",
	  .meaning = "guest RAM at boot (hollow until touched)" },
	{ "mem.max", VALUE_BYTES, VM(mem_max), .lo = MEM_LEAST, .hi = MEM_MOST,
	  .grain = MEM_GRAIN, .no_dflt = "mem.boot",
	  .meaning = "the VM never uses more than this" },
	{ "mem.commit", VALUE_WORD, VM(commit), .words = words_commit,
	  .dflt = "huge",
	  .meaning = "what a first touch commits: 2 MiB, neighbours, or one "
		     "4 KiB page" },
	{ "autostart", VALUE_BOOL, VM(autostart), .dflt = "yes",
	  .meaning = "start the VM when the machine comes up" },
	{ "on_crash", VALUE_WORD, VM(on_crash), .words = words_crash,
	  .dflt = "stop",
	  .meaning = "what follows a crash of the guest; pause keeps its "
		     "memory" },
	{ "on_poweroff", VALUE_WORD, VM(on_poweroff), .words = words_action,
	  .dflt = "stop", .meaning = "what follows when the guest powers off" },
	{ "on_reboot", VALUE_WORD, VM(on_reboot), .words = words_action,
	  .dflt = "restart", .meaning = "what follows when the guest reboots" },
	{ "debug_exit", VALUE_U32, VM(debug_exit), .lo = 0, .hi = 0xffff,
	  .values = "I/O port", .dflt = "0",
	  .meaning = "an OUT to this port ends the VM and shows the value; "
		     "0: none" },
	{ "cpu.hide", VALUE_FEATURES, VM(cpu_hide),
	  .nbytes = sizeof(((struct config_vm *)0)->cpu_hide),
	  .no_dflt = "none",
	  .meaning = "CPUID features to hide from the guest, such as erms" },
	{ .name = NULL },
};

#define NR_HOST_KEYS (ARRAY_SIZE(config_host_rules) - 1)
#define NR_VM_KEYS   (ARRAY_SIZE(config_vm_rules) - 1)
_Static_assert(NR_HOST_KEYS <= CONFIG_MAX_KEYS && NR_VM_KEYS <= CONFIG_MAX_KEYS,
	       "key_line[] is too small");

void config_list_words(const char *const *words, const char *between,
		       const char *last, char *dst, size_t nbytes)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; words[i] && used < nbytes; i++) {
		const char *sep = i == 0 ? "" : words[i + 1] ? between : last;

		used += (size_t)snprintf(dst + used, nbytes - used, "%s%s", sep,
					 words[i]);
	}
}

static void describe_values(const struct config_key_rule *k, char *dst,
			    size_t nbytes)
{
	static const char *const by_kind[] = {
		[VALUE_BYTES] = "size",		[VALUE_BOOL] = "yes | no",
		[VALUE_PATH] = "PATH",		[VALUE_TEXT] = "text",
		[VALUE_FEATURES] = "names",	[VALUE_BAUD] = "rate",
		[VALUE_MODULE] = "PATH [ARGS]",
	};

	if (k->values)
		(void)str_copy(dst, k->values, nbytes);
	else if (k->kind == VALUE_WORD)
		config_list_words(k->words, " | ", " | ", dst, nbytes);
	else if (k->kind == VALUE_U32)
		(void)snprintf(dst, nbytes, "%llu..%llu",
			       (unsigned long long)k->lo,
			       (unsigned long long)k->hi);
	else
		(void)str_copy(dst, by_kind[k->kind], nbytes);
}

bool config_key_get(size_t i, struct config_key_doc *out)
{
	const struct config_key_rule *k;

	if (i >= NR_HOST_KEYS + NR_VM_KEYS)
		return false;
	k = i < NR_HOST_KEYS ? &config_host_rules[i]
			     : &config_vm_rules[i - NR_HOST_KEYS];
	out->section = i < NR_HOST_KEYS ? "host" : "vm";
	out->key = k->name;
	out->dflt = k->dflt ? k->dflt : k->no_dflt;
	out->meaning = k->meaning;
	describe_values(k, out->values, sizeof(out->values));
	return true;
}
