// SPDX-License-Identifier: GPL-2.0-or-later
/* Options that several commands about VMs take. */
#include "vmx/admin/admin_priv.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define TIMEOUT	      "--timeout="
#define TIMEOUT_MAX_S 86400u

int admin_wait_word(struct admin_wait *w, const char *word)
{
	size_t n = strlen(TIMEOUT);
	uint64_t seconds;

	w->on = true;
	if (strcmp(word, "--wait") == 0)
		return 0;
	if (strncmp(word, TIMEOUT, n) != 0 ||
	    str_to_u64(word + n, &seconds) != 0 || seconds > TIMEOUT_MAX_S)
		return -EINVAL;
	w->timeout_ns = seconds ? seconds * 1000000000ull : SHELL_NO_LIMIT;
	return 0;
}

int admin_wait_parse(const struct shell_args *a, int first,
		     struct admin_wait *out)
{
	int err = 0;

	*out = (struct admin_wait){ .timeout_ns = ADMIN_WAIT_NS };
	for (int i = first; i < a->argc && !err; i++)
		err = admin_wait_word(out, a->argv[i]);
	return err;
}

bool admin_vm_is_on(struct vm *vm)
{
	enum vm_state s = READ_ONCE(vm->state);

	return s != VM_OFF && s != VM_CRASHED;
}
