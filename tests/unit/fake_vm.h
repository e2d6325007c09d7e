/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM for host tests of virtual devices: vCPUs that only remember what was
 * asked of them. Included by one file of each test.
 */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fakes.h"
#include "vmx/devices/devices_priv.h"

#define FAKE_NR_VCPUS 4u

struct vcpu {
	struct vm *vm;
	uint32_t index;
	struct lapic *lapic;
	uint64_t gpr[REG_COUNT];
	uint64_t tsc_adjust;
	uint32_t requests;
	int sipi_vector;
};

static struct config_vm fake_cfg = { .name = "fake" };
static struct vm fake_vm = { .id = 1, .cfg = &fake_cfg };
static struct vcpu fake_vcpus[FAKE_NR_VCPUS];
static int fake_end = -1;
static char fake_end_text[128];

struct vm *vcpu_vm(struct vcpu *v)
{
	return v->vm;
}

uint32_t vcpu_index(const struct vcpu *v)
{
	return v->index;
}

struct lapic *vcpu_lapic(struct vcpu *v)
{
	return v->lapic;
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
	v->requests |= bits;
}

void vcpu_request_self(struct vcpu *v, uint32_t bits)
{
	v->requests |= bits;
}

void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	v->sipi_vector = vector;
}

uint64_t vcpu_get_reg(struct vcpu *v, enum reg r)
{
	return v->gpr[r];
}

void vcpu_set_reg(struct vcpu *v, enum reg r, uint64_t value)
{
	v->gpr[r] = value;
}

static inline uint64_t vm_guest_tsc(const struct vm *vm)
{
	return rdtsc() + vm->tsc_offset;
}

uint64_t vcpu_guest_tsc(const struct vcpu *v)
{
	return vm_guest_tsc(v->vm) + v->tsc_adjust;
}

void vm_request_end(struct vm *vm, enum vm_end end, const char *fmt, ...)
{
	va_list ap;

	(void)vm;
	fake_end = (int)end;
	va_start(ap, fmt);
	vsnprintf(fake_end_text, sizeof(fake_end_text), fmt, ap);
	va_end(ap);
}

static inline void fake_vm_create(uint32_t nr_vcpus)
{
	fake_vm.nr_vcpus = nr_vcpus;
	fake_end = -1;
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &fake_vcpus[i];

		*v = (struct vcpu){ .vm = &fake_vm,
				    .index = i,
				    .sipi_vector = -1 };
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
