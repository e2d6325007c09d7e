// SPDX-License-Identifier: GPL-2.0-or-later
/* `mem NAME`: one VM's memory in detail, and changing its target. */
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/devices/devices.h"

void mem_json_members(struct json *j, const struct vm_view *v)
{
	const struct gspace_stats *m = &v->mem;

	json_str(j, "name", v->cfg->name);
	json_str(j, "state", vm_state_name(v->state));
	json_u64(j, "size", m->size << PAGE_SHIFT);
	json_u64(j, "resident", m->state[PG_RESIDENT] << PAGE_SHIFT);
	json_u64(j, "hollow", m->state[PG_HOLLOW] << PAGE_SHIFT);
	json_u64(j, "ballooned", m->state[PG_BALLOONED] << PAGE_SHIFT);
	json_u64(j, "zero", m->state[PG_ZERO] << PAGE_SHIFT);
	json_u64(j, "unplugged", m->state[PG_UNPLUGGED] << PAGE_SHIFT);
	json_u64(j, "target", m->target << PAGE_SHIFT);
	json_u64(j, "min", m->min << PAGE_SHIFT);
	json_u64(j, "boot", m->boot << PAGE_SHIFT);
	json_u64(j, "max", m->max << PAGE_SHIFT);
	json_u64(j, "overhead", m->meta_frames << PAGE_SHIFT);
	json_bool(j, "waiting", m->waiting);
}

/* ---- mem NAME ---- */

struct mem_view {
	struct vm_view vm;
	bool has_driver; /* obeys the target */
	bool has_guest;	 /* `guest` holds what the driver published */
	struct aerostat_guest_stats guest;
};

static void view_take(struct vm *vm, struct mem_view *out)
{
	memset(out, 0, sizeof(*out));
	vm_view_take(vm, &out->vm);
	if (!out->vm.has_memory)
		return;
	out->has_driver = memdev_has_driver(vm);
	out->has_guest = memdev_get_guest_stats(vm, &out->guest);
}

static void view_json(const struct mem_view *v)
{
	const struct gspace_stats *m = &v->vm.mem;
	struct json *j = out_json();

	json_open_object(j, NULL);
	mem_json_members(j, &v->vm);
	json_bool(j, "driver", v->has_driver);
	json_u64(j, "leaves_4k", m->nr_leaf_4k);
	json_u64(j, "leaves_2m", m->nr_leaf_2m);
	json_u64(j, "leaves_1g", m->nr_leaf_1g);
	if (v->has_guest) {
		json_open_object(j, "guest");
		json_u64(j, "total", v->guest.mem_total << PAGE_SHIFT);
		json_u64(j, "free", v->guest.mem_free << PAGE_SHIFT);
		json_u64(j, "available", v->guest.mem_available << PAGE_SHIFT);
		json_close_object(j);
	}
	json_close_object(j);
	out_json_end(j);
}

static void mib_row(const char *name, uint64_t npages, const char *meaning)
{
	char text[24];

	out_printf("%-10s %9s MiB  %s\n", name, out_mib(npages, text), meaning);
}

static void view_text(const struct mem_view *v)
{
	const struct gspace_stats *m = &v->vm.mem;
	char free_text[24], text[24];

	out_printf("%s is %s%s\n", v->vm.cfg->name, vm_state_name(v->vm.state),
		   m->waiting ? " and waits for host memory" : "");
	if (v->vm.has_memory) {
		mib_row("size", m->size, "what it was given at boot, of this:");
		mib_row(" resident", m->state[PG_RESIDENT], "in host memory");
		mib_row(" hollow", m->state[PG_HOLLOW], "never touched");
		mib_row(" balloon", m->state[PG_BALLOONED],
			"given back by the guest's driver");
		mib_row(" zero", m->state[PG_ZERO],
			"only read: one shared frame of zeros");
		mib_row("target", m->target,
			v->has_driver ? "what the guest was asked to keep to"
				      : "no driver in the guest heeds it");
		mib_row("overhead", m->meta_frames,
			"the hypervisor's tables for it");
	}
	mib_row("mem.min", m->min, "never taken from it");
	mib_row("mem.boot", m->boot, "the largest target");
	mib_row("mem.max", m->max, "the most that it may ever use");
	if (v->vm.has_memory)
		out_printf("mapped as  %llu pages of 4 KiB, %llu of 2 MiB, "
			   "%llu of 1 GiB\n",
			   (unsigned long long)m->nr_leaf_4k,
			   (unsigned long long)m->nr_leaf_2m,
			   (unsigned long long)m->nr_leaf_1g);
	if (v->has_guest)
		out_printf("guest says %s MiB free, %s MiB available\n",
			   out_mib(v->guest.mem_free, free_text),
			   out_mib(v->guest.mem_available, text));
}

static void mem_show(const struct shell_args *a, struct vm *vm)
{
	struct mem_view v;

	view_take(vm, &v);
	if (a->json)
		view_json(&v);
	else
		view_text(&v);
}

/* ---- mem NAME SIZE ---- */

