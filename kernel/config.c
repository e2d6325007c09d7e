/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parser of aerostat.conf. Pure: no allocation, no I/O, no state between
 * calls; linked into the loader, the hypervisor, host tests and the fuzzer.
 *
 * Invariant: the text may hold anything; whatever it holds, the result is
 * well-formed (every string terminated, every number in range), and a VM that
 * a mistake touched is marked bad.
 */
#include "kernel/config.h"

#include "kernel/errno.h"
#include "kernel/lib.h"

#define MIB	  (1ull << 20)
#define MEM_GRAIN (2 * MIB)
/* Below it neither Linux nor a Multiboot kernel at 1 MiB fits. */
#define MEM_LEAST   (4 * MIB)
#define MEM_MOST    (1ull << 40)
#define MEM_DEFAULT (256 * MIB)
/* What is left to a VM whose mem.min is not given. */
#define MEM_MIN_DEFAULT_LEAST (16 * MIB)

#define MAX_KEYS 24

enum value_kind {
	VALUE_BYTES, /* size; multiple of `grain` */
	VALUE_U32,
	VALUE_BOOL,
	VALUE_WORD, /* one of `words`; stores its index */
	VALUE_PATH,
	VALUE_TEXT,
	VALUE_FEATURES,
	VALUE_MODULE,
	VALUE_BAUD,
};

struct key {
	const char *name;
	enum value_kind kind;
	size_t offset; /* in struct config_host or config_vm */
	uint64_t lo, hi;
	uint64_t grain;		  /* VALUE_BYTES */
	size_t nbytes;		  /* strings: room */
	const char *const *words; /* VALUE_WORD, NULL-terminated */
};

static const char *const words_level[] = { "err", "warn", "info", "debug",
					   NULL };
static const char *const words_panic[] = { "halt", "reboot", NULL };
static const char *const words_loader[] = { "auto", "linux", "multiboot",
					    NULL };
static const char *const words_commit[] = { "huge", "around", "single", NULL };
static const char *const words_action[] = { "stop", "restart", "pause",
					    "destroy", NULL };

#define HOST(field) offsetof(struct config_host, field)
#define VM(field)   offsetof(struct config_vm, field)

static const struct key host_keys[] = {
	{ "log_level", VALUE_WORD, HOST(log_level), .words = words_level },
	{ "on_panic", VALUE_WORD, HOST(on_panic), .words = words_panic },
	{ "reserve", VALUE_BYTES, HOST(reserve), .hi = MEM_MOST,
	  .grain = 4096 },
	{ "max_cpus", VALUE_U32, HOST(max_cpus), .lo = 0, .hi = 64 },
	{ "apicv", VALUE_BOOL, HOST(apicv), .hi = 1 },
	{ "clean_pool", VALUE_BOOL, HOST(clean_pool), .hi = 1 },
	{ "console_port", VALUE_U32, HOST(console_port), .lo = 1,
	  .hi = 0xfff8 },
	{ "console_baud", VALUE_BAUD, HOST(console_baud), .lo = 1,
	  .hi = 115200 },
	{ .name = NULL },
};

/* Where the rules between keys look up whether a key was given, and where. */
enum { KEY_MEM_MIN, KEY_MEM_BOOT, KEY_MEM_MAX, KEY_KERNEL };

