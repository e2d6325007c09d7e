// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives the host console to a guest's UART. First what the guest printed
 * since it was last looked at (as far as its ring still holds it), then live.
 *
 * Output goes in small pieces with the keys looked at in between, and the
 * guest never waits for the line: a guest that floods its UART loses output
 * (said as [... N bytes lost]), not the administrator the console.
 */
#include "kernel/console/conrow.h"
#include "kernel/console/hostcon.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "vmx/devices/devices.h"

#define KEY_SWITCH 0x14 /* Ctrl-T */
/* About 22 ms of a line at 115200 baud. */
#define CHUNK 256u
/* The guest's UART is full: try again after this. */
#define RETRY_NS 10000000ull

struct session {
	struct vm *vm;
	enum vm_state state; /* as last told to the administrator */
	char keys[1024];     /* typed, not yet taken by the guest's UART */
	size_t nr_keys;
};

static uint64_t seen[CONFIG_MAX_VMS]; /* output position, by VM number - 1 */
static struct vm *last;

struct vm *guestcon_last(void)
{
	return last;
}

static void PRINTF(1, 2) say(const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hostcon_write_wait(text, strlen(text));
}

/* Takes what was typed; false: the administrator wants the shell. */
static bool take_keys(struct session *s)
{
	int c;

	while ((c = shell_next_key()) >= 0) {
		if (c == KEY_SWITCH)
			return false;
		if (s->nr_keys < sizeof(s->keys))
			s->keys[s->nr_keys++] = (char)c;
		else
			say("\a");
	}
	return true;
}

static void give_keys(struct session *s)
{
	size_t n = 0;

	if (s->nr_keys > 0)
		n = vuart_input(s->vm, s->keys, s->nr_keys);
	s->nr_keys -= n;
	memmove(s->keys, s->keys + n, s->nr_keys);
}

/* One piece of output; false: there is none. */
static bool show_output(struct session *s)
{
	uint64_t *pos = &seen[s->vm->id - 1];
	uint64_t lost = 0;
	char chunk[CHUNK];
	size_t n = vuart_output_read(s->vm, pos, chunk, sizeof(chunk), &lost);

	if (lost)
		say("\r\n[... %llu bytes lost]\r\n", (unsigned long long)lost);
	if (n > 0)
		hostcon_write_wait(chunk, n);
	return n > 0;
}

static void show_state(struct session *s)
{
	enum vm_state state = READ_ONCE(s->vm->state);

	if (state == s->state)
		return;
	s->state = state;
	say("\r\n[%s is %s]\r\n", s->vm->cfg->name, vm_state_name(state));
	/* Nobody reads what was typed for the run that ended. */
	if (state == VM_OFF || state == VM_CRASHED)
		s->nr_keys = 0;
}

/* Input, output and changes of the VM's state all unpark this thread. */
static void session_loop(struct session *s)
{
	struct waitq_entry entry;

	waitq_prepare(&s->vm->changed, &entry);
	while (take_keys(s)) {
		give_keys(s);
		if (show_output(s))
			continue;
		show_state(s);
		if (s->nr_keys)
			thread_park_until(rdtsc() + ns_to_tsc(RETRY_NS));
		else
			thread_park();
	}
	waitq_finish(&s->vm->changed, &entry);
}

void guestcon_run(struct vm *vm)
{
	static struct session s; /* too large for the stack */
	uint32_t nr_lines;

	s.vm = vm;
	s.state = READ_ONCE(vm->state);
	s.nr_keys = 0;
	last = vm;
	say("[console of %s, which is %s; Ctrl-T returns to the shell]\r\n",
	    vm->cfg->name, vm_state_name(s.state));
	conrow_mute();
	vuart_set_listener(vm, thread_self());
	session_loop(&s);
	vuart_set_listener(vm, NULL);
	nr_lines = conrow_unmute();
	say("\r\n[shell; Ctrl-T returns to %s]\r\n", vm->cfg->name);
	if (nr_lines)
		say("[%u log lines meanwhile: `log %u` shows them]\r\n",
		    nr_lines, nr_lines);
}

int cmd_console(const struct shell_args *a)
{
	struct vm *vm;

	if (a->argc != 2)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[1]);
	if (!vm)
		return 0;
	if (a->json) {
		out_fail(a, "a console has no JSON form");
		return 0;
	}
	out_flush();
	guestcon_run(vm);
	return 0;
}
