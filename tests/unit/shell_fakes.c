// SPDX-License-Identifier: GPL-2.0-or-later
/* What the console's tests have in the place of a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "guest-stubs/abi.h"
#include "kernel/console/conrow.h"
#include "kernel/console/hostcon.h"
#include "kernel/console/shell.h"
#include "kernel/console/shell_priv.h"
#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/panic.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/metric.h"
#include "kernel/lib/selftest.h"
#include "kernel/lib/version_string.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sched/sched.h"
#include "kernel/sync/log.h"
#include "mm/audit.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "shell_fakes.h"
#include "vmx/admin/admin.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu_snapshot.h"
#include "vmx/vm.h"

/* ---- the host console ---- */

char screen[1 << 18];
static size_t screen_len;
const char *input = "";
/* Called when the console writes: may log in the middle of things. */
void (*on_write)(void);

void hostcon_write(const char *s, size_t n)
{
	assert_true(screen_len + n < sizeof(screen));
	memcpy(screen + screen_len, s, n);
	screen_len += n;
	screen[screen_len] = '\0';
}

void hostcon_write_wait(const char *s, size_t n)
{
	assert_int_equal(fake_locks_held(), 0);
	hostcon_write(s, n);
	if (on_write)
		on_write();
}

size_t hostcon_read(char *dst, size_t n)
{
	size_t got = 0;

	while (got < n && *input)
		dst[got++] = *input++;
	return got;
}

uint64_t hostcon_input_tsc(void)
{
	return fake_tsc;
}

void hostcon_set_reader(struct thread *t)
{
	(void)t;
}

void clear_screen(void)
{
	screen_len = 0;
	screen[0] = '\0';
}

/* ---- the machine ---- */

const char version_string[] = "Aerostat 0.0.0 (test)";
jmp_buf machine_end;
const char *ended_by;
enum log_level console_level;

void machine_reboot(void)
{
	ended_by = "reboot";
	longjmp(machine_end, 1);
}

static bool always_passes(char *text, size_t nbytes)
{
	snprintf(text, nbytes, "nothing to do");
	return true;
}

static const struct selftest tests[] = { { "trivial", always_passes } };

static uint64_t get_seven(const struct metric *m)
{
	return m->arg + 4;
}

static const struct metric metrics[] = {
	{ "room.seven", "dwarfs", "how many there are", get_seven, 3 },
};

void machine_poweroff(void)
{
	ended_by = "poweroff";
	longjmp(machine_end, 1);
}

void log_set_console_level(enum log_level level)
{
	console_level = level;
}

void log_set_sink(void (*fn)(const char *line, size_t n))
{
	assert_ptr_equal(fn, conrow_log);
}

static const struct {
	enum log_level level;
	const char *text;
} log_lines[] = { { LOG_INFO, "[    1.0] a: first vm=web" },
		  { LOG_ERR, "[    2.0] error b: \"quoted\"" },
		  { LOG_DEBUG, "[    3.0] debug c: third vm=web2" },
		  { LOG_WARN, "[    4.0] warn d: vm=web came later" } };
uint64_t nr_log_lines;

uint64_t log_dump_from(void (*fn)(void *arg, enum log_level level,
				  const char *line),
		       void *arg, uint64_t from)
{
	for (uint64_t i = from; i < nr_log_lines; i++)
		fn(arg, log_lines[i].level, log_lines[i].text);
	return nr_log_lines;
}

bool cpu_get_stats(uint32_t cpu, struct cpu_stats *out)
{
	*out = (struct cpu_stats){ .apic_id = cpu,
				   .busy_ticks = 250000,
				   .idle_ticks = 750000,
				   .running = "idle",
				   .longest_kept = 120000,
				   .irq_late = 3000,
				   .kept_by = "console" };
	return true;
}

const char *symbol_of(uint64_t addr, uint64_t *offset)
{
	(void)addr;
	*offset = 0;
	return NULL;
}

