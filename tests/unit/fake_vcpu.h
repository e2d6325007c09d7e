/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs for host tests that have no vmx/vcpu.c: real ones of which nobody is in
 * guest mode, and which only remember what was asked of them. Included by one
 * file of each test.
 */
#ifndef FAKE_VCPU_H
#define FAKE_VCPU_H

#include <stdarg.h>
#include <stdio.h>

#include "fakes.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define FAKE_NOT_ENDED (-1)

static int fake_end = FAKE_NOT_ENDED; /* how a VM was ended: enum vm_end */
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

void vcpu_set_controls(struct vcpu *v, uint32_t set, uint32_t clear)
{
	v->cpu_controls = (v->cpu_controls | set) & ~clear;
}

uint64_t vcpu_get_reg(struct vcpu *v, enum reg r)
{
	return v->gpr[r];
}

void vcpu_set_reg(struct vcpu *v, enum reg r, uint64_t value)
{
	v->gpr[r] = value;
}

uint64_t vcpu_guest_tsc(const struct vcpu *v)
{
	return rdtsc() + v->vm->tsc_offset + v->tsc_adjust;
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

#endif
