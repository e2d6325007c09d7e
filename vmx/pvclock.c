/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM-compatible paravirtual clock. The guest's TSC starts at 0 with the VM
 * and never changes its rate, so one description (base 0) holds for all
 * vCPUs and all time, and the stable flag is true.
 *
 * Source: Linux Documentation/virt/kvm/x86/msr.rst.
 */
#include "kernel/lib/errno.h"
#include "kernel/sched/clock.h"
#include "mm/gspace.h"
#include "vmx/msr_index.h"
#include "vmx/vcpu_priv.h"

struct pvclock_page {
	uint32_t version; /* odd while being changed */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time; /* ns at tsc_timestamp */
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};
_Static_assert(sizeof(struct pvclock_page) == 32, "KVM ABI");

struct wall_clock {
	uint32_t version, sec, nsec;
};

#define PVCLOCK_TSC_STABLE    1u
#define PVCLOCK_GUEST_STOPPED 2u
#define PVCLOCK_ENABLE	      1ull

/* ns = ((ticks << shift) * mul) >> 32, with mul as large as fits. */
static void scale_of(uint64_t khz, uint32_t *mul, int8_t *shift)
{
	uint64_t hz = khz * 1000, ns = 1000000000ull;
	int8_t s = 0;

	while (hz > ns * 2) {
		hz >>= 1;
		s--;
	}
	while (hz <= ns) {
		hz <<= 1;
		s++;
	}
	/* Now 1 <= hz / 1e9 < 2, so the quotient fits in 32 bits. */
	*mul = (uint32_t)((ns << 32) / hz);
	*shift = s;
}

static int write_version(struct vcpu *v, gpa_t at, uint32_t version)
{
	v->pvclock_version = version;
	/* x86 keeps the order of stores; the compiler must as well. */
	barrier();
	return guest_write(v->gs, at, &version, sizeof(version));
}

/*
 * Another vCPU may read the page meanwhile: what lies between two even
 * versions is not believed. An attempt that failed left an odd one.
 */
static int write_page(struct vcpu *v, uint8_t extra_flags)
{
	/* TSC_ADJUST moves only this vCPU's TSC; its clock must not jump. */
	struct pvclock_page p = {
		.version = (uint32_t)v->pvclock_version | 1,
		.tsc_timestamp = v->tsc_adjust,
		.flags = (uint8_t)(PVCLOCK_TSC_STABLE | extra_flags),
	};
	gpa_t at = gpa(v->pvclock_msr & ~PVCLOCK_ENABLE);
	int err;

	scale_of(tsc_khz, &p.tsc_to_system_mul, &p.tsc_shift);
	err = write_version(v, at, p.version);
	if (err)
		return err;
	barrier();
	err = guest_write(v->gs, at, &p, sizeof(p));
	if (err)
		return err;
	return write_version(v, at, p.version + 1);
}

static int write_wall_clock(struct vcpu *v, uint64_t val)
{
	uint64_t ns = v->vm->kvmclock_boot_ns;
	struct wall_clock w = {
		.version = 2,
		.sec = (uint32_t)(clock_boot_epoch() + ns / 1000000000u),
		.nsec = (uint32_t)(ns % 1000000000u),
	};

	v->wallclock_msr = val;
	return guest_write(v->gs, gpa(val), &w, sizeof(w));
}

static int msr_result(int err)
{
	return !err || err == -ENOMEM ? err : -EINVAL;
}

int pvclock_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_OLD)
		return val & 3 ? -EINVAL : msr_result(write_wall_clock(v, val));
	if ((val & PVCLOCK_ENABLE) && (val & 2))
		return -EINVAL;
	v->pvclock_msr = val;
	v->pvclock_version = 0;
	if (!(val & PVCLOCK_ENABLE))
		return 0;
	return msr_result(write_page(v, 0));
}

void pvclock_update(struct vcpu *v, bool was_stopped)
{
	int err;

	if (!(v->pvclock_msr & PVCLOCK_ENABLE))
		return;
	err = write_page(v, was_stopped ? PVCLOCK_GUEST_STOPPED : 0);
	while (err == -ENOMEM && !vcpu_is_called(v)) {
		gspace_wait_memory(v->gs, vcpu_is_called, v);
		err = write_page(v, was_stopped ? PVCLOCK_GUEST_STOPPED : 0);
	}
	/* Something else comes first: after it. */
	if (err == -ENOMEM)
		vcpu_request_self(v, VCPU_REQ_CLOCK);
	/* A page that went away is the guest's own loss. */
	else if (err)
		v->pvclock_msr = 0;
}
