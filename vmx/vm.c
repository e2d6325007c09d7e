/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual machines: the list, their making, and queries.
 *
 * A VM's parts (space, devices, vCPUs) are made by its first start and kept:
 * while it is off they are in power-on state and all its memory is hollow.
 * So nobody who looks at a VM meets parts that go away. The life cycle is in
 * vmx/vm_life.c.
 */
#include "vmx/vm.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmx/cpuid_names.h"
#include "vmx/devices/devices.h"
#include "vmx/ept.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vm_priv.h"
#include "vmx/vmx.h"

static struct list vms = LIST_INIT(vms); /* [const after boot] */

static int vm_new(const struct config_vm *cfg, uint32_t id)
{
	struct vm *vm = kzalloc(sizeof(*vm));

	if (!vm)
		return -ENOMEM;
	vm->id = id;
	vm->cfg = cfg;
	vm->state = VM_OFF;
	vm->end_claimed = true; /* there is no run to end */
	spin_init(&vm->lock, LOCK_VM_LIFE, "vm life");
	waitq_init(&vm->changed);
	if (cfg->bad)
		str_copy(vm->reason, "configuration has errors",
			 sizeof(vm->reason));
	list_push_back(&vms, &vm->link);
	return 0;
}

int vm_init_all(const struct config *cfg)
{
	uint32_t i;
	int err;

	for (i = 0; i < cfg->nr_vms; i++) {
		err = vm_new(&cfg->vms[i], i + 1);
		if (err)
			return err;
	}
	return 0;
}

struct vm *vm_first(void)
{
	return list_empty(&vms) ? NULL : list_first(&vms, struct vm, link);
}

struct vm *vm_next(struct vm *vm)
{
	if (vm->link.next == &vms)
		return NULL;
	return list_entry(vm->link.next, struct vm, link);
}

struct vm *vm_find(const char *name)
{
	struct vm *vm;

	list_for_each (vm, &vms, link)
		if (strcmp(vm->cfg->name, name) == 0)
			return vm;
	return NULL;
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = {
		[VM_OFF] = "off",	    [VM_STARTING] = "starting",
		[VM_RUNNING] = "running",   [VM_PAUSED] = "paused",
		[VM_STOPPING] = "stopping", [VM_CRASHED] = "crashed",
	};

	return names[s];
}

/* ---- making ---- */

static int create_space(struct vm *vm)
{
	const struct config_vm *cfg = vm->cfg;
	struct gspace_params p = {
		.name = cfg->name,
		.mem_min = cfg->mem_min,
		.mem_boot = cfg->mem_boot,
		.mem_max = cfg->mem_max,
		.commit = cfg->commit,
	};
	struct gspace *gs;
	int err = gspace_create(&p, &gs);

	if (err)
		return err;
	err = gspace_add_ram(gs);
	if (err) {
		gspace_destroy(gs);
		return err;
	}
	vm->gs = gs;
	vm->s2 = gspace_stage2(gs);
	return 0;
}

static void destroy_vcpus(struct vm *vm)
{
	while (vm->nr_vcpus) {
		vcpu_destroy(vm->vcpus[--vm->nr_vcpus]);
		vm->vcpus[vm->nr_vcpus] = NULL;
	}
}

static int create_vcpus(struct vm *vm)
{
	uint32_t i;
	int err;

	for (i = 0; i < vm->cfg->vcpus; i++) {
		err = vcpu_create(vm, i, &vm->vcpus[i]);
		if (err) {
			destroy_vcpus(vm);
			return err;
		}
		vm->nr_vcpus = i + 1;
	}
	return 0;
}

int vm_create_parts(struct vm *vm)
{
	int err;

	if (vm_is_created(vm))
		return 0;
	err = create_space(vm);
	if (err)
		return err;
	sched_group_init(&vm->share, vm->cfg->weight);
	err = create_vcpus(vm);
	if (err)
		goto destroy_space;
	err = devices_create(vm);
	if (err)
		goto destroy_vcpus;
	stage2_set_vm(vm->s2, vm);
	__atomic_store_n(&vm->created, true, __ATOMIC_RELEASE);
	vm_collapse_start();
	return 0;

destroy_vcpus:
	destroy_vcpus(vm);
destroy_space:
	gspace_destroy(vm->gs);
	vm->gs = NULL;
	vm->s2 = NULL;
	return err;
}

int vm_check_config(struct vm *vm, char *why)
{
	const struct config_vm *cfg = vm->cfg;
	struct frame_stats fs;
	char unknown[32], has[16], wants[16];

	if (vmx_missing()) {
		snprintf(why, VM_WHY_MAX, "guests can't run: %s",
			 vmx_missing());
		return -ENODEV;
	}
	if (cfg->bad) {
		snprintf(why, VM_WHY_MAX,
			 "its configuration has errors "
			 "(`vm info %s` shows them)",
			 cfg->name);
		return -EINVAL;
	}
	if (cpuid_name_unknown(cfg->cpu_hide, unknown, sizeof(unknown))) {
		snprintf(why, VM_WHY_MAX, "cpu.hide: unknown feature \"%s\"",
			 unknown);
		return -EINVAL;
	}
	frame_get_stats(&fs);
	if (cfg->mem_max > fs.nr_total * PAGE_SIZE) {
		snprintf(why, VM_WHY_MAX, "mem.max = %s, but the host has %s",
			 bytes_to_str(cfg->mem_max, wants, sizeof(wants)),
			 bytes_to_str(fs.nr_total * PAGE_SIZE, has,
				      sizeof(has)));
		return -EINVAL;
	}
	return 0;
}

int vm_apply_config(struct vm *vm, char *why)
{
	char is[16];
	int err;

	if (!vm_is_created(vm))
		return 0;
	err = gspace_set_min(vm->gs, vm->cfg->mem_min);
	if (err) {
		snprintf(why, VM_WHY_MAX,
			 "%s is above its target; change that first",
			 bytes_to_str(vm->cfg->mem_min, is, sizeof(is)));
		return err;
	}
	sched_group_set_weight(&vm->share, vm->cfg->weight);
	return 0;
}

/* ---- statistics ---- */

static void add_vcpu(struct vcpu *v, struct vm_stats *out)
{
	uint32_t i;

	for (i = 0; i < VMX_NR_REASONS; i++) {
		out->exits[i] += v->exits[i];
		out->exits_total += v->exits[i];
	}
	out->injected_irqs += v->injected_irqs;
	out->injected_exceptions += v->injected_exceptions;
	out->hypercalls += v->exits[REASON_VMCALL];
	out->halts += v->halts;
	out->unknown_msrs += v->unknown_msrs;
	out->guest_ticks += vcpu_runtime(v);
}

uint64_t vm_vcpu_ticks(struct vm *vm, uint32_t index)
{
	return vcpu_runtime(vm->vcpus[index]);
}

void vm_get_stats(struct vm *vm, struct vm_stats *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	if (!vm_is_created(vm))
		return;
	for (i = 0; i < vm->nr_vcpus; i++)
		add_vcpu(vm->vcpus[i], out);
	out->unknown_ports = vm->unknown_ports;
	out->unknown_mmio = vm->unknown_mmio;
}