static const struct key vm_keys[] = {
	[KEY_MEM_MIN] = { "mem.min", VALUE_BYTES, VM(mem_min), .lo = MEM_LEAST,
			  .hi = MEM_MOST, .grain = MEM_GRAIN },
	[KEY_MEM_BOOT] = { "mem.boot", VALUE_BYTES, VM(mem_boot),
			   .lo = MEM_LEAST, .hi = MEM_MOST,
			   .grain = MEM_GRAIN },
	[KEY_MEM_MAX] = { "mem.max", VALUE_BYTES, VM(mem_max), .lo = MEM_LEAST,
			  .hi = MEM_MOST, .grain = MEM_GRAIN },
	[KEY_KERNEL] = { "kernel", VALUE_PATH, VM(kernel),
			 .nbytes = CONFIG_PATH_MAX },
	{ "initrd", VALUE_PATH, VM(initrd), .nbytes = CONFIG_PATH_MAX },
	{ "module", VALUE_MODULE, .offset = 0 },
	{ "cmdline", VALUE_TEXT, VM(cmdline), .nbytes = CONFIG_CMDLINE_MAX },
	{ "loader", VALUE_WORD, VM(loader), .words = words_loader },
	{ "vcpus", VALUE_U32, VM(vcpus), .lo = 1, .hi = CONFIG_MAX_VCPUS },
	{ "weight", VALUE_U32, VM(weight), .lo = 1, .hi = 10000 },
	{ "mem.commit", VALUE_WORD, VM(commit), .words = words_commit },
	{ "autostart", VALUE_BOOL, VM(autostart), .hi = 1 },
	{ "on_crash", VALUE_WORD, VM(on_crash), .words = words_action },
	{ "on_poweroff", VALUE_WORD, VM(on_poweroff), .words = words_action },
	{ "on_reboot", VALUE_WORD, VM(on_reboot), .words = words_action },
	{ "debug_exit", VALUE_U32, VM(debug_exit), .lo = 0, .hi = 0xffff },
	{ "cpu.hide", VALUE_FEATURES, VM(cpu_hide),
	  .nbytes = sizeof(((struct config_vm *)0)->cpu_hide) },
	{ .name = NULL },
};

_Static_assert(ARRAY_SIZE(vm_keys) <= MAX_KEYS &&
		       ARRAY_SIZE(host_keys) <= MAX_KEYS,
	       "key_line[] is too small");

enum section {
	SECTION_NONE, /* before the first header */
	SECTION_HOST,
	SECTION_VM,
	SECTION_SKIP, /* its header was wrong: said once, keys ignored */
};

struct parser {
	struct config *out;
	uint32_t line;
	enum section section;
	struct config_vm *vm;	     /* SECTION_VM */
	uint32_t host_line;	     /* where [host] was; 0: not yet */
	uint32_t key_line[MAX_KEYS]; /* this section's; 0: not given */
};

/* Records a mistake at `line` and marks the VM of the section bad. */
static void PRINTF(3, 4)
	mistake(struct parser *p, uint32_t line, const char *fmt, ...)
{
	struct config *c = p->out;
	struct config_error *e;
	va_list ap;

	if (p->section == SECTION_VM)
		p->vm->bad = true;
	if (c->nr_errors++ >= CONFIG_MAX_ERRORS)
		return;
	e = &c->errors[c->nr_errors - 1];
	e->line = line;
	if (p->section == SECTION_VM)
		(void)str_copy(e->vm, p->vm->name, sizeof(e->vm));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && is_blank(s[n - 1]))
		n--;
	s[n] = '\0';
}

/* "a, b or c" for messages. */
static void list_words(const char *const *words, char *dst, size_t nbytes)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; words[i] && used < nbytes; i++) {
		const char *sep = i == 0 ? "" : words[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(dst + used, nbytes - used, "%s%s", sep,
					 words[i]);
	}
}

static void list_keys(const struct key *keys, char *dst, size_t nbytes)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; keys[i].name && used < nbytes; i++)
		used += (size_t)snprintf(dst + used, nbytes - used, "%s%s",
					 i == 0 ? "" : " ", keys[i].name);
}

static void store_u32(void *field, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	memcpy(field, &v, sizeof(v));
}

/*
 * Value parsers: 0, or -EINVAL with a mistake recorded. `field` is where the
 * result goes; nothing is stored on error.
 */
static int parse_bytes(struct parser *p, const struct key *k, const char *value,
		       void *field)
{
	char grain[16];
	uint64_t nbytes;
	int err = str_to_bytes(value, &nbytes);

	if (err == -ERANGE || (!err && (nbytes < k->lo || nbytes > k->hi))) {
		mistake(p, p->line,
			"%s: '%.40s' is out of range; expected %lluM to %lluM",
			k->name, value, (unsigned long long)(k->lo / MIB),
			(unsigned long long)(k->hi / MIB));
		return -EINVAL;
	}
	if (err) {
		mistake(p, p->line,
			"%s: '%.40s' is not a size; expected a number with K, "
			"M or G, such as 512M",
			k->name, value);
		return -EINVAL;
	}
	if (nbytes % k->grain != 0) {
		mistake(p, p->line,
			"%s: '%.40s' does not fit; expected a multiple of %s",
			k->name, value,
			bytes_to_str(k->grain, grain, sizeof(grain)));
		return -EINVAL;
	}
	memcpy(field, &nbytes, sizeof(nbytes));
	return 0;
}

