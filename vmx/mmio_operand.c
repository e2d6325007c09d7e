/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory side of a MOVS, INS or OUTS, whose other side is a device: through
 * the guest's segment and page tables, with the page fault that the access may
 * cause.
 */
#include "kernel/lib/errno.h"
#include "mm/gspace.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"

static gva_t linear_of(enum insn_seg seg, uint64_t offset)
{
	static const enum vmcs_field bases[] = {
		[SEG_ES] = VMCS_GUEST_ES_BASE, [SEG_CS] = VMCS_GUEST_CS_BASE,
		[SEG_SS] = VMCS_GUEST_SS_BASE, [SEG_DS] = VMCS_GUEST_DS_BASE,
		[SEG_FS] = VMCS_GUEST_FS_BASE, [SEG_GS] = VMCS_GUEST_GS_BASE,
	};
	bool is_64bit = vcpu_runs_64bit_code();

	/* SDM, "Segmentation in IA-32e Mode": only FS and GS have a base. */
	if (is_64bit && seg < SEG_FS)
		return (gva_t){ offset };
	offset += vmcs_read(bases[seg]);
	return (gva_t){ is_64bit ? offset : offset & 0xffffffffu };
}

/* No page fault has this error code: the walk did not fail. */
#define NO_FAULT 0xffffffffu

/* The result of an access. A fault goes to the guest; memory is waited for. */
static int finish(struct vcpu *v, int err, gva_t fault, uint32_t code)
{
	if (!err)
		return 0;
	if (err == -EINVAL) {
		inject_gp(v);
		return -EAGAIN;
	}
	if (err == -ENOMEM) {
		gspace_wait_memory(v->gs, vcpu_is_called, v);
		return -EAGAIN;
	}
	if (err != -EFAULT || code == NO_FAULT)
		return -EOPNOTSUPP;
	irq_disable();
	v->lazy.cr2 = fault.raw;
	write_cr2(fault.raw);
	irq_enable();
	inject_exception_code(v, 14, code);
	return -EAGAIN;
}

int vcpu_read_linear(struct vcpu *v, gva_t a, void *dst, unsigned nbytes)
{
	uint32_t code = NO_FAULT;
	gva_t fault = a;
	int err = guest_read_linear(v, a, dst, nbytes, &fault, &code);

	return finish(v, err, fault, code);
}

int vcpu_ready_linear(struct vcpu *v, gva_t a, unsigned nbytes)
{
	uint32_t code = NO_FAULT;
	gva_t fault = a;
	int err = guest_commit_linear(v, a, nbytes, &fault, &code);

	return finish(v, err, fault, code);
}

int vcpu_write_linear(struct vcpu *v, gva_t a, const void *src, unsigned nbytes)
{
	uint32_t code = NO_FAULT;
	gva_t fault = a;
	int err = guest_write_linear(v, a, src, nbytes, &fault, &code);

	return finish(v, err, fault, code);
}

int vcpu_read_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		      void *dst, unsigned nbytes)
{
	return vcpu_read_linear(v, linear_of(seg, offset), dst, nbytes);
}

int vcpu_ready_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		       unsigned nbytes)
{
	return vcpu_ready_linear(v, linear_of(seg, offset), nbytes);
}

int vcpu_write_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		       const void *src, unsigned nbytes)
{
	return vcpu_write_linear(v, linear_of(seg, offset), src, nbytes);
}
