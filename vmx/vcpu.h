/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices and the rest of vmx/ may do with a vCPU. Its state while
 * it runs is private to vmx/vcpu*.c.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include "kernel/lib/compiler.h"
#include "vmx/vm.h"

struct lapic;

/* General registers in the order of instruction encodings. */
enum reg {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	REG_COUNT
};

/* Request bits; set with vcpu_request(). */
#define VCPU_REQ_EVENT 0x01u /* an interrupt may have become pending */
#define VCPU_REQ_FLUSH 0x02u /* INVEPT before the next entry */
#define VCPU_REQ_PAUSE 0x04u
#define VCPU_REQ_END   0x08u /* leave for good */
#define VCPU_REQ_NMI   0x10u
#define VCPU_REQ_INIT  0x20u /* INIT IPI arrived */
#define VCPU_REQ_SIPI  0x40u
#define VCPU_REQ_CLOCK 0x80u /* update the PV clock page */

struct vm *vcpu_vm(struct vcpu *v);
uint32_t vcpu_index(const struct vcpu *v); /* 0..; also its APIC ID */
struct lapic *vcpu_lapic(struct vcpu *v);

/*
 * Sets request bits, wakes the vCPU if it is halted and makes it leave guest
 * mode if it is there. Any context. Cheap if nothing has to be done.
 */
void vcpu_request(struct vcpu *v, uint32_t bits);
/* For the current vCPU on an exit path: only sets the bits. */
void vcpu_request_self(struct vcpu *v, uint32_t bits);
/* INIT puts an AP in wait-for-SIPI, SIPI starts it at vector << 12. */
void vcpu_sipi(struct vcpu *v, uint8_t vector);

/* For MMIO emulation, on the vCPU's own thread. */
uint64_t vcpu_get_reg(struct vcpu *v, enum reg r);
void vcpu_set_reg(struct vcpu *v, enum reg r, uint64_t value);

/* What this vCPU reads from its TSC now; it may have moved it. */
uint64_t vcpu_guest_tsc(const struct vcpu *v);

#endif
