// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * aerostat.conf: what is accepted, what each mistake says, and that only the
 * VM with the mistake stays down.
 *
 * Sources: kernel/lib/conf.c kernel/lib/lib.c kernel/config/config.c
 * Sources: kernel/config/config_value.c kernel/config/config_keys.c
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

#include "kernel/config/config.h"

#define MIB (1ull << 20)

static struct config cfg;
static struct config_vm vms[CONFIG_MAX_VMS];

static int parse(const char *text)
{
	return config_parse(text, strlen(text), vms, CONFIG_MAX_VMS, &cfg);
}

static void test_loader_finds_the_files(void **state)
{
	static const char text[] = "\xef\xbb\xbf[vm a]\r\n"
				   "  kernel = vmlinuz # x\r\n"
				   "#kernel = no\n"
				   "cmdline = kernel=no\n"
				   "initrd=\"a b.img\"\n"
				   "kernel = \"open\n"
				   "module = m.bin args = 1";
	static const char *const files[] = { "vmlinuz", "a b.img", "m.bin" };
	struct conf_text t = { .text = text, .nbytes = sizeof(text) - 1 };
	char path[CONF_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_true(conf_next_file(&t, path));
		assert_string_equal(path, files[i]);
	}
	assert_false(conf_next_file(&t, path));
}

static void test_full_file(void **state)
{
	(void)state;
	assert_int_equal(
		parse("# two guests\n"
		      "[host]\n"
		      "log_level = debug\r\n"
		      "on_panic=reboot\n"
		      "reserve = 64M   ; kept back\n"
		      "max_cpus = 2\nclean_pool = off\n"
		      "console_port = 0x2f8\nconsole_baud = 9600\n"
		      "[vm web-1]\n"
		      "kernel = vmlinuz\n"
		      "initrd = \"initrd 1.img\"\n"
		      "cmdline = console=ttyS0 dyndbg=\"a # b\" # end\n"
		      "vcpus = 4\nweight = 250\n"
		      "mem.min = 64M\nmem.boot = 512m\nmem.max = 1G\n"
		      "mem.commit = around\nautostart = no\n"
		      "on_crash = restart\non_poweroff = restart\n"
		      "on_reboot = stop\ncpu.hide = erms, fsrm\n"
		      "[vm test_2] ; a Multiboot kernel\n"
		      "kernel = \\micro\\hello.elf\n"
		      "module = a.bin\nmodule = b.bin  x y z\n"
		      "loader = multiboot\ndebug_exit = 0xf4\n"),
		0);
	assert_int_equal(cfg.nr_errors, 0);
	assert_int_equal(cfg.host.log_level, LOG_DEBUG);
	assert_int_equal(cfg.host.on_panic, PANIC_REBOOT);
	assert_int_equal(cfg.host.reserve, 64 * MIB);
	assert_int_equal(cfg.host.max_cpus, 2);
	assert_false(cfg.host.clean_pool);
	assert_int_equal(cfg.host.console_port, 0x2f8);
	assert_int_equal(cfg.host.console_baud, 9600);

	assert_int_equal(cfg.nr_vms, 2);
	const struct config_vm *a = &cfg.vms[0], *b = &cfg.vms[1];

	assert_string_equal(a->name, "web-1");
	assert_int_equal(a->line, 10);
	assert_string_equal(a->initrd, "initrd 1.img");
	assert_string_equal(a->cmdline, "console=ttyS0 dyndbg=\"a # b\"");
	assert_int_equal(a->vcpus, 4);
	assert_int_equal(a->weight, 250);
	assert_int_equal(a->mem_min, 64 * MIB);
	assert_int_equal(a->mem_boot, 512 * MIB);
	assert_int_equal(a->mem_max, 1024 * MIB);
	assert_int_equal(a->commit, COMMIT_AROUND);
	assert_false(a->autostart);
	assert_int_equal(a->on_crash, ACTION_RESTART);
	assert_int_equal(a->on_poweroff, ACTION_RESTART);
	assert_int_equal(a->on_reboot, ACTION_STOP);
	assert_string_equal(a->cpu_hide, "erms, fsrm");
	assert_string_equal(b->kernel, "\\micro\\hello.elf");
	assert_int_equal(b->nr_modules, 2);
	assert_string_equal(b->modules[1], "b.bin");
	assert_string_equal(b->module_args[0], "");
	assert_string_equal(b->module_args[1], "x y z");
	assert_int_equal(b->loader, LOADER_MULTIBOOT);
	assert_int_equal(b->debug_exit, 0xf4);
	assert_true(b->autostart);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf[vm a]\nkernel=k"), 0);
	assert_int_equal(cfg.host.log_level, LOG_INFO);
	assert_int_equal(cfg.host.console_port, 0x3f8);
	assert_int_equal(cfg.host.console_baud, 115200);
	assert_true(cfg.host.clean_pool);
	assert_int_equal(cfg.vms[0].vcpus, 1);
	assert_int_equal(cfg.vms[0].weight, 100);
	assert_int_equal(cfg.vms[0].on_reboot, ACTION_RESTART);
	assert_int_equal(cfg.vms[0].on_poweroff, ACTION_STOP);
	assert_true(cfg.vms[0].autostart);
}