static int parse_u32(struct parser *p, const struct key *k, const char *value,
		     void *field)
{
	uint64_t n;

	if (str_to_u64(value, &n) != 0 || n < k->lo || n > k->hi) {
		mistake(p, p->line,
			"%s: '%.40s'; expected a number from %llu to %llu",
			k->name, value, (unsigned long long)k->lo,
			(unsigned long long)k->hi);
		return -EINVAL;
	}
	store_u32(field, n);
	return 0;
}

/* The 16550 divides 115200 by a whole number. */
static int parse_baud(struct parser *p, const struct key *k, const char *value,
		      void *field)
{
	uint64_t n;

	if (str_to_u64(value, &n) != 0 || n < k->lo || n > k->hi ||
	    115200 % n != 0) {
		mistake(p, p->line,
			"%s: '%.40s'; expected a rate that divides 115200, "
			"such as 115200, 57600, 38400, 19200 or 9600",
			k->name, value);
		return -EINVAL;
	}
	store_u32(field, n);
	return 0;
}

static int parse_bool(struct parser *p, const struct key *k, const char *value,
		      void *field)
{
	static const char *const no_yes[] = { "no",    "yes",  "off", "on",
					      "false", "true", NULL };

	for (unsigned i = 0; no_yes[i]; i++) {
		if (strcmp(value, no_yes[i]) == 0) {
			*(bool *)field = i % 2 != 0;
			return 0;
		}
	}
	mistake(p, p->line, "%s: '%.40s'; expected yes or no", k->name, value);
	return -EINVAL;
}

static int parse_word(struct parser *p, const struct key *k, const char *value,
		      void *field)
{
	char all[64];

	for (uint32_t i = 0; k->words[i]; i++) {
		if (strcmp(value, k->words[i]) == 0) {
			store_u32(field, i);
			return 0;
		}
	}
	list_words(k->words, all, sizeof(all));
	mistake(p, p->line, "%s: '%.40s'; expected %s", k->name, value, all);
	return -EINVAL;
}

static int parse_string(struct parser *p, const struct key *k,
			const char *value, void *field)
{
	bool may_be_empty = k->kind == VALUE_TEXT || k->kind == VALUE_FEATURES;
	size_t n = strlen(value);

	if (n == 0 && !may_be_empty) {
		mistake(p, p->line, "%s: empty; expected a file name", k->name);
		return -EINVAL;
	}
	if (n >= k->nbytes) {
		mistake(p, p->line,
			"%s: %zu characters are too long; expected at most %zu",
			k->name, n, k->nbytes - 1);
		return -EINVAL;
	}
	memcpy(field, value, n + 1);
	return 0;
}

static bool is_feature_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || c == '.' || c == ',' || is_blank(c);
}

static int parse_features(struct parser *p, const struct key *k,
			  const char *value, void *field)
{
	for (const char *s = value; *s; s++) {
		if (is_feature_char(*s))
			continue;
		mistake(p, p->line,
			"%s: '%c' in '%.40s'; expected CPUID feature names in "
			"lower case with commas or spaces between them",
			k->name, *s, value);
		return -EINVAL;
	}
	return parse_string(p, k, value, field);
}

