// SPDX-License-Identifier: GPL-2.0-or-later
/* `vm`: listing VMs and their life cycle. */
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "mm/heap.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/admin/cpu_use.h"
#include "vmx/admin/vm_view.h"

/* ---- vm list ---- */

static const char *wait_text(const struct vm_view *v)
{
	return v->mem.waiting ? "memory" : "-";
}

static void list_row(const struct vm_view *v, uint32_t permille)
{
	char cpu[16], size[24], resident[24], uptime[24];

	out_printf("%-12s %-8s %5u %5s %8s %8s  %-10s %-6s %s\n", v->cfg->name,
		   vm_state_name(v->state), v->cfg->vcpus,
		   cpu_use_text(permille, cpu),
		   v->has_memory ? out_mib(v->mem.size, size) : "-",
		   v->has_memory ? out_mib(v->mem.state[PG_RESIDENT], resident)
				 : "-",
		   v->uptime_ns ? out_duration(v->uptime_ns, uptime) : "-",
		   wait_text(v), v->reason[0] ? v->reason : "-");
}

/* The members that `vm list` and `vm info` share. */
static void json_vm(struct json *j, const struct vm_view *v, uint32_t permille)
{
	json_str(j, "name", v->cfg->name);
	json_u64(j, "id", v->id);
	json_str(j, "state", vm_state_name(v->state));
	json_u64(j, "vcpus", v->cfg->vcpus);
	json_u64(j, "cpu_permille", permille);
	json_u64(j, "size", v->mem.size << PAGE_SHIFT);
	json_u64(j, "resident", v->mem.state[PG_RESIDENT] << PAGE_SHIFT);
	json_u64(j, "uptime_ms", v->uptime_ns / 1000000);
	json_str(j, "wait", v->mem.waiting ? "memory" : "");
	json_str(j, "reason", v->reason);
	json_u64(j, "starts", v->nr_starts);
	json_bool(j, "debug_exited", v->debug_exited);
	json_u64(j, "debug_exit_value", v->debug_exit_value);
}

static void list_json(void)
{
	struct json *j = out_json();
	struct vm_view v;

	json_open_array(j, NULL);
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		vm_view_take(vm, &v);
		json_open_object(j, NULL);
		json_vm(j, &v, cpu_use_of_vm(vm));
		json_close_object(j);
	}
	json_close_array(j);
	out_json_end(j);
}

static int vm_list(const struct shell_args *a)
{
	struct vm_view v;

	if (a->argc != 2)
		return -EINVAL;
	if (a->json) {
		list_json();
		return 0;
	}
	if (!vm_first()) {
		out_str("no VM; aerostat.conf defines none\n");
		return 0;
	}
	out_printf("%-12s %-8s %5s %5s %8s %8s  %-10s %-6s %s\n", "NAME",
		   "STATE", "VCPUS", "CPU%", "SIZE/MiB", "RESIDENT", "UPTIME",
		   "WAIT", "REASON");
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		vm_view_take(vm, &v);
		list_row(&v, cpu_use_of_vm(vm));
	}
	return 0;
}

/* ---- vm info ---- */

static const char *action_name(enum config_action action)
{
	static const char *const names[] = { "stop", "restart", "pause" };

	return names[action];
}

static const char *commit_name(enum commit_policy commit)
{
	static const char *const names[] = { "huge", "around", "single" };

	return names[commit];
}

static void info_json(const struct vm_view *v, uint32_t permille)
{
	const struct config_vm *c = v->cfg;
	struct json *j = out_json();

	json_open_object(j, NULL);
	json_vm(j, v, permille);
	json_bool(j, "config_ok", !c->bad);
	json_u64(j, "config_line", c->line);
	json_str(j, "kernel", c->kernel);
	json_str(j, "initrd", c->initrd);
	json_open_array(j, "modules");
	for (uint32_t i = 0; i < c->nr_modules; i++) {
		json_open_object(j, NULL);
		json_str(j, "path", c->modules[i]);
		json_str(j, "args", c->module_args[i]);
		json_close_object(j);
	}
	json_close_array(j);
	json_str(j, "cmdline", c->cmdline);
	json_u64(j, "weight", c->weight);
	json_bool(j, "autostart", c->autostart);
	json_str(j, "on_crash", action_name(c->on_crash));
	json_str(j, "on_poweroff", action_name(c->on_poweroff));
	json_str(j, "on_reboot", action_name(c->on_reboot));
	json_str(j, "commit", commit_name(c->commit));
	json_u64(j, "debug_exit_port", c->debug_exit);
	json_str(j, "cpu_hide", c->cpu_hide);
	json_u64(j, "min", c->mem_min);
	json_u64(j, "boot", c->mem_boot);
	json_u64(j, "max", c->mem_max);
	json_close_object(j);
	out_json_end(j);
}

