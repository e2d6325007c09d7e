// SPDX-License-Identifier: GPL-2.0-or-later
/* How values of aerostat.conf are read, by their kind. */
#include "kernel/config/config_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

static void store_u32(void *field, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	memcpy(field, &v, sizeof(v));
}

/*
 * Value parsers: 0, or -EINVAL with a mistake recorded. `field` is where the
 * result goes; nothing is stored on error.
 */
static int parse_bytes(struct config_parser *p, const struct config_key_rule *k,
		       const char *value, void *field)
{
	char grain[16];
	uint64_t nbytes;
	int err = str_to_bytes(value, &nbytes);

	if (err == -ERANGE || (!err && (nbytes < k->lo || nbytes > k->hi))) {
		config_mistake(
			p, p->line,
			"%s: '%.40s' is out of range; expected %lluM to %lluM",
			k->name, value, (unsigned long long)(k->lo / MIB),
			(unsigned long long)(k->hi / MIB));
		return -EINVAL;
	}
	if (err) {
		config_mistake(
			p, p->line,
			"%s: '%.40s' is not a size; expected a number with K, "
			"M or G, such as 512M",
			k->name, value);
		return -EINVAL;
	}
	if (nbytes % k->grain != 0) {
		config_mistake(
			p, p->line,
			"%s: '%.40s' does not fit; expected a multiple of %s",
			k->name, value,
			bytes_to_str(k->grain, grain, sizeof(grain)));
		return -EINVAL;
	}
	memcpy(field, &nbytes, sizeof(nbytes));
	return 0;
}

static int parse_u32(struct config_parser *p, const struct config_key_rule *k,
		     const char *value, void *field)
{
	uint64_t n;

	if (str_to_u64(value, &n) != 0 || n < k->lo || n > k->hi) {
		config_mistake(
			p, p->line,
			"%s: '%.40s'; expected a number from %llu to %llu",
			k->name, value, (unsigned long long)k->lo,
			(unsigned long long)k->hi);
		return -EINVAL;
	}
	store_u32(field, n);
	return 0;
}

/* The 16550 divides 115200 by a whole number. */
static int parse_baud(struct config_parser *p, const struct config_key_rule *k,
		      const char *value, void *field)
{
	uint64_t n;

	if (str_to_u64(value, &n) != 0 || n < k->lo || n > k->hi ||
	    115200 % n != 0) {
		config_mistake(
			p, p->line,
			"%s: '%.40s'; expected a rate that divides 115200, "
			"such as 115200, 57600, 38400, 19200 or 9600",
			k->name, value);
		return -EINVAL;
	}
	store_u32(field, n);
	return 0;
}

static int parse_bool(struct config_parser *p, const struct config_key_rule *k,
		      const char *value, void *field)
{
	static const char *const no_yes[] = { "no",    "yes",  "off", "on",
					      "false", "true", NULL };

	for (unsigned i = 0; no_yes[i]; i++) {
		if (strcmp(value, no_yes[i]) == 0) {
			*(bool *)field = i % 2 != 0;
			return 0;
		}
	}
	config_mistake(p, p->line, "%s: '%.40s'; expected yes or no", k->name,
		       value);
	return -EINVAL;
}

static int parse_word(struct config_parser *p, const struct config_key_rule *k,
		      const char *value, void *field)
{
	char all[64];

	for (uint32_t i = 0; k->words[i]; i++) {
		if (strcmp(value, k->words[i]) == 0) {
			store_u32(field, i);
			return 0;
		}
	}
	config_list_words(k->words, ", ", " or ", all, sizeof(all));
	config_mistake(p, p->line, "%s: '%.40s'; expected %s", k->name, value,
		       all);
	return -EINVAL;
}

static int parse_string(struct config_parser *p,
			const struct config_key_rule *k, const char *value,
			void *field)
{
	bool may_be_empty = k->kind == VALUE_TEXT || k->kind == VALUE_FEATURES;
	size_t n = strlen(value);

	if (n == 0 && !may_be_empty) {
		config_mistake(p, p->line, "%s: empty; expected a file name",
			       k->name);
		return -EINVAL;
	}
	if (n >= k->nbytes) {
		config_mistake(
			p, p->line,
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
	       c == '-' || c == '.' || c == ',' || conf_is_blank(c);
}

static int parse_features(struct config_parser *p,
			  const struct config_key_rule *k, const char *value,
			  void *field)
{
	for (const char *s = value; *s; s++) {
		if (is_feature_char(*s))
			continue;
		config_mistake(
			p, p->line,
			"%s: '%c' in '%.40s'; expected CPUID feature names in "
			"lower case with commas or spaces between them",
			k->name, *s, value);
		return -EINVAL;
	}
	return parse_string(p, k, value, field);
}

/* `module = PATH [ARGS]` adds one module. */
static int parse_module(struct config_parser *p,
			const struct config_key_rule *k, char *value)
{
	struct config_vm *vm = p->vm;
	size_t path_len = 0;
	const char *args;

	if (vm->nr_modules == CONFIG_MAX_MODULES) {
		config_mistake(p, p->line, "%s: too many; expected at most %u",
			       k->name, CONFIG_MAX_MODULES);
		return -EINVAL;
	}
	while (value[path_len] && !conf_is_blank(value[path_len]))
		path_len++;
	args = conf_skip_blanks(value + path_len);
	value[path_len] = '\0';
	if (path_len == 0) {
		config_mistake(p, p->line, "%s: empty; expected PATH [ARGS]",
			       k->name);
		return -EINVAL;
	}
	if (path_len >= CONFIG_PATH_MAX || strlen(args) >= CONFIG_PATH_MAX) {
		config_mistake(
			p, p->line,
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

int config_parse_value(struct config_parser *p, const struct config_key_rule *k,
		       char *value, void *base)
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
