/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the configuration parser: config.c knows lines, sections and the
 * rules between keys, config_value.c how values are read, config_keys.c all
 * that is said of each key.
 */
#ifndef KERNEL_CONFIG_PRIV_H
#define KERNEL_CONFIG_PRIV_H

#include "kernel/config/config.h"
#include "kernel/lib/conf.h"

#define MIB	  (1ull << 20)
#define MEM_GRAIN (2 * MIB)

#define CONFIG_MAX_KEYS 24

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

struct config_key_rule {
	const char *name;
	enum value_kind kind;
	size_t offset; /* in struct config_host or config_vm */
	uint64_t lo, hi;
	uint64_t grain;		  /* VALUE_BYTES */
	size_t nbytes;		  /* strings: room */
	const char *const *words; /* VALUE_WORD, NULL-terminated */
	const char *values;	  /* described; NULL: as the kind says */
	const char *dflt;	  /* as a file would say it; NULL: none */
	const char *no_dflt;	  /* if dflt is NULL: what holds then */
	const char *meaning;
};

/* kernel/config/config_keys.c; each ends with a rule without a name. */
extern const struct config_key_rule config_host_rules[];
extern const struct config_key_rule config_vm_rules[];

enum section {
	SECTION_NONE, /* before the first header */
	SECTION_HOST,
	SECTION_VM,
	SECTION_SKIP, /* its header was wrong: said once, keys ignored */
};

struct config_parser {
	struct config *out;
	uint32_t max_vms; /* room in out->vms; 0: VMs are skipped */
	/* Where the (last) mistake goes; NULL: into out, with what follows. */
	struct config_error *sink;
	uint32_t line;
	enum section section;
	struct config_vm *vm;		    /* SECTION_VM */
	uint32_t host_line;		    /* where [host] was; 0: not yet */
	uint32_t key_line[CONFIG_MAX_KEYS]; /* this section's; 0: not given */
};

/* Records a mistake at `line` and marks the VM of the section bad. */
void config_mistake(struct config_parser *p, uint32_t line, const char *fmt,
		    ...) PRINTF(3, 4);

/*
 * Stores what `value` says where the rule wants it, in *base (config_host or
 * config_vm). On -EINVAL a mistake is recorded and nothing stored. Changes
 * value.
 */
int config_parse_value(struct config_parser *p, const struct config_key_rule *k,
		       char *value, void *base);

/* The words in one string, with what stands between them. */
void config_list_words(const char *const *words, const char *between,
		       const char *last, char *dst, size_t nbytes);

/* mem.min <= mem.boot <= mem.max. 0, or -EINVAL with a mistake recorded. */
int config_check_sizes(struct config_parser *p, const struct config_vm *vm);

#endif