static const struct {
	const char *name, *text;
	uint64_t min, boot, max; /* MiB */
} sizes[] = {
	{ "nothing given", "", 64, 256, 256 },
	{ "boot alone", "mem.boot=1G\n", 256, 1024, 1024 },
	{ "small boot", "mem.boot=8M\n", 8, 8, 8 },
	{ "max alone is boot too", "mem.max=512M\n", 128, 512, 512 },
	{ "small min alone", "mem.min=32M\n", 32, 256, 256 },
	{ "big min alone raises boot", "mem.min=1G\n", 1024, 1024, 1024 },
	{ "min and max", "mem.min=32M\nmem.max=64M\n", 32, 64, 64 },
	{ "boot and max", "mem.boot=64M\nmem.max=1G\n", 16, 64, 1024 },
};

static void test_sizes_follow_each_other(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(text, sizeof(text), "[vm a]\nkernel=k\n%s",
			 sizes[i].text);
		if (parse(text) != 0 ||
		    cfg.vms[0].mem_min != sizes[i].min * MIB ||
		    cfg.vms[0].mem_boot != sizes[i].boot * MIB ||
		    cfg.vms[0].mem_max != sizes[i].max * MIB)
			fail_msg(
				"%s: %llu %llu %llu", sizes[i].name,
				(unsigned long long)(cfg.vms[0].mem_min / MIB),
				(unsigned long long)(cfg.vms[0].mem_boot / MIB),
				(unsigned long long)(cfg.vms[0].mem_max / MIB));
	}
}

/* Each is put on line 3 of a [vm bad] section that is fine without it. */
static const struct {
	const char *line, *error;
} vm_mistakes[] = {
	{ "memory = 5", "memory: unknown key; expected one of kernel initrd "
			"module cmdline loader vcpus weight mem.min mem.boot "
			"mem.max mem.commit autostart on_crash on_poweroff "
			"on_reboot debug_exit cpu.hide" },
	{ "kernel = twice",
	  "kernel: given twice; expected once (first on line 2)" },
	{ "initrd =", "initrd: empty; expected a file name" },
	{ "module =", "module: empty; expected PATH [ARGS]" },
	{ "no value", "'no value'; expected KEY = VALUE" },
	{ "vcpus = 0", "vcpus: '0'; expected a number from 1 to 64" },
	{ "vcpus = 65", "vcpus: '65'; expected a number from 1 to 64" },
	{ "vcpus = many", "vcpus: 'many'; expected a number from 1 to 64" },
	{ "weight = -1", "weight: '-1'; expected a number from 1 to 10000" },
	{ "debug_exit = 0x10000",
	  "debug_exit: '0x10000'; expected a number from 0 to 65535" },
	{ "autostart = maybe", "autostart: 'maybe'; expected yes or no" },
	{ "on_crash = explode", "on_crash: 'explode'; expected stop, restart "
				"or pause" },
	{ "mem.commit = big", "mem.commit: 'big'; expected huge, around or "
			      "single" },
	{ "loader = elf", "loader: 'elf'; expected auto, linux or multiboot" },
	{ "mem.boot = lots", "mem.boot: 'lots' is not a size; expected a "
			     "number with K, M or G, such as 512M" },
	{ "mem.boot = 0", "mem.boot: '0' is out of range; expected 4M to "
			  "1048576M" },
	{ "mem.boot = 512", "mem.boot: '512' is out of range; expected 4M to "
			    "1048576M" },
	{ "mem.boot = 99999999999999999999G",
	  "mem.boot: '99999999999999999999G' is out of range; expected 4M to "
	  "1048576M" },
	{ "mem.boot = 5M", "mem.boot: '5M' does not fit; expected a multiple "
			   "of 2 MiB" },
	{ "cpu.hide = ERMS", "cpu.hide: 'E' in 'ERMS'; expected CPUID feature "
			     "names in lower case with commas or spaces "
			     "between them" },
	{ "cmdline = \"open", "cmdline: double quotes don't match; expected "
			      "\"...\" around the whole value" },
	{ "cmdline = \"a\" b", "cmdline: double quotes don't match; expected "
			       "\"...\" around the whole value" },
	{ "cmdline = caf\xc3\xa9",
	  "byte 0xc3 in column 14; expected printable ASCII" },
	{ "  cmdline = a\x1b[2J",
	  "byte 0x1b in column 14; expected printable ASCII" },
};