/* `module = PATH [ARGS]` adds one module. */
static int parse_module(struct parser *p, const struct key *k, char *value)
{
	struct config_vm *vm = p->vm;
	size_t path_len = 0;
	const char *args;

	if (vm->nr_modules == CONFIG_MAX_MODULES) {
		mistake(p, p->line, "%s: too many; expected at most %u",
			k->name, CONFIG_MAX_MODULES);
		return -EINVAL;
	}
	while (value[path_len] && !is_blank(value[path_len]))
		path_len++;
	args = skip_blanks(value + path_len);
	value[path_len] = '\0';
	if (path_len == 0) {
		mistake(p, p->line, "%s: empty; expected PATH [ARGS]", k->name);
		return -EINVAL;
	}
	if (path_len >= CONFIG_PATH_MAX || strlen(args) >= CONFIG_PATH_MAX) {
		mistake(p, p->line,
			"%s: too long; expected at most %u characters of path "
			"and %u of arguments",
			k->name, CONFIG_PATH_MAX - 1, CONFIG_PATH_MAX - 1);
		return -EINVAL;
	}
	(void)str_copy(vm->modules[vm->nr_modules], value, CONFIG_PATH_MAX);
	(void)str_copy(vm->module_args[vm->nr_modules], args, CONFIG_PATH_MAX);
	vm->nr_modules++;
	return 0;
}

static int parse_value(struct parser *p, const struct key *k, char *value,
		       void *base)
{
	void *field = (char *)base + k->offset;

	switch (k->kind) {
	case VALUE_BYTES: return parse_bytes(p, k, value, field);
	case VALUE_U32: return parse_u32(p, k, value, field);
	case VALUE_BAUD: return parse_baud(p, k, value, field);
	case VALUE_BOOL: return parse_bool(p, k, value, field);
	case VALUE_WORD: return parse_word(p, k, value, field);
	case VALUE_PATH:
	case VALUE_TEXT: return parse_string(p, k, value, field);
	case VALUE_FEATURES: return parse_features(p, k, value, field);
	case VALUE_MODULE: return parse_module(p, k, value);
	}
	return -EINVAL;
}

/*
 * Cuts a trailing comment (# or ; after a blank, outside double quotes) and
 * the double quotes around a whole value. NULL: the quotes don't match.
 */
static char *unquote(char *s)
{
	bool whole = *s == '"';
	bool quoted = false;
	size_t n;

	for (char *c = s; *c; c++) {
		if (*c == '"')
			quoted = !quoted;
		if (!quoted && (*c == '#' || *c == ';') && c > s &&
		    is_blank(c[-1])) {
			*c = '\0';
			break;
		}
	}
	trim_end(s);
	if (quoted)
		return NULL;
	n = strlen(s);
	if (!whole)
		return s;
	if (strchr(s + 1, '"') != s + n - 1)
		return NULL;
	s[n - 1] = '\0';
	return s + 1;
}

static void unknown_key(struct parser *p, const struct key *keys,
			const char *name)
{
	char all[180];

	list_keys(keys, all, sizeof(all));
	mistake(p, p->line, "%.24s: unknown key; expected one of %s", name,
		all);
}

/* One `key = value` line; `s` starts at the key. */
static void parse_key(struct parser *p, char *s)
{
	bool host = p->section == SECTION_HOST;
	const struct key *keys = host ? host_keys : vm_keys;
	void *base = host ? (void *)&p->out->host : (void *)p->vm;
	char *value = strchr(s, '=');
	size_t i = 0;

	if (!value) {
		mistake(p, p->line, "'%.40s'; expected KEY = VALUE", s);
		return;
	}
	*value = '\0';
	trim_end(s);
	while (keys[i].name && strcmp(keys[i].name, s) != 0)
		i++;
	if (!keys[i].name) {
		unknown_key(p, keys, s);
		return;
	}
	if (p->key_line[i] && keys[i].kind != VALUE_MODULE) {
		mistake(p, p->line,
			"%s: given twice; expected once (first on line %u)", s,
			p->key_line[i]);
		return;
	}
	p->key_line[i] = p->line;
	value = unquote(skip_blanks(value + 1));
	if (!value) {
		mistake(p, p->line,
			"%s: double quotes don't match; expected \"...\" "
			"around the whole value",
			s);
		return;
	}
	(void)parse_value(p, &keys[i], value, base);
}

static bool is_vm_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= CONFIG_NAME_MAX || s[0] < 'a' || s[0] > 'z')
		return false;
	for (; *s; s++) {
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') &&
		    *s != '_' && *s != '-')
			return false;
	}
	return true;
}

static struct config_vm *find_vm(struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->nr_vms; i++) {
		if (strcmp(c->vms[i].name, name) == 0)
			return &c->vms[i];
	}
	return NULL;
}