void frame_get_stats(struct frame_stats *out)
{
	*out = (struct frame_stats){ .nr_total = 524288,
				     .nr_free_clean = 100000 };
	out->nr_type[FRAME_FREE] = 400000;
	out->nr_type[FRAME_DATA] = 124288;
}

const char *frame_type_name(enum frame_type type)
{
	static char name[16];

	snprintf(name, sizeof(name), "type%d", (int)type);
	return name;
}

void heap_get_stats(struct heap_stats *out)
{
	*out = (struct heap_stats){ .nr_allocs = 10, .nr_frees = 3 };
}

unsigned nr_audit_errors;

void mm_audit(struct audit_report *out,
	      void (*line)(void *arg, const char *text), void *arg)
{
	static struct spinlock lock = SPINLOCK_INIT(LOCK_GUESTMEM, "space");

	spin_lock(&lock);
	*out = (struct audit_report){ .nr_frames = 7,
				      .nr_errors = nr_audit_errors };
	for (unsigned i = 0; i < nr_audit_errors; i++)
		line(arg, "frame=0x10: owner is gone");
	spin_unlock(&lock);
}

/* ---- VMs ---- */

static const struct config_vm web_defaults = { .name = "web",
					       .kernel = "vmlinuz",
					       .initrd = "initrd.img",
					       .cmdline =
						       "console=ttyS0 x=\"y\"",
					       .vcpus = 1,
					       .weight = 100,
					       .mem_min = 64 << 20,
					       .mem_boot = 256 << 20,
					       .mem_max = 256 << 20 };
static const struct config_vm db_defaults = { .name = "db",
					      .bad = true,
					      .line = 9 };
static struct config_vm vm_configs[2];
struct vm web, db;
bool has_vms;
uint64_t last_target;

struct vm *vm_first(void)
{
	return has_vms ? &web : NULL;
}

struct vm *vm_next(struct vm *vm)
{
	return vm == &web ? &db : NULL;
}

struct vm *vm_find(const char *name)
{
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		if (strcmp(vm->cfg->name, name) == 0)
			return vm;
	return NULL;
}

const char *vm_state_name(enum vm_state s)
{
	return s == VM_RUNNING ? "running" : s == VM_PAUSED ? "paused" : "off";
}

static int set_state(struct vm *vm, enum vm_state from, enum vm_state to,
		     char *why)
{
	if (vm->state != from) {
		snprintf(why, 128, "it is %s", vm_state_name(vm->state));
		return -EBUSY;
	}
	vm->state = to;
	return 0;
}

bool guests_are_slow, guests_are_deaf;

int vm_order(struct vm *vm, enum vm_verb verb, struct vm_order *o, char *why)
{
	*o = (struct vm_order){ .verb = verb, .run = vm->run };
	if (verb == VM_DO_START && vm->cfg->bad) {
		strcpy(why, "its configuration has errors");
		return -EINVAL;
	}
	switch (verb) {
	case VM_DO_START: return set_state(vm, VM_OFF, VM_RUNNING, why);
	case VM_DO_STOP:
		if (guests_are_deaf) {
			strcpy(why, "the guest does not listen");
			return -EOPNOTSUPP;
		}
		return set_state(vm, VM_RUNNING,
				 guests_are_slow ? VM_RUNNING : VM_OFF, why);
	case VM_DO_KILL: return set_state(vm, VM_RUNNING, VM_OFF, why);
	case VM_DO_PAUSE: return set_state(vm, VM_RUNNING, VM_PAUSED, why);
	case VM_DO_RESUME: return set_state(vm, VM_PAUSED, VM_RUNNING, why);
	case VM_DO_RESET: return set_state(vm, VM_RUNNING, VM_RUNNING, why);
	}
	return -EINVAL;
}

bool orders_take_for_ever;