static void test_mistakes_in_a_vm(void **state)
{
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vm_mistakes); i++) {
		snprintf(text, sizeof(text),
			 "[vm bad]\nkernel = k\n%s\n[vm good]\nkernel = k\n",
			 vm_mistakes[i].line);
		assert_int_equal(parse(text), -22);
		if (cfg.nr_errors != 1)
			fail_msg("%s: %u errors", vm_mistakes[i].line,
				 cfg.nr_errors);
		assert_string_equal(cfg.errors[0].text, vm_mistakes[i].error);
		assert_string_equal(cfg.errors[0].vm, "bad");
		assert_int_equal(cfg.errors[0].line, 3);
		assert_int_equal(cfg.nr_vms, 2);
		assert_true(cfg.vms[0].bad);
		assert_false(cfg.vms[1].bad);
	}
}

/* Whole files, each with exactly one mistake. */
static const struct {
	const char *name, *text;
	uint32_t line;
	const char *vm, *error;
} file_mistakes[] = {
	{ "min above boot", "[vm a]\nkernel=k\nmem.boot=32M\nmem.min=64M\n", 4,
	  "a",
	  "mem.min: 64M is above mem.boot = 32M; expected mem.min <= mem.boot "
	  "<= mem.max" },
	{ "boot above max", "[vm a]\nkernel=k\nmem.boot=64M\nmem.max=32M\n", 3,
	  "a",
	  "mem.boot: 64M is above mem.max = 32M; expected mem.min <= mem.boot "
	  "<= mem.max" },
	{ "min above max", "[vm a]\nkernel=k\nmem.min=64M\nmem.max=32M\n", 3,
	  "a",
	  "mem.min: 64M is above mem.boot = 32M; expected mem.min <= mem.boot "
	  "<= mem.max" },
	{ "no kernel", "[vm a]\n\nvcpus=1\n", 1, "a",
	  "kernel: missing; expected kernel = PATH" },
	{ "no VM", "[host]\n", 0, "",
	  "no VM; expected at least one [vm NAME] section; the machine comes "
	  "up without guests" },
	{ "empty file", "", 0, "",
	  "no VM; expected at least one [vm NAME] section; the machine comes "
	  "up without guests" },
	{ "unknown section", "[vm a]\nkernel=k\n[disk]\nx=y\n", 3, "",
	  "[disk]: unknown section; expected [host] or [vm NAME]" },
	{ "open header", "[vm a]\nkernel=k\n[vm b\nx=y\n", 3, "",
	  "'[vm b'; expected [host] or [vm NAME]" },
	{ "text behind a header", "[vm a] b\n[vm c]\nkernel=k", 1, "",
	  "'[vm a] b'; expected [host] or [vm NAME]" },
	{ "bad name", "[vm a]\nkernel=k\n[vm Web]\nx=y\n", 3, "",
	  "[vm Web]: bad name; expected a-z, then up to 30 of a-z 0-9 _ -" },
	{ "reserved name", "[vm b]\nkernel=k\n[vm all]\nkernel=k\n", 3, "",
	  "[vm all]: the name 'all' means every VM in commands; expected "
	  "another name" },
	{ "the host's name", "[vm b]\nkernel=k\n[vm host]\nkernel=k\n", 3, "",
	  "[vm host]: the name 'host' means the machine in commands; expected "
	  "another name" },
	{ "duplicate VM", "[vm a]\nkernel=k\n[vm a]\nx=y\n", 3, "a",
	  "given twice; expected one section for each VM (first on "
	  "line 1)" },
	{ "duplicate host", "[host]\n[vm a]\nkernel=k\n[host]\nx=y\n", 4, "",
	  "[host]: given twice; expected once (first on line 1)" },
	{ "key without a section", "x = y\n[vm a]\nkernel=k\n", 1, "",
	  "'x = y' before any section; expected [host] or [vm NAME] first" },
	{ "unknown host key", "[host]\nkernel=k\n[vm a]\nkernel=k\n", 2, "",
	  "kernel: unknown key; expected one of log_level on_panic reserve "
	  "max_cpus clean_pool debug_commands console_port console_baud" },
	{ "bad baud rate", "[host]\nconsole_baud=1000\n[vm a]\nkernel=k\n", 2,
	  "",
	  "console_baud: '1000'; expected a rate that divides 115200, such as "
	  "115200, 57600, 38400, 19200 or 9600" },
};

