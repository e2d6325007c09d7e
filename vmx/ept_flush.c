/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Invalidation of EPT translations: stage2_flush().
 *
 * Every vCPU of the VM gets VCPU_REQ_FLUSH, which makes it execute INVEPT
 * before its next entry; those in guest mode are made to leave, and only
 * for these do we wait. A vCPU that comes to another CPU flushes there anyway
 * (vcpu_switch_in), so nothing else is owed to CPUs that it left.
 *
 * Source: SDM Vol. 3, "Invalidating Cached Translation Information" and
 * "Guidelines for Use of the INVEPT Instruction".
 */
#include "vmx/ept.h"

#include "kernel/lib/x86.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vm.h"

void stage2_set_vm(struct stage2 *s2, struct vm *vm)
{
	s2->vm = vm;
}

/* Waits until v no longer runs on translations from before the request. */
static void wait_left_guest(struct vcpu *v)
{
	while (__atomic_load_n(&v->mode, __ATOMIC_SEQ_CST) == VCPU_IN_GUEST &&
	       (__atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) &
		VCPU_REQ_FLUSH))
		cpu_pause();
}

void stage2_flush(struct stage2 *s2)
{
	uint64_t retired = stage2_take_retired(s2);
	struct vm *vm = s2->vm;
	uint32_t i;

	if (vm) {
		for (i = 0; i < vm->nr_vcpus; i++)
			vcpu_request(vm->vcpus[i], VCPU_REQ_FLUSH);
		for (i = 0; i < vm->nr_vcpus; i++)
			wait_left_guest(vm->vcpus[i]);
	}
	stage2_free_retired(s2, retired);
}