int vm_order_result(struct vm *vm, const struct vm_order *o, char *why)
{
	(void)vm;
	(void)o;
	if (!orders_take_for_ever)
		return 0;
	strcpy(why, "vCPU 1 has not stopped");
	return -EAGAIN;
}

int vm_set_mem_target(struct vm *vm, uint64_t nbytes, char *why)
{
	if (nbytes < vm->cfg->mem_min) {
		strcpy(why, "below mem.min = 64 MiB");
		return -ERANGE;
	}
	last_target = nbytes;
	return 0;
}

const char *apply_fails;

int vm_apply_config(struct vm *vm, char *why)
{
	(void)vm;
	if (!apply_fails)
		return 0;
	strcpy(why, apply_fails);
	return -ERANGE;
}

bool panic_reboots;

void panic_set_reboot(bool on)
{
	panic_reboots = on;
}

bool clean_pool_is_on;

void sched_set_clean_pool(bool on)
{
	clean_pool_is_on = on;
}

uint64_t vcpu_ticks;

uint64_t vm_vcpu_ticks(struct vm *vm, uint32_t index)
{
	(void)vm;
	return vcpu_ticks * (index + 1);
}

bool snapshot_taken;

bool vm_snapshot(struct vm *vm, uint32_t index, struct vcpu_snapshot *out)
{
	(void)vm;
	if (!snapshot_taken || index > 1)
		return false;
	*out = (struct vcpu_snapshot){
		.taken = true,
		.halted = index == 0,
		.wait_sipi = index == 1,
		.exit_reason = 18,
		.gpr = { [REG_RSP] = 0xffff888000001000, [REG_R15] = 15 },
		.rip = 0xffffffff81000000,
		.cs.selector = 0x10,
		.nr_code = index ? 0 : SNAPSHOT_CODE / 2 + 1,
		.code = { 0xfb, 0xf4, 0xc3, [SNAPSHOT_CODE / 2] = 0x90 },
		.nr_stack = index ? 0 : 2,
		.stack = { 0x1234, 0x5678 },
	};
	return true;
}

uint64_t vm_read_physical(struct vm *vm, gpa_t a, void *dst, uint64_t nbytes)
{
	uint64_t n = a.raw >= 0x1000 ? 0 : min(nbytes, 0x1000 - a.raw);

	(void)vm;
	memset(dst, 'A', n);
	return n;
}

uint64_t vm_snapshot_read(struct vm *vm, const struct vcpu_snapshot *s, gva_t a,
			  void *dst, uint64_t nbytes)
{
	assert_true(s->taken);
	return vm_read_physical(vm, gpa(a.raw - 0x7000), dst, nbytes);
}

void vm_get_stats(struct vm *vm, struct vm_stats *out)
{
	(void)vm;
	memset(out, 0, sizeof(*out));
	out->exits[10] = 5;
	out->exits[18] = 15;
	out->exits_total = 20;
}

const char *vmx_reason_name(uint32_t r)
{
	return r == 18 ? "vmcall" : "cpuid";
}

void gspace_get_stats(struct gspace *gs, struct gspace_stats *out)
{
	(void)gs;
	*out = (struct gspace_stats){ .size = 65536,
				      .target = 65536,
				      .min = 16384,
				      .boot = 65536,
				      .max = 65536,
				      .waiting = true };
	out->state[PG_RESIDENT] = 12288 + 128;
	out->state[PG_HOLLOW] = 65536 - 12288 - 128;
}

bool memdev_get_guest_stats(struct vm *vm, struct aerostat_guest_stats *out)
{
	(void)vm;
	memset(out, 0, sizeof(*out));
	out->mem_total = 60000;
	return true;
}

bool has_driver = true;
uint64_t resize_ticks;

bool memdev_has_driver(struct vm *vm)
{
	(void)vm;
	return has_driver;
}

uint64_t memdev_resize_ticks(struct vm *vm)
{
	(void)vm;
	return resize_ticks;
}

/* ---- a guest's UART ---- */