static void test_mistakes_in_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(file_mistakes); i++) {
		assert_int_equal(parse(file_mistakes[i].text), -22);
		if (cfg.nr_errors != 1 ||
		    cfg.errors[0].line != file_mistakes[i].line)
			fail_msg("%s: %u errors, line %u: %s",
				 file_mistakes[i].name, cfg.nr_errors,
				 cfg.errors[0].line, cfg.errors[0].text);
		assert_string_equal(cfg.errors[0].text, file_mistakes[i].error);
		assert_string_equal(cfg.errors[0].vm, file_mistakes[i].vm);
		for (uint32_t v = 0; v < cfg.nr_vms; v++)
			assert_int_equal(cfg.vms[v].bad,
					 strcmp(cfg.vms[v].name,
						file_mistakes[i].vm) == 0);
	}
}

static void test_nul_byte(void **state)
{
	static const char text[] = "[vm a]\nkernel=k\0k\n";

	(void)state;
	assert_int_equal(
		config_parse(text, sizeof(text) - 1, vms, CONFIG_MAX_VMS, &cfg),
		-22);
	assert_string_equal(cfg.errors[0].text,
			    "byte 0x00 in column 9; expected printable ASCII");
	assert_int_equal(cfg.errors[0].line, 2);
	assert_true(cfg.vms[0].bad);
}

/* A mebibyte in one line is one error, and the file goes on behind it. */
static void test_huge_line(void **state)
{
	static const char head[] = "[vm a]\nkernel=k\ncmdline=";
	static const char tail[] = "\n[vm b]\nkernel=k\n";
	size_t n = 1 << 20;
	char *text = malloc(sizeof(head) + n + sizeof(tail));

	(void)state;
	strcpy(text, head);
	memset(text + sizeof(head) - 1, 'x', n);
	strcpy(text + sizeof(head) - 1 + n, tail);
	assert_int_equal(parse(text), -22);
	assert_int_equal(cfg.nr_errors, 1);
	assert_int_equal(cfg.errors[0].line, 3);
	assert_string_equal(cfg.errors[0].text,
			    "line of 1048584 characters; expected at most "
			    "4096");
	assert_true(cfg.vms[0].bad);
	assert_int_equal(cfg.nr_vms, 2);
	assert_false(cfg.vms[1].bad);
	free(text);
}

static void test_too_long_values(void **state)
{
	char text[CONF_LINE_MAX];

	(void)state;
	snprintf(text, sizeof(text), "[vm a]\nkernel=k\ncmdline=%01024d\n", 0);
	assert_int_equal(parse(text), -22);
	assert_string_equal(cfg.errors[0].text,
			    "cmdline: 1024 characters are too long; expected "
			    "at most 1023");
	snprintf(text, sizeof(text), "[vm a]\nkernel=k\ncmdline=%01023d\n", 0);
	assert_int_equal(parse(text), 0);
	snprintf(text, sizeof(text), "[vm a]\nkernel=%0128d\n", 0);
	assert_int_equal(parse(text), -22);
	snprintf(text, sizeof(text), "[vm a%031d]\nkernel=k\n", 0);
	assert_int_equal(parse(text), -22);
}

