// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as aerostat.conf: the result must be well-formed. */
#include <stdlib.h>
#include <string.h>

#include "kernel/config/config.h"
#include "kernel/lib/bug.h"
#include "tests/fuzz/fuzz.h"

#define MEM_GRAIN (2ull << 20)

static void check_string(const char *s, size_t nbytes)
{
	size_t n = strnlen(s, nbytes);

	BUG_ON(n == nbytes);
	for (size_t i = 0; i < n; i++)
		BUG_ON((s[i] < 0x20 && s[i] != '\t') || s[i] >= 0x7f);
}

static void check_vm(const struct config_vm *vm)
{
	check_string(vm->name, sizeof(vm->name));
	check_string(vm->kernel, sizeof(vm->kernel));
	check_string(vm->initrd, sizeof(vm->initrd));
	check_string(vm->cmdline, sizeof(vm->cmdline));
	check_string(vm->cpu_hide, sizeof(vm->cpu_hide));
	BUG_ON(vm->nr_modules > CONFIG_MAX_MODULES);
	for (uint32_t i = 0; i < vm->nr_modules; i++) {
		check_string(vm->modules[i], CONFIG_PATH_MAX);
		check_string(vm->module_args[i], CONFIG_PATH_MAX);
	}
	BUG_ON(vm->vcpus < 1 || vm->vcpus > CONFIG_MAX_VCPUS);
	BUG_ON(vm->weight < 1 || vm->weight > 10000);
	BUG_ON(vm->debug_exit > 0xffff);
	BUG_ON(vm->on_crash > ACTION_PAUSE || vm->commit > COMMIT_SINGLE);
	BUG_ON(vm->mem_min % MEM_GRAIN || vm->mem_boot % MEM_GRAIN ||
	       vm->mem_max % MEM_GRAIN);
	if (vm->bad)
		return;
	BUG_ON(!vm->kernel[0]);
	BUG_ON(!vm->mem_min || vm->mem_min > vm->mem_boot ||
	       vm->mem_boot > vm->mem_max);
}

/* The loader, which doesn't understand the text, finds the file too. */
static void check_loaded(const char *text, size_t n, const char *file)
{
	struct conf_text t = { .text = text, .nbytes = n };
	char path[CONF_PATH_MAX];

	while (conf_next_file(&t, path))
		if (strcmp(path, file) == 0)
			return;
	BUG_ON(file[0]);
}

static void check_files(const char *text, size_t n, const struct config_vm *vm)
{
	check_loaded(text, n, vm->kernel);
	check_loaded(text, n, vm->initrd);
	for (uint32_t i = 0; i < vm->nr_modules; i++)
		check_loaded(text, n, vm->modules[i]);
}

void fuzz_config(const uint8_t *data, size_t n)
{
	static struct config cfg;
	static struct config_vm room[CONFIG_MAX_VMS];
	uint32_t most;
	/* Of its own, so that the sanitizer sees a read past its end. */
	char *text = malloc(n ? n : 1);
	int err;

	memcpy(text, data, n);
	most = config_count_vms(text, n);
	/* At the end of the room, so that the sanitizer sees one too many. */
	err = config_parse(text, n, room + CONFIG_MAX_VMS - most, most, &cfg);
	BUG_ON((err != 0) != (cfg.nr_errors != 0));
	BUG_ON(cfg.nr_vms > most);
	for (uint32_t i = 0; i < cfg.nr_vms; i++) {
		check_vm(&cfg.vms[i]);
		check_files(text, n, &cfg.vms[i]);
	}
	free(text);
	for (uint32_t i = 0; i < cfg.nr_errors && i < CONFIG_MAX_ERRORS; i++) {
		check_string(cfg.errors[i].text, sizeof(cfg.errors[i].text));
		check_string(cfg.errors[i].vm, sizeof(cfg.errors[i].vm));
		BUG_ON(!cfg.errors[i].text[0]);
	}
}
