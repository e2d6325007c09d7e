/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulation of guest accesses to device memory.
 */
#ifndef VMX_MMIO_H
#define VMX_MMIO_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"
#include "vmx/decode.h"

struct vcpu;

struct mmio_access {
	gpa_t gpa;	      /* as the processor reported it */
	bool is_write;	      /* likewise */
	const uint8_t *insn;  /* bytes at RIP ... */
	unsigned insn_nbytes; /* ... as many as could be read */
	enum insn_mode mode;
	uint64_t rflags; /* in and out */
	bool done;	 /* out: false: REP goes on, RIP stays */
	unsigned length; /* out: of the instruction */
};

/*
 * Carries out the instruction on the device at a->gpa. Registers change by
 * vcpu_set_reg(), flags in a->rflags; the caller advances RIP. Where no device
 * is, reads give all ones and writes are dropped, with a rate-limited log
 * line. 0; -EOPNOTSUPP or -EINVAL (instruction not known, not all there;
 * nothing was changed).
 */
MUST_CHECK int mmio_emulate(struct vcpu *v, struct mmio_access *a);

/*
 * The other side of MOVS, INS and OUTS: nbytes of ordinary memory at seg:offset
 * or at a linear address, on the vCPU's own thread. 0; -EAGAIN (run the
 * instruction again: an exception is on its way to the guest, or host memory
 * was short and has been waited for), -EOPNOTSUPP (not memory either, or more
 * than the VM may have). What a device gives is lost if it can't be written:
 * ready makes sure first.
 */
MUST_CHECK int vcpu_read_operand(struct vcpu *v, enum insn_seg seg,
				 uint64_t offset, void *dst, unsigned nbytes);
MUST_CHECK int vcpu_ready_operand(struct vcpu *v, enum insn_seg seg,
				  uint64_t offset, unsigned nbytes);
MUST_CHECK int vcpu_write_operand(struct vcpu *v, enum insn_seg seg,
				  uint64_t offset, const void *src,
				  unsigned nbytes);
MUST_CHECK int vcpu_read_linear(struct vcpu *v, gva_t a, void *dst,
				unsigned nbytes);
MUST_CHECK int vcpu_ready_linear(struct vcpu *v, gva_t a, unsigned nbytes);
MUST_CHECK int vcpu_write_linear(struct vcpu *v, gva_t a, const void *src,
				 unsigned nbytes);

#endif