static void test_many_vms_and_errors(void **state)
{
	static char text[300 * 64];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 257; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "[vm v%d]\nkernel=k\n", i);
	assert_int_equal(parse(text), -22);
	assert_int_equal(cfg.nr_vms, CONFIG_MAX_VMS);
	assert_string_equal(cfg.errors[0].text,
			    "[vm v256]: too many; expected at most 256");
	assert_int_equal(cfg.errors[0].line, 513);
	assert_int_equal(config_count_vms(text, n), CONFIG_MAX_VMS);

	n = (size_t)snprintf(text, sizeof(text), "[vm a]\nkernel=k\n");
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "x%d=1\n", i);
	assert_int_equal(parse(text), -22);
	assert_int_equal(cfg.nr_errors, 100);
	assert_int_equal(cfg.errors[31].line, 34);
}

/* The hypervisor counts first, and makes room for no more. */
static void test_vms_are_counted_and_skipped(void **state)
{
	static const char text[] = "\xef\xbb\xbf[vm a]\nkernel=k\n# [vm x]\n"
				   " \t[ vm b ]\nkernel=k\n[host]\n"
				   "max_cpus = 3\n";

	(void)state;
	assert_int_equal(config_count_vms(text, strlen(text)), 3);
	assert_int_equal(config_count_vms(text, 0), 0);
	assert_int_equal(parse(text), 0);
	assert_int_equal(cfg.nr_vms, 2);
	(void)config_parse(text, strlen(text), NULL, 0, &cfg);
	assert_int_equal(cfg.nr_vms, 0);
	assert_int_equal(cfg.host.max_cpus, 3);
	assert_int_equal(config_parse(text, strlen(text), vms, 1, &cfg), -22);
	assert_int_equal(cfg.nr_vms, 1);
}

static void test_error_format(void **state)
{
	char text[320];

	(void)state;
	(void)parse("[vm a]\nkernel=k\nvcpus=0\n");
	config_error_format(&cfg.errors[0], text, sizeof(text));
	assert_string_equal(text,
			    "aerostat.conf:3: [vm a] vcpus: '0'; expected a "
			    "number from 1 to 64");
	(void)parse("");
	config_error_format(&cfg.errors[0], text, sizeof(text));
	assert_memory_equal(text, "aerostat.conf: no VM; ", 22);
}

/* Is `key = value` accepted where the key belongs? The rest is sound. */
static bool accepts(const struct config_key_doc *k, const char *value)
{
	bool host = strcmp(k->section, "host") == 0;
	char text[256];

	snprintf(text, sizeof(text),
		 "[host]\n%s%s%s\n[vm a]\nkernel=k\n%s%s%s\n",
		 host ? k->key : "", host ? " = " : "", host ? value : "",
		 host ? "" : k->key, host ? "" : " = ", host ? "" : value);
	return parse(text) == 0;
}

static void check_words(const struct config_key_doc *k)
{
	char copy[128];

	snprintf(copy, sizeof(copy), "%s", k->values);
	for (char *w = strtok(copy, " |"); w; w = strtok(NULL, " |"))
		if (!accepts(k, w))
			fail_msg("%s = %s is documented", k->key, w);
	assert_false(accepts(k, "nonsense"));
}

static void check_range(const struct config_key_doc *k)
{
	unsigned lo = (unsigned)strtoul(k->values, NULL, 10);
	unsigned hi = (unsigned)strtoul(strstr(k->values, "..") + 2, NULL, 10);
	char text[16];

	for (unsigned i = 0; i < 4; i++) {
		unsigned v[] = { lo, hi, hi + 1, lo - 1 };

		snprintf(text, sizeof(text), "%u", v[i]);
		if (accepts(k, text) != (i < 2))
			fail_msg("%s = %s is not as documented", k->key, text);
	}
}

