/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a vCPU that does not run, for people to look at. The vCPU's own
 * thread takes it when it is paused and when its run ends, because only it can
 * read its VMCS; whoever looks needs no processor state.
 */
#ifndef VMX_VCPU_SNAPSHOT_H
#define VMX_VCPU_SNAPSHOT_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"
#include "vmx/guest_walk.h"
#include "vmx/vcpu.h"

struct vcpu_segment {
	uint16_t selector;
	uint32_t access;
	uint64_t base;
};

#define SNAPSHOT_CODE  32u /* bytes from RIP on */
#define SNAPSHOT_STACK 16u /* words from RSP on */

struct vcpu_snapshot {
	bool taken; /* in this VM's last run */
	bool halted;
	bool wait_sipi; /* an AP that was not started */
	uint32_t exit_reason;
	uint64_t gpr[REG_COUNT];
	uint64_t rip, rflags;
	uint64_t cr2;
	struct guest_paging paging; /* CR0, CR3, CR4, EFER */
	uint64_t fs_base, gs_base, gdt_base, idt_base;
	struct vcpu_segment cs, ss;
	/* As far as they could be read. */
	uint32_t nr_code, nr_stack;
	uint8_t code[SNAPSHOT_CODE];
	uint64_t stack[SNAPSHOT_STACK];
};

/* On v's own thread. */
void vcpu_snapshot_take(struct vcpu *v);

/*
 * A copy of the snapshot of vCPU `index`; false: there is no such vCPU, or none
 * was taken in its last run. While the VM runs it may be mixed from two times.
 */
bool vm_snapshot(struct vm *vm, uint32_t index, struct vcpu_snapshot *out);

/*
 * Copies from guest-linear memory as that vCPU sees it, ignoring privilege,
 * and from guest-physical memory. Both return how many bytes could be read
 * before the first that is not mapped or not RAM. Nothing is committed: what
 * is hollow reads as zeros. Thread context.
 */
uint64_t vm_snapshot_read(struct vm *vm, const struct vcpu_snapshot *s, gva_t a,
			  void *dst, uint64_t nbytes);
uint64_t vm_read_physical(struct vm *vm, gpa_t a, void *dst, uint64_t nbytes);

#endif
