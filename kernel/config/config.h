/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aerostat.conf: parser and result. Pure code: no allocation, no I/O; used
 * unchanged by the hypervisor, host tests and fuzzers. A mistake in one [vm]
 * section marks only that VM bad; every mistake is reported with file, line,
 * key and what was expected.
 */
#ifndef KERNEL_CONFIG_H
#define KERNEL_CONFIG_H

#include "kernel/lib/compiler.h"
#include "kernel/lib/conf.h"
#include "kernel/sync/log.h"
#include "mm/commit.h"

#define CONFIG_MAX_VMS	   256
#define CONFIG_MAX_MODULES 8
#define CONFIG_MAX_ERRORS  32
#define CONFIG_NAME_MAX	   32 /* incl. NUL; [a-z0-9_-]+, starts with a letter */
#define CONFIG_PATH_MAX	   CONF_PATH_MAX
#define CONFIG_CMDLINE_MAX 1024
#define CONFIG_MAX_VCPUS   64

enum config_action { ACTION_STOP, ACTION_RESTART, ACTION_PAUSE };
enum config_panic { PANIC_HALT, PANIC_REBOOT };
enum config_loader { LOADER_AUTO, LOADER_LINUX, LOADER_MULTIBOOT };

struct config_vm {
	char name[CONFIG_NAME_MAX];
	uint32_t line; /* of the section header */
	bool bad;      /* has an error: must not start */
	char kernel[CONFIG_PATH_MAX];
	char initrd[CONFIG_PATH_MAX]; /* "" : none */
	char modules[CONFIG_MAX_MODULES][CONFIG_PATH_MAX];
	char module_args[CONFIG_MAX_MODULES][CONFIG_PATH_MAX];
	uint32_t nr_modules;
	char cmdline[CONFIG_CMDLINE_MAX];
	enum config_loader loader;
	uint32_t vcpus;			     /* 1.. */
	uint32_t weight;		     /* 1..10000, default 100 */
	uint64_t mem_min, mem_boot, mem_max; /* bytes, 2 MiB multiples */
	bool autostart;
	enum config_action on_crash;	/* default stop */
	enum config_action on_poweroff; /* default stop */
	enum config_action on_reboot;	/* default restart */
	enum commit_policy commit;	/* mem.commit, default huge */
	uint32_t debug_exit;		/* port, 0: none */
	char cpu_hide[128];		/* CPUID feature names to hide */
};

struct config_host {
	enum log_level log_level;
	enum config_panic on_panic;
	uint64_t reserve;  /* bytes kept back for the hypervisor; 0: default */
	uint32_t max_cpus; /* 0: all */
	bool clean_pool;   /* idle CPUs zero frames; default true */
	bool debug_commands;   /* `panic`, `mce`; default false */
	uint32_t console_baud; /* default 115200 */
	uint32_t console_port; /* default 0x3f8 */
};

struct config_error {
	uint32_t line;		  /* 1-based, 0: whole file */
	char vm[CONFIG_NAME_MAX]; /* "" : [host] or none */
	char text[240];		  /* names key and what was expected */
};

struct config {
	struct config_host host;
	struct config_vm *vms; /* config_parse()'s */
	uint32_t nr_vms;
	struct config_error errors[CONFIG_MAX_ERRORS];
	uint32_t nr_errors; /* may exceed CONFIG_MAX_ERRORS */
};

/* The machine's own; [const after boot]. */
extern struct config host_config;

/*
 * Parses text (need not be NUL-terminated) into *out, with defaults for what
 * is not said. vms has room for max_vms of them, config_count_vms() suffice;
 * 0: they are skipped, only [host] counts. Returns 0, or -EINVAL if any error
 * was recorded (the rest of *out is still good). Text may hold anything at all.
 */
int config_parse(const char *text, size_t nbytes, struct config_vm *vms,
		 uint32_t max_vms, struct config *out);

/* At least the number of VMs in text; at most CONFIG_MAX_VMS. */
uint32_t config_count_vms(const char *text, size_t nbytes);

/*
 * Sets one key later, as a line of the file would: in *vm, or in *host if vm is
 * NULL. `module` adds one. 0; -ENOENT: no such key; -EINVAL: *e tells why.
 * On error nothing is changed. Changes value.
 */
int config_set(struct config_host *host, struct config_vm *vm, const char *key,
	       char *value, struct config_error *e);

/* "aerostat.conf:12: [vm web] mem.min: expected ..." into dst (320 bytes). */
void config_error_format(const struct config_error *e, char *dst,
			 size_t nbytes);

/* What there is to say of one key, for `help config` and docs/config.md. */
struct config_key_doc {
	const char *section; /* "host" or "vm" */
	const char *key;
	char values[40];
	const char *dflt;
	const char *meaning;
};
/* The i-th key in the order of the reference; false: no more. */
bool config_key_get(size_t i, struct config_key_doc *out);

#endif
