// SPDX-License-Identifier: GPL-2.0-or-later
/* `console`: guests' UARTs as consoles of the multiplexer. */
#include "kernel/console/mux.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/devices/devices.h"

struct guest_console {
	struct mux_console con;
	struct vm *vm;
	struct waitq_entry changed; /* while it is listened to */
};

/* By VM number - 1; one that was never opened is zero. */
static struct guest_console consoles[CONFIG_MAX_VMS];

static struct guest_console *guest_of(struct mux_console *c)
{
	return container_of(c, struct guest_console, con);
}

static void console_listen(struct mux_console *c, struct thread *reader)
{
	struct guest_console *g = guest_of(c);

	vuart_set_listener(g->vm, reader);
	if (reader)
		waitq_prepare(&g->vm->changed, &g->changed);
	else
		waitq_finish(&g->vm->changed, &g->changed);
}

static size_t console_read(struct mux_console *c, uint64_t *pos, char *dst,
			   size_t n, uint64_t *lost)
{
	return vuart_output_read(guest_of(c)->vm, pos, dst, n, lost);
}

static size_t console_write(struct mux_console *c, const char *s, size_t n)
{
	return vuart_input(guest_of(c)->vm, s, n);
}

static const char *console_state(struct mux_console *c, bool *reads)
{
	enum vm_state state = READ_ONCE(guest_of(c)->vm->state);

	*reads = state != VM_OFF && state != VM_CRASHED;
	return vm_state_name(state);
}

static const struct mux_ops console_ops = {
	.listen = console_listen,
	.read = console_read,
	.write = console_write,
	.state = console_state,
};

int cmd_console(const struct shell_args *a)
{
	struct guest_console *g;
	struct vm *vm;

	bool raw = a->argc == 3 && strcmp(a->argv[1], "-r") == 0;

	if (a->argc != 2 && !raw)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[a->argc - 1]);
	if (!vm)
		return 0;
	if (a->json) {
		out_fail(a, "a console has no JSON form");
		return 0;
	}
	g = &consoles[vm->id - 1];
	g->con.ops = &console_ops;
	g->con.raw = raw;
	g->con.name = vm->cfg->name;
	g->vm = vm;
	out_flush();
	mux_run(&g->con);
	return 0;
}