char guest_out[VUART_RING * 2];
uint64_t guest_end, guest_oldest;
char guest_in[256];
static size_t guest_in_len;

static void guest_prints(const char *s)
{
	for (; *s; s++)
		guest_out[guest_end++ % sizeof(guest_out)] = *s;
}

size_t vuart_input(struct vm *vm, const char *s, size_t n)
{
	size_t part = n < 4 ? n : 4; /* a small FIFO */

	(void)vm;
	memcpy(guest_in + guest_in_len, s, part);
	guest_in_len += part;
	guest_in[guest_in_len] = '\0';
	return part;
}

size_t vuart_output_read(struct vm *vm, uint64_t *pos, char *dst, size_t n,
			 uint64_t *lost)
{
	size_t done = 0;

	(void)vm;
	*lost = *pos < guest_oldest ? guest_oldest - *pos : 0;
	*pos += *lost;
	while (done < n && *pos < guest_end)
		dst[done++] = guest_out[(*pos)++ % sizeof(guest_out)];
	return done;
}

void vuart_set_listener(struct vm *vm, struct thread *t)
{
	(void)vm;
	(void)t;
}

/* ---- the console thread, run until it has nothing to do ---- */

static void (*console_fn)(void *arg);
static jmp_buf console_idle;

int thread_create(const struct thread_params *p, struct thread **out)
{
	console_fn = p->fn;
	*out = NULL;
	return 0;
}

static const struct step *steps;

static void next_step(void)
{
	fake_tsc += 100000000;
	if (!steps || (!steps->type && !steps->prints && !steps->then))
		longjmp(console_idle, 1);
	if (steps->type)
		input = steps->type;
	if (steps->prints)
		guest_prints(steps->prints);
	if (steps->then)
		steps->then();
	steps++;
}

void run_console(const struct step *script)
{
	clear_screen();
	steps = script;
	fake_park_hook = next_step;
	assert_int_equal(shell_start(), 0);
	if (!setjmp(console_idle))
		console_fn(NULL);
	fake_park_hook = NULL;
}

/* As main.c does. */
static void register_once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	shell_register(vm_cmds, nr_vm_cmds);
	shell_register(host_cmds, nr_host_cmds);
	shell_register_selftests(tests, ARRAY_SIZE(tests));
	shell_register_metrics(metrics, ARRAY_SIZE(metrics));
}

int set_up(void **state)
{
	(void)state;
	register_once();
	web = (struct vm){ .id = 1,
			   .cfg = &vm_configs[0],
			   .state = VM_RUNNING,
			   .created = true,
			   .nr_vcpus = 1,
			   .run = 1,
			   .gs = (struct gspace *)&web };
	db = (struct vm){ .id = 2, .cfg = &vm_configs[1] };
	waitq_init(&web.changed);
	waitq_init(&db.changed);
	spin_init(&web.lock, LOCK_VM_LIFE, "life");
	spin_init(&db.lock, LOCK_VM_LIFE, "life");
	orders_take_for_ever = false;
	strcpy(db.reason, "configuration has errors");
	has_vms = true;
	on_write = NULL;
	input = "";
	guest_in_len = 0;
	guest_end = 0;
	guest_oldest = 0;
	nr_audit_errors = 0;
	snapshot_taken = true;
	apply_fails = NULL;
	host_config.vms = vm_configs;
	host_config.vms[0] = web_defaults;
	host_config.vms[1] = db_defaults;
	guests_are_slow = guests_are_deaf = false;
	vcpu_ticks = 0;
	nr_log_lines = 3;
	fake_park_hook = NULL;
	has_driver = true;
	resize_ticks = 123456;
	fake_tsc = 90061000000000ull;
	clear_screen();
	return 0;
}

const char *output_of(const char *line)
{
	char copy[600];

	clear_screen();
	snprintf(copy, sizeof(copy), "%s", line);
	shell_execute(copy);
	return screen;
}
