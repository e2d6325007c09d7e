/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM for host tests of virtual devices, with real local APICs. Included by
 * one file of each test.
 */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include <string.h>

#include "fake_vcpu.h"
#include "vmx/devices/devices_priv.h"

#define FAKE_NR_VCPUS 4u

static struct config_vm fake_cfg = { .name = "fake" };
static struct vm fake_vm = { .id = 1, .cfg = &fake_cfg };
static struct vcpu fake_vcpus[FAKE_NR_VCPUS];

static inline uint64_t vm_guest_tsc(const struct vm *vm)
{
	return rdtsc() + vm->tsc_offset;
}

static inline void fake_vm_create(uint32_t nr_vcpus)
{
	fake_vm.nr_vcpus = nr_vcpus;
	fake_end = FAKE_NOT_ENDED;
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &fake_vcpus[i];

		*v = (struct vcpu){ .vm = &fake_vm, .index = i };
		fake_vm.vcpus[i] = v;
		assert_int_equal(lapic_create(v, &v->lapic), 0);
	}
}

static inline void fake_vm_destroy(void)
{
	for (uint32_t i = 0; i < fake_vm.nr_vcpus; i++)
		lapic_destroy(fake_vcpus[i].lapic);
	fake_vm.nr_vcpus = 0;
	assert_int_equal(fake_locks_held(), 0);
}

#endif
