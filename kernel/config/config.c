/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parser of aerostat.conf: lines, sections, rules between keys. Pure: no
 * allocation, no I/O, no state between calls; linked into the loader, the
 * hypervisor, host tests and the fuzzer.
 *
 * Invariant: the text may hold anything; whatever it holds, the result is
 * well-formed (every string terminated, every number in range), and a VM that
 * a mistake touched is marked bad.
 */
#include "kernel/config/config_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define MEM_DEFAULT (256 * MIB)
/* What is left to a VM whose mem.min is not given. */
#define MEM_MIN_DEFAULT_LEAST (16 * MIB)

struct config host_config;

void config_mistake(struct config_parser *p, uint32_t line, const char *fmt,
		    ...)
{
	struct config *c = p->out;
	struct config_error *e = p->sink;
	va_list ap;

	if (!e) {
		if (p->section == SECTION_VM)
			p->vm->bad = true;
		if (c->nr_errors++ >= CONFIG_MAX_ERRORS)
			return;
		e = &c->errors[c->nr_errors - 1];
	}
	e->line = line;
	if (p->section == SECTION_VM)
		(void)str_copy(e->vm, p->vm->name, sizeof(e->vm));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

static void list_keys(const struct config_key_rule *keys, char *dst,
		      size_t nbytes)
{
	const char *names[CONFIG_MAX_KEYS + 1] = { NULL };

	for (size_t i = 0; keys[i].name; i++)
		names[i] = keys[i].name;
	config_list_words(names, " ", " ", dst, nbytes);
}

static void unknown_key(struct config_parser *p,
			const struct config_key_rule *keys, const char *name)
{
	char all[180];

	list_keys(keys, all, sizeof(all));
	config_mistake(p, p->line, "%.24s: unknown key; expected one of %s",
		       name, all);
}

/* One `key = value` line; `s` starts at the key. */
static void parse_key(struct config_parser *p, char *s)
{
	bool host = p->section == SECTION_HOST;
	const struct config_key_rule *keys =
		host ? config_host_rules : config_vm_rules;
	void *base = host ? (void *)&p->out->host : (void *)p->vm;
	char *value = strchr(s, '=');
	size_t i = 0;

	if (!value) {
		config_mistake(p, p->line, "'%.40s'; expected KEY = VALUE", s);
		return;
	}
	*value = '\0';
	conf_trim_end(s);
	while (keys[i].name && strcmp(keys[i].name, s) != 0)
		i++;
	if (!keys[i].name) {
		unknown_key(p, keys, s);
		return;
	}
	if (p->key_line[i] && keys[i].kind != VALUE_MODULE) {
		config_mistake(
			p, p->line,
			"%s: given twice; expected once (first on line %u)", s,
			p->key_line[i]);
		return;
	}
	p->key_line[i] = p->line;
	value = conf_unquote(conf_skip_blanks(value + 1));
	if (!value) {
		config_mistake(
			p, p->line,
			"%s: double quotes don't match; expected \"...\" "
			"around the whole value",
			s);
		return;
	}
	(void)config_parse_value(p, &keys[i], value, base);
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

/* What the table of keys says, as if the file had said it. */
static void set_defaults(struct config_parser *p,
			 const struct config_key_rule *keys, void *base)
{
	char value[16];

	for (; keys->name; keys++) {
		if (!keys->dflt)
			continue;
		(void)str_copy(value, keys->dflt, sizeof(value));
		(void)config_parse_value(p, keys, value, base);
	}
}

/* [vm NAME]. Two sections of one name: nobody knows which one is meant. */
static void open_vm(struct config_parser *p, const char *name)
{
	struct config *c = p->out;
	struct config_vm *twin = find_vm(c, name);

	p->section = SECTION_SKIP;
	if (!is_vm_name(name)) {
		config_mistake(
			p, p->line,
			"[vm %.32s]: bad name; expected a-z, then up to %u of "
			"a-z 0-9 _ -",
			name, CONFIG_NAME_MAX - 2);
		return;
	}
	if (twin) {
		p->section = SECTION_VM;
		p->vm = twin;
		config_mistake(
			p, p->line,
			"given twice; expected one section for each VM (first "
			"on line %u)",
			twin->line);
		p->section = SECTION_SKIP;
		return;
	}
	if (strcmp(name, "all") == 0 || strcmp(name, "host") == 0) {
		config_mistake(p, p->line,
			       "[vm %s]: the name '%s' means %s in commands; "
			       "expected another name",
			       name, name,
			       *name == 'a' ? "every VM" : "the machine");
		return;
	}
	if (!p->max_vms)
		return;
	if (c->nr_vms == p->max_vms) {
		config_mistake(p, p->line,
			       "[vm %s]: too many; expected at most %u", name,
			       p->max_vms);
		return;
	}
	p->vm = &c->vms[c->nr_vms++];
	memset(p->vm, 0, sizeof(*p->vm));
	(void)str_copy(p->vm->name, name, sizeof(p->vm->name));
	p->vm->line = p->line;
	p->section = SECTION_VM;
	set_defaults(p, config_vm_rules, p->vm);
}

static void open_host(struct config_parser *p)
{
	p->section = SECTION_HOST;
	if (!p->host_line) {
		p->host_line = p->line;
		return;
	}
	config_mistake(p, p->line,
		       "[host]: given twice; expected once (first on line %u)",
		       p->host_line);
	p->section = SECTION_SKIP;
}

/* Where the [vm] section gave the key; 0: it didn't. */
static uint32_t given_at(const struct config_parser *p, const char *key)
{
	const struct config_key_rule *k = config_vm_rules;

	while (strcmp(k->name, key) != 0)
		k++;
	return p->key_line[k - config_vm_rules];
}

/*
 * Sizes that were not given follow the given ones: mem.max = mem.boot and the
 * reverse; mem.min = a quarter of mem.boot.
 */
static void vm_fill_sizes(struct config_parser *p, struct config_vm *vm)
{
	bool has_min = given_at(p, "mem.min") && vm->mem_min;
	bool has_boot = given_at(p, "mem.boot") && vm->mem_boot;
	bool has_max = given_at(p, "mem.max") && vm->mem_max;
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

static int check_not_above(struct config_parser *p, const char *key,
			   uint64_t nbytes, const char *limit_key,
			   uint64_t limit)
{
	if (nbytes <= limit)
		return 0;
	config_mistake(p, given_at(p, key),
		       "%s: %lluM is above %s = %lluM; "
		       "expected mem.min <= mem.boot <= mem.max",
		       key, (unsigned long long)(nbytes / MIB), limit_key,
		       (unsigned long long)(limit / MIB));
	return -EINVAL;
}

int config_check_sizes(struct config_parser *p, const struct config_vm *vm)
{
	int low = check_not_above(p, "mem.min", vm->mem_min, "mem.boot",
				  vm->mem_boot);
	int high = check_not_above(p, "mem.boot", vm->mem_boot, "mem.max",
				   vm->mem_max);

	return low ? low : high;
}

/* The rules between keys, at the end of each [vm] section. */
static void close_section(struct config_parser *p)
{
	struct config_vm *vm = p->vm;

	if (p->section == SECTION_VM) {
		if (!given_at(p, "kernel"))
			config_mistake(
				p, vm->line,
				"kernel: missing; expected kernel = PATH");
		vm_fill_sizes(p, vm);
		(void)config_check_sizes(p, vm);
	}
	p->section = SECTION_NONE;
	p->vm = NULL;
	memset(p->key_line, 0, sizeof(p->key_line));
}

/* One `[...]` line. */
static void parse_header(struct config_parser *p, char *s)
{
	char *end = strchr(s, ']');
	char *rest;

	close_section(p);
	rest = end ? conf_skip_blanks(end + 1) : NULL;
	if (!rest || (*rest && *rest != '#' && *rest != ';')) {
		p->section = SECTION_SKIP;
		config_mistake(p, p->line,
			       "'%.40s'; expected [host] or [vm NAME]", s);
		return;
	}
	*end = '\0';
	s = conf_skip_blanks(s + 1);
	conf_trim_end(s);
	if (strcmp(s, "host") == 0) {
		open_host(p);
	} else if (strncmp(s, "vm", 2) == 0 && conf_is_blank(s[2])) {
		open_vm(p, conf_skip_blanks(s + 2));
	} else {
		p->section = SECTION_SKIP;
		config_mistake(p, p->line,
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
static void parse_line(struct config_parser *p, const char *text, size_t n)
{
	/* Too large for a stack; only boot parses. */
	static char line[CONF_LINE_MAX + 1];
	const char *start = text;
	size_t bad;
	char *s;

	while (n > 0 && conf_is_blank(text[0])) {
		text++;
		n--;
	}
	/* A comment may hold anything. */
	if (n == 0 || text[0] == '#' || text[0] == ';')
		return;
	if (n > CONF_LINE_MAX) {
		config_mistake(p, p->line,
			       "line of %zu characters; expected at most %u", n,
			       CONF_LINE_MAX);
		return;
	}
	bad = first_bad_byte(text, n);
	if (bad) {
		config_mistake(
			p, p->line,
			"byte 0x%02x in column %zu; expected printable ASCII",
			(unsigned char)text[bad - 1],
			bad + (size_t)(text - start));
		return;
	}
	memcpy(line, text, n);
	line[n] = '\0';
	s = line;
	conf_trim_end(s);
	if (*s == '[') {
		parse_header(p, s);
	} else if (p->section == SECTION_NONE) {
		config_mistake(p, p->line,
			       "'%.40s' before any section; expected [host] or "
			       "[vm NAME] first",
			       s);
	} else if (p->section != SECTION_SKIP) {
		parse_key(p, s);
	}
}

static void parse_lines(struct config_parser *p, const char *text,
			size_t nbytes)
{
	struct conf_text t = { .text = text, .nbytes = nbytes };
	const char *line;
	size_t n;

	while (conf_next_line(&t, &line, &n)) {
		p->line++;
		parse_line(p, line, n);
	}
}

uint32_t config_count_vms(const char *text, size_t nbytes)
{
	struct conf_text t = { .text = text, .nbytes = nbytes };
	const char *line;
	uint32_t nr = 0;
	size_t n;

	while (nr < CONFIG_MAX_VMS && conf_next_line(&t, &line, &n)) {
		while (n > 0 && conf_is_blank(*line)) {
			line++;
			n--;
		}
		nr += n > 0 && *line == '[';
	}
	return nr;
}

int config_parse(const char *text, size_t nbytes, struct config_vm *vms,
		 uint32_t max_vms, struct config *out)
{
	struct config_parser p = { .out = out, .max_vms = max_vms };

	memset(out, 0, sizeof(*out));
	out->vms = vms;
	set_defaults(&p, config_host_rules, &out->host);
	parse_lines(&p, text, nbytes);
	close_section(&p);
	if (out->nr_vms == 0)
		config_mistake(
			&p, 0,
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
