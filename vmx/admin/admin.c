// SPDX-License-Identifier: GPL-2.0-or-later
/* Options that several commands about VMs take. */
#include "vmx/admin/admin_priv.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define TIMEOUT	      "--timeout="
#define TIMEOUT_MAX_S 86400u

int admin_wait_parse(const struct shell_args *a, int first,
		     struct admin_wait *out)
{
	uint64_t seconds = ADMIN_WAIT_S;
	size_t n = strlen(TIMEOUT);

	out->on = false;
	for (int i = first; i < a->argc; i++) {
		const char *word = a->argv[i];

		out->on = true;
		if (strncmp(word, TIMEOUT, n) == 0) {
			if (str_to_u64(word + n, &seconds) != 0 ||
			    seconds > TIMEOUT_MAX_S)
				return -EINVAL;
		} else if (strcmp(word, "--wait") != 0) {
			return -EINVAL;
		}
	}
	out->timeout_ns = seconds ? seconds * 1000000000ull : SHELL_NO_LIMIT;
	return 0;
}

bool admin_vm_is_on(struct vm *vm)
{
	enum vm_state s = READ_ONCE(vm->state);

	return s != VM_OFF && s != VM_CRASHED;
}