/* What the reference says is accepted; a literal default changes nothing. */
static void test_documented_values_are_accepted(void **state)
{
	static struct config plain;
	struct config_vm plain_vm;
	struct config_key_doc k;

	(void)state;
	assert_int_equal(parse("[host]\n[vm a]\nkernel=k\n"), 0);
	plain = cfg;
	plain_vm = vms[0];
	for (size_t i = 0; config_key_get(i, &k); i++) {
		if (strstr(k.values, " | "))
			check_words(&k);
		else if (strstr(k.values, ".."))
			check_range(&k);
		else if (!(k.dflt[0] >= '0' && k.dflt[0] <= '9'))
			continue; /* in words */
		if (!accepts(&k, k.dflt))
			fail_msg("%s = %s is the default", k.key, k.dflt);
		vms[0].line = plain_vm.line;
		assert_memory_equal(&cfg.host, &plain.host, sizeof(cfg.host));
		assert_memory_equal(&vms[0], &plain_vm, sizeof(plain_vm));
	}
}

/* ---- docs/config.md ---- */

#define DOC	 "docs/config.md"
#define DOC_ROOM 65536u
#define BEGIN	 "<!-- keys of [%s]: made by `make docs` -->\n"
#define END	 "<!-- end of keys -->\n"

static char doc[DOC_ROOM];

/* `a | b` is written `a \\| b` in a table. */
static size_t table_row(const struct config_key_doc *k, char *dst, size_t room)
{
	size_t n = (size_t)snprintf(dst, room, "| `%s` | ", k->key);

	for (const char *v = k->values; *v; v++)
		n += (size_t)snprintf(dst + n, room - n, "%s%c",
				      *v == '|' ? "\\" : "", *v);
	return n + (size_t)snprintf(dst + n, room - n, " | %s | %s |\n",
				    k->dflt, k->meaning);
}

static void make_table(const char *section, char *dst, size_t room)
{
	struct config_key_doc k;
	size_t n = (size_t)snprintf(dst, room,
				    "| key | values | default | meaning |\n"
				    "|---|---|---|---|\n");

	for (size_t i = 0; config_key_get(i, &k); i++)
		if (strcmp(k.section, section) == 0)
			n += table_row(&k, dst + n, room - n);
}

static void read_doc(void)
{
	FILE *f = fopen(DOC, "r");

	assert_non_null(f);
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = '\0';
	fclose(f);
}

/* The text between a section's markers: its start, and *end. */
static char *find_table(const char *section, char **end)
{
	char begin[80];
	char *s;

	snprintf(begin, sizeof(begin), BEGIN, section);
	s = strstr(doc, begin);
	if (!s)
		fail_msg(DOC " lacks the marker %s", begin);
	s += strlen(begin);
	*end = strstr(s, END);
	assert_non_null(*end);
	return s;
}

/* docs/config.md says of the keys what the parser's table says. */
static void test_reference_is_current(void **state)
{
	static const char *const sections[] = { "host", "vm" };
	static char table[DOC_ROOM];

	(void)state;
	read_doc();
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		char *end, *s = find_table(sections[i], &end);

		make_table(sections[i], table, sizeof(table));
		if (strlen(table) != (size_t)(end - s) ||
		    strncmp(table, s, strlen(table)) != 0)
			fail_msg(DOC " is out of date: `make docs`");
	}
}

static void replace_table(const char *section)
{
	static char table[DOC_ROOM], rest[DOC_ROOM];
	char *end, *s = find_table(section, &end);

	make_table(section, table, sizeof(table));
	snprintf(rest, sizeof(rest), "%s", end);
	snprintf(s, sizeof(doc) - (size_t)(s - doc), "%s%s", table, rest);
}

/* `make docs` */
static int write_reference(void)
{
	FILE *f;

	read_doc();
	replace_table("host");
	replace_table("vm");
	f = fopen(DOC, "w");
	return f && fputs(doc, f) >= 0 && fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loader_finds_the_files),
		cmocka_unit_test(test_full_file),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_sizes_follow_each_other),
		cmocka_unit_test(test_mistakes_in_a_vm),
		cmocka_unit_test(test_mistakes_in_files),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_huge_line),
		cmocka_unit_test(test_too_long_values),
		cmocka_unit_test(test_many_vms_and_errors),
		cmocka_unit_test(test_vms_are_counted_and_skipped),
		cmocka_unit_test(test_error_format),
		cmocka_unit_test(test_documented_values_are_accepted),
		cmocka_unit_test(test_reference_is_current),
	};

	if (argc == 2 && strcmp(argv[1], "--write-reference") == 0)
		return write_reference();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