static void vm_set_defaults(struct config_vm *vm, const char *name,
			    uint32_t line)
{
	(void)str_copy(vm->name, name, sizeof(vm->name));
	vm->line = line;
	vm->vcpus = 1;
	vm->weight = 100;
	vm->on_crash = ACTION_STOP;
	vm->on_poweroff = ACTION_STOP;
	vm->on_reboot = ACTION_RESTART;
	vm->commit = COMMIT_HUGE;
	vm->autostart = true;
}

/* [vm NAME]. Two sections of one name: nobody knows which one is meant. */
static void open_vm(struct parser *p, const char *name)
{
	struct config *c = p->out;
	struct config_vm *twin = find_vm(c, name);

	p->section = SECTION_SKIP;
	if (!is_vm_name(name)) {
		mistake(p, p->line,
			"[vm %.32s]: bad name; expected a-z, then up to %u of "
			"a-z 0-9 _ -",
			name, CONFIG_NAME_MAX - 2);
		return;
	}
	if (twin) {
		p->section = SECTION_VM;
		p->vm = twin;
		mistake(p, p->line,
			"[vm %s]: given twice; expected one section for each "
			"VM (first on line %u)",
			name, twin->line);
		p->section = SECTION_SKIP;
		return;
	}
	if (strcmp(name, "all") == 0) {
		mistake(p, p->line,
			"[vm all]: the name 'all' means every VM in commands; "
			"expected another name");
		return;
	}
	if (c->nr_vms == CONFIG_MAX_VMS) {
		mistake(p, p->line, "[vm %s]: too many; expected at most %u",
			name, CONFIG_MAX_VMS);
		return;
	}
	p->vm = &c->vms[c->nr_vms++];
	vm_set_defaults(p->vm, name, p->line);
	p->section = SECTION_VM;
}

static void open_host(struct parser *p)
{
	p->section = SECTION_HOST;
	if (!p->host_line) {
		p->host_line = p->line;
		return;
	}
	mistake(p, p->line,
		"[host]: given twice; expected once (first on line %u)",
		p->host_line);
	p->section = SECTION_SKIP;
}

/*
 * Sizes that were not given follow the given ones: mem.max = mem.boot and the
 * reverse; mem.min = a quarter of mem.boot.
 */
static void vm_fill_sizes(struct parser *p, struct config_vm *vm)
{
	bool has_min = p->key_line[KEY_MEM_MIN] && vm->mem_min;
	bool has_boot = p->key_line[KEY_MEM_BOOT] && vm->mem_boot;
	bool has_max = p->key_line[KEY_MEM_MAX] && vm->mem_max;
	uint64_t quarter;

	if (!has_boot)
		vm->mem_boot =
			has_max ? vm->mem_max
				: max((uint64_t)MEM_DEFAULT, vm->mem_min);
	if (!has_max)
		vm->mem_max = vm->mem_boot;
	if (has_min)
		return;
	quarter = round_down(vm->mem_boot / 4, MEM_GRAIN);
	quarter = max(quarter, (uint64_t)MEM_MIN_DEFAULT_LEAST);
	vm->mem_min = min(quarter, vm->mem_boot);
}

/* The rules between keys, at the end of each [vm] section. */
static void close_section(struct parser *p)
{
	struct config_vm *vm = p->vm;
	const uint32_t *at = p->key_line;

	if (p->section == SECTION_VM) {
		if (!at[KEY_KERNEL])
			mistake(p, vm->line,
				"kernel: missing; expected kernel = PATH");
		vm_fill_sizes(p, vm);
		if (vm->mem_min > vm->mem_boot)
			mistake(p, at[KEY_MEM_MIN],
				"mem.min: %lluM is above mem.boot = %lluM; "
				"expected mem.min <= mem.boot <= mem.max",
				(unsigned long long)(vm->mem_min / MIB),
				(unsigned long long)(vm->mem_boot / MIB));
		if (vm->mem_boot > vm->mem_max)
			mistake(p, at[KEY_MEM_BOOT],
				"mem.boot: %lluM is above mem.max = %lluM; "
				"expected mem.min <= mem.boot <= mem.max",
				(unsigned long long)(vm->mem_boot / MIB),
				(unsigned long long)(vm->mem_max / MIB));
	}
	p->section = SECTION_NONE;
	p->vm = NULL;
	memset(p->key_line, 0, sizeof(p->key_line));
}