/* What the configuration says wrongly of this VM. */
static void info_mistakes(const struct config_vm *c)
{
	uint32_t n = min(host_config.nr_errors, (uint32_t)CONFIG_MAX_ERRORS);
	char text[320];

	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(host_config.errors[i].vm, c->name) != 0)
			continue;
		config_error_format(&host_config.errors[i], text, sizeof(text));
		out_printf("               %s\n", text);
	}
}

static void info_config(const struct config_vm *c)
{
	char min_text[24], boot_text[24], max_text[24];

	out_printf("config         line %u%s\n", c->line,
		   c->bad ? ", has errors: cannot start" : "");
	info_mistakes(c);
	out_printf("kernel         %s\n", c->kernel);
	if (c->initrd[0])
		out_printf("initrd         %s\n", c->initrd);
	for (uint32_t i = 0; i < c->nr_modules; i++)
		out_printf("module         %s %s\n", c->modules[i],
			   c->module_args[i]);
	out_str("cmdline        ");
	out_str(c->cmdline);
	out_printf("\nvcpus          %u, weight %u\n", c->vcpus, c->weight);
	out_printf("memory         min %s, boot %s, max %s; commits %s\n",
		   bytes_to_str(c->mem_min, min_text, sizeof(min_text)),
		   bytes_to_str(c->mem_boot, boot_text, sizeof(boot_text)),
		   bytes_to_str(c->mem_max, max_text, sizeof(max_text)),
		   commit_name(c->commit));
	out_printf("autostart      %s\n", c->autostart ? "yes" : "no");
	out_printf("on             crash: %s, poweroff: %s, reboot: %s\n",
		   action_name(c->on_crash), action_name(c->on_poweroff),
		   action_name(c->on_reboot));
	if (c->debug_exit)
		out_printf("debug_exit     port %#x\n", c->debug_exit);
	if (c->cpu_hide[0])
		out_printf("cpu.hide       %s\n", c->cpu_hide);
}

static void info_run(const struct vm_view *v, uint32_t permille)
{
	char text[24], resident[24];

	out_printf("name           %s (number %u)\n", v->cfg->name, v->id);
	out_printf("state          %s%s%s\n", vm_state_name(v->state),
		   v->reason[0] ? ": " : "", v->reason);
	out_printf("starts         %llu\n", (unsigned long long)v->nr_starts);
	if (v->uptime_ns)
		out_printf("uptime         %s\n",
			   out_duration(v->uptime_ns, text));
	out_printf("CPU            %s %%\n", cpu_use_text(permille, text));
	if (v->has_memory)
		out_printf("in use         %s of %s MiB resident\n",
			   out_mib(v->mem.state[PG_RESIDENT], resident),
			   out_mib(v->mem.size, text));
	if (v->mem.waiting)
		out_str("waits for      host memory\n");
	if (v->debug_exited)
		out_printf("debug exit     value %#x\n", v->debug_exit_value);
}

static int vm_info(const struct shell_args *a)
{
	struct vm_view v;
	struct vm *vm;

	if (a->argc != 3)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[2]);
	if (!vm)
		return 0;
	vm_view_take(vm, &v);
	if (a->json) {
		info_json(&v, cpu_use_of_vm(vm));
		return 0;
	}
	info_run(&v, cpu_use_of_vm(vm));
	info_config(v.cfg);
	return 0;
}

/* ---- vm start, stop, ... ---- */

/* `limit_ns`: how long the console waits for it; 0: not at all. */
#define S_NS 1000000000ull
static const struct verb {
	const char *name;
	enum vm_verb verb;
	const char *done;
	uint64_t limit_ns;
} verbs[] = {
	{ "start", VM_DO_START, "started", 10 * S_NS },
	{ "stop", VM_DO_STOP, "asked to power off", 0 },
	{ "kill", VM_DO_KILL, "killed", 30 * S_NS },
	{ "pause", VM_DO_PAUSE, "paused", 10 * S_NS },
	{ "resume", VM_DO_RESUME, "resumed", 10 * S_NS },
	{ "reset", VM_DO_RESET, "reset", 10 * S_NS },
};

struct act {
	struct vm *vm;
	struct vm_order order;
	int err;    /* -EAGAIN: under way */
	bool quiet; /* nothing on the last row meanwhile */
	char why[VM_WHY_MAX];
};

static void act_begin(struct act *act, const struct verb *verb)
{
	act->err = vm_order(act->vm, verb->verb, &act->order, act->why);
	if (!act->err && verb->limit_ns)
		act->err = -EAGAIN;
}

static bool act_is_over(void *arg)
{
	struct act *act = arg;
	char row[96];

	act->err = vm_order_result(act->vm, &act->order, act->why);
	if (act->err != -EAGAIN)
		return true;
	if (!act->quiet) {
		(void)snprintf(row, sizeof(row), "%s: %.40s (Ctrl-C: leave)",
			       act->vm->cfg->name, act->why);
		out_row(row);
	}
	return false;
}

