/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Invalidation of EPT translations: stage2_flush().
 *
 * Every vCPU of the VM gets VCPU_REQ_FLUSH, which makes it execute INVEPT
 * before its next entry; those in guest mode are made to leave, and only
 * for these do we wait. A vCPU that comes to another CPU flushes there anyway
 * (vcpu_switch_in), so nothing else is owed to CPUs that it left.
 *
 * stage2_unmap_at_once() is for who may not wait: it asks for the same, but
 * only where no other vCPU turns out to be in guest mode; else the leaf is put
 * back as if nothing had been, which needs no flush.
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

static ALWAYS_INLINE bool is_in_guest(struct vcpu *v)
{
	return __atomic_load_n(&v->mode, __ATOMIC_SEQ_CST) == VCPU_IN_GUEST;
}

/* True if v, which is in guest mode, is the caller: one CPU has no two. */
static ALWAYS_INLINE bool is_here(struct vcpu *v)
{
	return READ_ONCE(v->cpu) == cpu_id();
}

/* True if another vCPU is in guest mode now, or on the exit fast path. */
static ALWAYS_INLINE bool another_in_guest(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (is_in_guest(vm->vcpus[i]) && !is_here(vm->vcpus[i]))
			return true;
	return false;
}

/*
 * The others flush before their next entry. False: one is in guest mode, and
 * may have been there since before it was asked.
 */
static ALWAYS_INLINE bool others_will_flush(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpus[i];

		if (is_in_guest(v) && is_here(v))
			continue;
		vcpu_request(v, VCPU_REQ_FLUSH);
		if (is_in_guest(v))
			return false;
	}
	return true;
}

bool stage2_unmap_at_once(struct stage2 *s2, gfn_t g)
{
	struct vm *vm = s2->vm;
	uint64_t leaf;

	/* Mostly this tells, before anybody is disturbed. */
	if (!vm || another_in_guest(vm))
		return false;
	leaf = stage2_leaf_take(s2, g);
	if (!leaf)
		return false;
	/*
	 * Each of the others sees the request before it enters, or is seen in
	 * guest mode here: vcpu_request() and guest_stay().
	 */
	if (!others_will_flush(vm)) {
		/* The same translation again: it was never wrong to use it. */
		stage2_leaf_put_back(s2, g, leaf);
		return false;
	}
	vmx_invept(INVEPT_SINGLE, s2->eptp);
	return true;
}