/* One `[...]` line. */
static void parse_header(struct parser *p, char *s)
{
	char *end = strchr(s, ']');
	char *rest;

	close_section(p);
	rest = end ? skip_blanks(end + 1) : NULL;
	if (!rest || (*rest && *rest != '#' && *rest != ';')) {
		p->section = SECTION_SKIP;
		mistake(p, p->line, "'%.40s'; expected [host] or [vm NAME]", s);
		return;
	}
	*end = '\0';
	s = skip_blanks(s + 1);
	trim_end(s);
	if (strcmp(s, "host") == 0) {
		open_host(p);
	} else if (strncmp(s, "vm", 2) == 0 && is_blank(s[2])) {
		open_vm(p, skip_blanks(s + 2));
	} else {
		p->section = SECTION_SKIP;
		mistake(p, p->line,
			"[%.40s]: unknown section; expected [host] or "
			"[vm NAME]",
			s);
	}
}

/* Column (1..) of the first byte that is not printable ASCII or tab; 0: none */
static size_t first_bad_byte(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x20 && c != '\t') || c >= 0x7f)
			return i + 1;
	}
	return 0;
}

/* One line without its line end. */
static void parse_line(struct parser *p, const char *text, size_t n)
{
	char line[CONFIG_LINE_MAX + 1];
	const char *start = text;
	size_t bad;
	char *s;

	while (n > 0 && is_blank(text[0])) {
		text++;
		n--;
	}
	/* A comment may hold anything. */
	if (n == 0 || text[0] == '#' || text[0] == ';')
		return;
	if (n > CONFIG_LINE_MAX) {
		mistake(p, p->line,
			"line of %zu characters; expected at most %u", n,
			CONFIG_LINE_MAX);
		return;
	}
	bad = first_bad_byte(text, n);
	if (bad) {
		mistake(p, p->line,
			"byte 0x%02x in column %zu; expected printable ASCII",
			(unsigned char)text[bad - 1],
			bad + (size_t)(text - start));
		return;
	}
	memcpy(line, text, n);
	line[n] = '\0';
	s = line;
	trim_end(s);
	if (*s == '[') {
		parse_header(p, s);
	} else if (p->section == SECTION_NONE) {
		mistake(p, p->line,
			"'%.40s' before any section; expected [host] or "
			"[vm NAME] first",
			s);
	} else if (p->section != SECTION_SKIP) {
		parse_key(p, s);
	}
}

static void parse_lines(struct parser *p, const char *text, size_t nbytes)
{
	size_t at = 0;

	if (nbytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < nbytes) {
		size_t n = 0;

		while (at + n < nbytes && text[at + n] != '\n')
			n++;
		p->line++;
		if (n > 0 && text[at + n - 1] == '\r')
			parse_line(p, text + at, n - 1);
		else
			parse_line(p, text + at, n);
		at += n + 1;
	}
}

int config_parse(const char *text, size_t nbytes, struct config *out)
{
	struct parser p = { .out = out };

	memset(out, 0, sizeof(*out));
	out->host.log_level = CFG_LOG_INFO;
	out->host.on_panic = PANIC_HALT;
	out->host.clean_pool = true;
	out->host.console_port = 0x3f8;
	out->host.console_baud = 115200;

	parse_lines(&p, text, nbytes);
	close_section(&p);
	if (out->nr_vms == 0)
		mistake(&p, 0,
			"no VM; expected at least one [vm NAME] section; the "
			"machine comes up without guests");
	return out->nr_errors ? -EINVAL : 0;
}

void config_error_format(const struct config_error *e, char *dst, size_t nbytes)
{
	char where[24] = "";

	if (e->line)
		(void)snprintf(where, sizeof(where), ":%u", e->line);
	if (e->vm[0])
		(void)snprintf(dst, nbytes, "aerostat.conf%s: [vm %s] %s",
			       where, e->vm, e->text);
	else
		(void)snprintf(dst, nbytes, "aerostat.conf%s: %s", where,
			       e->text);
}
