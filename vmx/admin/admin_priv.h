/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that concern VMs share. Console thread only. */
#ifndef VMX_ADMIN_PRIV_H
#define VMX_ADMIN_PRIV_H

#include "kernel/console/shell.h"
#include "vmx/admin/vm_view.h"

/* The words that may follow `vm`, for guesses. */
void vm_offer_verbs(struct shell_asker *asker);

/* The VM of that name; NULL: said so. */
struct vm *cmd_find_vm(const struct shell_args *a, const char *name);
/* For completion: offers the names of all VMs. */
void vm_offer_names(struct shell_asker *asker);

/*
 * --wait and --timeout=SECONDS at the end of a command. A wait that names no
 * time ends after ADMIN_WAIT_NS.
 */
#define ADMIN_WAIT_NS 60000000000ull

struct admin_wait {
	bool on;
	uint64_t timeout_ns; /* SHELL_NO_LIMIT: for ever */
};

/* Reads one such word into *w. 0; -EINVAL: it is another. */
MUST_CHECK int admin_wait_word(struct admin_wait *w, const char *word);
/* Reads all words from argv[first] on. 0; -EINVAL: others are among them. */
MUST_CHECK int admin_wait_parse(const struct shell_args *a, int first,
				struct admin_wait *out);

/* A VM is on its way up or down, or runs. No lock: it may change at once. */
bool admin_vm_is_on(struct vm *vm);

/* ---- cmd_mem_vm.c: mem NAME ... ---- */
/* What `mem` and `mem NAME` both say of a VM. */
void mem_json_members(struct json *j, const struct vm_view *v);
MUST_CHECK int mem_vm(const struct shell_args *a);

/* ---- cmd_dump.c: vm dump ... ---- */
MUST_CHECK int vm_dump(const struct shell_args *a);

/* ---- cmd_set.c: for completion ---- */
void set_offer_keys(struct shell_asker *asker);

/* ---- the commands ---- */
int cmd_audit(const struct shell_args *a);
int cmd_console(const struct shell_args *a);
int cmd_mem(const struct shell_args *a);
int cmd_poweroff(const struct shell_args *a);
int cmd_reboot(const struct shell_args *a);
int cmd_set(const struct shell_args *a);
int cmd_stats(const struct shell_args *a);
int cmd_top(const struct shell_args *a);
int cmd_vm(const struct shell_args *a);

#endif
