// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM's paravirtual end of interrupt: the guest ends an interrupt by clearing a
 * bit of its memory instead of writing to the APIC, which would be an exit.
 *
 * The bit is offered with the entry that delivers the interrupt, if nobody but
 * this vCPU has to hear of its end, and taken back by the next exit that
 * reaches the slow path or may deliver another one, before that looks at
 * anything. If the guest has cleared it by then, the end is made up for; if
 * not, the guest will write to the APIC as ever.
 *
 * Invariant: outside guest mode and the exit fast path nothing is offered, so
 * that the APIC's registers are true. On the fast path, where they may be
 * behind, nothing looks at ISR or PPR before it has settled: an EOI while
 * something is offered goes the slow way, and an interrupt that comes in
 * between is a request, which ends the stay.
 *
 * Source: Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN.
 */
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "mm/gspace.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu_priv.h"

#define PV_EOI_ENABLE	BIT(0)
#define PV_EOI_RESERVED BIT(1)
/* Of the guest's 4 bytes. Only the first is ever touched. */
#define PV_EOI_OFFERED 1u

static gpa_t flag_at(const struct vcpu *v)
{
	return gpa(v->pv_eoi_msr & ~PV_EOI_ENABLE);
}

static bool has_feature(struct vcpu *v)
{
	return cpuid_policy_get(v, AEROSTAT_CPUID_KVM + 1, 0).eax &
	       KVM_FEATURE_PV_EOI;
}

int pv_eoi_read_msr(struct vcpu *v, uint64_t *val)
{
	*val = v->pv_eoi_msr;
	return has_feature(v) ? 0 : -ENOENT;
}

/*
 * A page without a frame gets none here: the guest's first attempt to clear the
 * bit does it, and until then nothing is offered.
 */
int pv_eoi_write_msr(struct vcpu *v, uint64_t val)
{
	uint32_t word;

	if (!has_feature(v))
		return -ENOENT;
	if (val & PV_EOI_RESERVED)
		return -EINVAL;
	if ((val & PV_EOI_ENABLE) &&
	    guest_read(v->gs, gpa(val & ~PV_EOI_ENABLE), &word, sizeof(word)))
		return -EINVAL;
	v->pv_eoi_msr = val;
	return 0;
}

void pv_eoi_reset(struct vcpu *v)
{
	v->pv_eoi_msr = 0;
	v->pv_eoi_offered = false;
}

void pv_eoi_offer(struct vcpu *v, int vector)
{
	if (!(v->pv_eoi_msr & PV_EOI_ENABLE) ||
	    !lapic_eoi_is_local(v->lapic, vector))
		return;
	v->pv_eoi_offered = guest_quick_put8(v->gs, flag_at(v), PV_EOI_OFFERED);
}

static void taken_back(struct vcpu *v, uint8_t flag)
{
	v->pv_eoi_offered = false;
	if (!(flag & PV_EOI_OFFERED))
		lapic_eoi(v->lapic);
}

void pv_eoi_take_back(struct vcpu *v)
{
	uint8_t flag;

	/* Memory that went away: as if cleared. The guest's own loss. */
	if (guest_take8(v->gs, flag_at(v), &flag))
		flag = 0;
	taken_back(v, flag);
}

bool pv_eoi_settle_quick(struct vcpu *v)
{
	uint8_t flag;

	if (!v->pv_eoi_offered)
		return true;
	if (!guest_quick_take8(v->gs, flag_at(v), &flag))
		return false;
	taken_back(v, flag);
	return true;
}