/* A size, or one relative to the target now: +64M. False: said why not. */
static bool parse_target(const struct shell_args *a, struct vm *vm,
			 uint64_t *nbytes)
{
	const char *word = a->argv[2];
	bool relative = *word == '+' || *word == '-';
	struct vm_view v;
	uint64_t now;

	if (str_to_bytes(word + relative, nbytes) != 0) {
		out_fail(a,
			 "'%.40s' is not a size; expected a number with K, M "
			 "or G, such as 512M, or a change, such as +64M",
			 word);
		return false;
	}
	if (!relative)
		return true;
	vm_view_take(vm, &v);
	now = v.mem.target << PAGE_SHIFT;
	if (!v.has_memory) {
		out_fail(a, "mem %s %.40s: it is %s", a->argv[1], word,
			 vm_state_name(v.state));
		return false;
	}
	/* Beyond either end: vm_set_mem_target() names the limits. */
	if (*word == '+')
		*nbytes = *nbytes > ~now ? ~0ull : now + *nbytes;
	else
		*nbytes = now - min(*nbytes, now);
	return true;
}

struct resize {
	struct vm *vm;
	uint64_t run;	 /* the one in question */
	uint64_t target; /* bytes */
	bool quiet;	 /* no progress on the last row */
};

static uint64_t size_now(struct vm *vm)
{
	struct vm_view v;

	vm_view_take(vm, &v);
	return v.mem.size - v.mem.state[PG_BALLOONED];
}

static void show_progress(const struct resize *r)
{
	char now[24], target[24], text[80];

	(void)snprintf(text, sizeof(text),
		       "%s: %s MiB, target %s MiB%s (Ctrl-C: leave)",
		       r->vm->cfg->name, out_mib(size_now(r->vm), now),
		       out_mib(r->target >> PAGE_SHIFT, target),
		       READ_ONCE(r->vm->state) == VM_PAUSED ? ", paused" : "");
	out_row(text);
}

static bool resize_over(void *arg)
{
	struct resize *r = arg;

	if (memdev_resize_ticks(r->vm) != 0 || !admin_vm_is_on(r->vm) ||
	    READ_ONCE(r->vm->run) != r->run)
		return true;
	if (!r->quiet)
		show_progress(r);
	return false;
}

/* The target is set: waits until the guest has reached it. */
static void resize_wait(const struct shell_args *a, struct resize *r,
			const struct admin_wait *wait)
{
	const char *name = r->vm->cfg->name;
	char now[24];
	int err;

	r->quiet = a->json;
	err = shell_wait(NULL, resize_over, r, wait->timeout_ns);
	out_row("");
	if (!err && memdev_resize_ticks(r->vm))
		out_done(a, "%s: has reached %s MiB", name,
			 out_mib(r->target >> PAGE_SHIFT, now));
	else if (!err)
		out_fail(a, "mem %s: its run ended before", name);
	else
		out_fail(a, "mem %s: %s; it has %s MiB and goes on", name,
			 err == -EINTR ? "interrupted" : "not reached in time",
			 out_mib(size_now(r->vm), now));
}

/* Says that the target is set, and that it will not help. */
static void warn_no_driver(const struct shell_args *a, struct vm *vm,
			   const char *target)
{
	static const char why[] = "no memory driver (aerostat.ko) listens in "
				  "the guest: it keeps what it has";
	char message[64];
	struct json *j;

	(void)snprintf(message, sizeof(message), "%s: target %s", vm->cfg->name,
		       target);
	if (!a->json) {
		out_printf("%s\nwarning: %s\n", message, why);
		return;
	}
	j = out_json();
	json_open_object(j, NULL);
	json_bool(j, "ok", true);
	json_str(j, "message", message);
	json_str(j, "warning", why);
	json_close_object(j);
	out_json_end(j);
}

static void mem_set(const struct shell_args *a, struct vm *vm,
		    const struct admin_wait *wait)
{
	struct resize r = { .vm = vm };
	char why[128] = "", text[16];
	int err;

	if (!parse_target(a, vm, &r.target))
		return;
	r.run = READ_ONCE(vm->run);
	err = vm_set_mem_target(vm, r.target, why);
	if (err && !why[0])
		(void)snprintf(why, sizeof(why), "error %d", -err);
	(void)bytes_to_str(r.target, text, sizeof(text));
	if (err)
		out_fail(a, "mem %s %.40s: %s", a->argv[1], a->argv[2], why);
	else if (!memdev_has_driver(vm))
		warn_no_driver(a, vm, text);
	else if (wait->on)
		resize_wait(a, &r, wait);
	else
		out_done(a, "%s: target %s", a->argv[1], text);
}

int mem_vm(const struct shell_args *a)
{
	struct admin_wait wait;
	struct vm *vm;

	if (admin_wait_parse(a, 3, &wait) != 0)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[1]);
	if (!vm)
		return 0;
	if (a->argc == 2)
		mem_show(a, vm);
	else
		mem_set(a, vm, &wait);
	return 0;
}
