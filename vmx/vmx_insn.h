/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VMX instructions, nowhere else. None ignores failure: a VMREAD or
 * VMWRITE of a field that exists, with a current VMCS, can't fail, so failing
 * is our bug (SDM Vol. 3, "VMX Instruction Reference", "Conventions").
 *
 * In every build vmcs_read() and vmcs_write() check that the current VMCS is
 * the one of the thread that uses it: a stranger's would be changed, or
 * believed, without a sign. The *_here() forms are for the exit fast path and
 * check nothing: the exit has just come from that VMCS, reading the exit reason
 * has shown that one is current, and all processors have their fields.
 */
#ifndef VMX_VMX_INSN_H
#define VMX_VMX_INSN_H

#include "kernel/lib/addr.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/compiler.h"
#include "vmx/vmcs.h"

/* The calling thread uses a VMCS that is not its own: panics. */
NORETURN COLD void vmcs_not_ours(void);

static ALWAYS_INLINE void vmcs_check_owner(void)
{
	struct thread *owner;
	bool foreign;

	__asm__ volatile("movq %%gs:48, %[owner]\n\t"
			 "cmpq %%gs:32, %[owner]"
			 : "=@ccne"(foreign), [owner] "=r"(owner));
	if (unlikely(foreign))
		vmcs_not_ours();
}

static ALWAYS_INLINE uint64_t vmcs_read_here(enum vmcs_field field)
{
	uint64_t value;

	__asm__ volatile("vmread %[field], %[value]"
			 : [value] "=r"(value)
			 : [field] "r"((uint64_t)field)
			 : "cc");
	return value;
}

/* Of an exit that has just come: whatever VMCS is current is the right one. */
static ALWAYS_INLINE uint64_t vmcs_read_exit_reason(void)
{
	uint64_t value;
	bool failed;

	__asm__ volatile("vmread %[field], %[value]"
			 : "=@ccbe"(failed), [value] "=r"(value)
			 : [field] "r"((uint64_t)VMCS_EXIT_REASON));
	if (unlikely(failed))
		__builtin_trap();
	return value;
}

static ALWAYS_INLINE uint64_t vmcs_read(enum vmcs_field field)
{
	uint64_t value;
	bool failed;

	vmcs_check_owner();
	__asm__ volatile("vmread %[field], %[value]"
			 : "=@ccbe"(failed), [value] "=r"(value)
			 : [field] "r"((uint64_t)field));
	if (unlikely(failed))
		__builtin_trap();
	return value;
}

static ALWAYS_INLINE uint32_t vmcs_read32(enum vmcs_field field)
{
	return (uint32_t)vmcs_read(field);
}

static ALWAYS_INLINE void vmcs_write_here(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %[value], %[field]"
			 :
			 : [field] "r"((uint64_t)field), [value] "rm"(value)
			 : "cc");
}

static ALWAYS_INLINE void vmcs_write(enum vmcs_field field, uint64_t value)
{
	bool failed;

	vmcs_check_owner();
	__asm__ volatile("vmwrite %[value], %[field]"
			 : "=@ccbe"(failed)
			 : [field] "r"((uint64_t)field), [value] "rm"(value));
	if (unlikely(failed))
		__builtin_trap();
}

/* 0, or -EIO: VMfailInvalid or VMfailValid. */
MUST_CHECK static inline int vmx_on(hpa_t region)
{
	bool failed;

	__asm__ volatile("vmxon %[pa]"
			 : "=@ccbe"(failed)
			 : [pa] "m"(region.raw)
			 : "memory");
	return failed ? -5 : 0;
}

/*
 * True: this CPU is out of VMX operation. It may have been before: an NMI that
 * stops the CPU can come on either side of VMXON or VMXOFF, and can't tell. So
 * the #UD that VMXOFF is then counts as success (kernel/cpu/trap.c goes on
 * behind the instruction, with the flags from before it). IRET from the #UD
 * lets NMIs in again; who is stopping for good does not mind. False: a monitor
 * in SMM does not let go.
 */
MUST_CHECK static inline bool vmx_off(void)
{
	bool out;

	__asm__ volatile("test %%rsp, %%rsp\n"
			 "1:\tvmxoff\n"
			 "2:\t.pushsection .rodata.fixups, \"a\"\n\t"
			 ".quad 1b, 2b\n\t"
			 ".popsection"
			 : "=@cca"(out)
			 :
			 : "memory");
	return out;
}

static inline void vmcs_clear(hpa_t region)
{
	bool failed;

	__asm__ volatile("vmclear %[pa]"
			 : "=@ccbe"(failed)
			 : [pa] "m"(region.raw)
			 : "memory");
	BUG_ON(failed);
}

static inline void vmcs_load(hpa_t region)
{
	bool failed;

	__asm__ volatile("vmptrld %[pa]"
			 : "=@ccbe"(failed)
			 : [pa] "m"(region.raw)
			 : "memory");
	BUG_ON(failed);
}

#define INVEPT_SINGLE 1u
#define INVEPT_ALL    2u

static inline void vmx_invept(uint64_t type, uint64_t eptp)
{
	struct {
		uint64_t eptp, zero;
	} d = { eptp, 0 };
	bool failed;

	__asm__ volatile("invept %[d], %[type]"
			 : "=@ccbe"(failed)
			 : [d] "m"(d), [type] "r"(type)
			 : "memory");
	BUG_ON(failed);
}

#define INVVPID_SINGLE 1u
#define INVVPID_ALL    2u

static inline void vmx_invvpid(uint64_t type, uint64_t vpid)
{
	struct {
		uint64_t vpid, linear;
	} d = { vpid, 0 };
	bool failed;

	__asm__ volatile("invvpid %[d], %[type]"
			 : "=@ccbe"(failed)
			 : [d] "m"(d), [type] "r"(type)
			 : "memory");
	BUG_ON(failed);
}

#endif
