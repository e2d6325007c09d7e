/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carrying out an instruction that touched guest-physical memory without RAM
 * behind it. The caller (vmx/exit_ept.c) fetches the bytes; the work is in
 * vmx/mmio.c over the decoder.
 */
#ifndef VMX_MMIO_H
#define VMX_MMIO_H

#include "kernel/addr.h"
#include "kernel/compiler.h"

struct vcpu;

enum mmio_mode { MMIO_MODE_16, MMIO_MODE_32, MMIO_MODE_64 };

struct mmio_access {
	gpa_t gpa;	      /* in: first byte of the access */
	bool is_write;	      /* in: the violation was a write */
	const uint8_t *insn;  /* in: bytes at RIP */
	unsigned insn_nbytes; /* in: 0..15 */
	enum mmio_mode mode;  /* in: default operand and address size */
	uint64_t rflags;      /* in, out */
	bool done;	      /* out: false: REP has more iterations to go */
	unsigned length;      /* out: of the instruction */
};

/*
 * 0: carried out on the device (or on nothing: reads all ones, writes
 * dropped), registers and a->rflags updated. -EOPNOTSUPP: the decoder refuses
 * the instruction. -EFAULT: its other memory operand is not mapped.
 */
MUST_CHECK int mmio_emulate(struct vcpu *v, struct mmio_access *a);

#endif