/*
 * The order stands, whatever ends the wait for it. *left: Ctrl-C was typed,
 * now or before; then there is no waiting.
 */
static void act_wait(struct act *act, const struct verb *verb,
		     uint64_t limit_ns, bool *left)
{
	char waits_for[VM_WHY_MAX];
	int err;

	if (act->err != -EAGAIN)
		return;
	err = shell_wait(&act->vm->changed, act_is_over, act,
			 *left ? 0 : limit_ns);
	out_row("");
	if (!err)
		return;
	act->err = err;
	*left |= err == -EINTR;
	(void)str_copy(waits_for, act->why, sizeof(waits_for));
	if (*left)
		(void)snprintf(act->why, sizeof(act->why),
			       "interrupted, goes on: %.90s", waits_for);
	else
		(void)snprintf(act->why, sizeof(act->why),
			       "not within %llu s, goes on: %.90s",
			       (unsigned long long)(verb->limit_ns / S_NS),
			       waits_for);
}

static void act_on_one(const struct shell_args *a, const struct verb *verb,
		       struct vm *vm)
{
	struct act act = { .vm = vm, .quiet = a->json };
	bool left = false;

	act_begin(&act, verb);
	act_wait(&act, verb, verb->limit_ns, &left);
	if (act.err)
		out_fail(a, "vm %s %s: %s", verb->name, vm->cfg->name, act.why);
	else
		out_done(a, "%s: %s", vm->cfg->name, verb->done);
}

static void say_act(struct json *j, const struct verb *verb,
		    const struct act *act)
{
	const char *name = act->vm->cfg->name;

	if (!j) {
		out_printf("%s: %s%s\n", name, act->err ? "error: " : "",
			   act->err ? act->why : verb->done);
		return;
	}
	json_open_object(j, NULL);
	json_str(j, "name", name);
	json_bool(j, "ok", !act->err);
	json_str(j, "message", act->err ? act->why : verb->done);
	json_close_object(j);
}

/* All have the same time, not each after the other. */
static uint64_t what_is_left(const struct verb *verb, uint64_t begin)
{
	uint64_t gone = tsc_to_ns(rdtsc() - begin);

	if (verb->limit_ns == SHELL_NO_LIMIT)
		return SHELL_NO_LIMIT;
	return verb->limit_ns - min(verb->limit_ns, gone);
}

/*
 * All are told first, then waited for; one line for each VM; in JSON one array
 * of {"name","ok","message"}.
 */
static void act_on_all(const struct shell_args *a, const struct verb *verb)
{
	struct json *j;
	uint32_t n = 0, i = 0;
	struct act *acts;
	uint64_t begin;
	bool left = false;

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		n++;
	acts = kzalloc((n + 1) * sizeof(*acts));
	if (!acts) {
		out_fail(a, "no memory");
		return;
	}
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		acts[i].vm = vm;
		acts[i].quiet = a->json;
		act_begin(&acts[i++], verb);
	}
	j = out_list(a);
	begin = rdtsc();
	for (i = 0; i < n; i++) {
		act_wait(&acts[i], verb, what_is_left(verb, begin), &left);
		say_act(j, verb, &acts[i]);
	}
	out_list_end(j);
	kfree(acts);
}

static int vm_act(const struct shell_args *a, const struct verb *verb)
{
	struct admin_wait wait;
	struct verb patient;
	struct vm *vm;

	if (a->argc < 3 || admin_wait_parse(a, 3, &wait) != 0)
		return -EINVAL;
	if (wait.on) {
		/* The others are waited for anyway. */
		if (verb->verb != VM_DO_STOP)
			return -EINVAL;
		patient = (struct verb){ "stop", VM_DO_STOP, "off",
					 wait.timeout_ns };
		verb = &patient;
	}
	if (strcmp(a->argv[2], "all") == 0) {
		act_on_all(a, verb);
		return 0;
	}
	vm = cmd_find_vm(a, a->argv[2]);
	if (vm)
		act_on_one(a, verb, vm);
	return 0;
}

int cmd_vm(const struct shell_args *a)
{
	const char *best;

	if (a->argc < 2)
		return -EINVAL;
	if (strcmp(a->argv[1], "list") == 0)
		return vm_list(a);
	if (strcmp(a->argv[1], "info") == 0)
		return vm_info(a);
	if (strcmp(a->argv[1], "dump") == 0)
		return vm_dump(a);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(a->argv[1], verbs[i].name) == 0)
			return vm_act(a, &verbs[i]);
	}
	best = shell_guess(a->argv[1], vm_offer_verbs);
	if (!best)
		return -EINVAL;
	out_fail(a, "vm: no '%.40s'; did you mean '%s'?", a->argv[1], best);
	return 0;
}
