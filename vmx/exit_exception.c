/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions that exit (#DB, #AC, #MC), NMIs of the host, and the dump of a
 * vCPU that is beyond help.
 */
#include "kernel/lib/lib.h"
#include "kernel/sync/log.h"
#include "vmx/vcpu_priv.h"

#define DR6_RTM	   BIT(16)
#define DR6_EVENTS 0x600full /* B0-B3, BD, BS */

/*
 * The exit's qualification has the bits that DR6 would get; DR6 itself has
 * not been changed (SDM, "Debug Exceptions" under exit qualification). The
 * exception ends a shadow of STI or MOV SS; an entry with one and TF would fail
 * for want of a pending single step ("Checks on Guest Non-Register State").
 */
static void reinject_debug(struct vcpu *v, uint32_t type)
{
	uint64_t shadow = BLOCKED_BY_STI | BLOCKED_BY_MOV_SS;
	uint64_t q = vmcs_read(VMCS_EXIT_QUAL);

	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~shadow);
	write_dr6((read_dr6() & ~15ull) | (q & DR6_EVENTS) | DR6_RTM);
	/* #DB delivery clears GD, which the intercepted one did not. */
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~BIT(13));
	inject_exception(v, 1);
	if (type != INTR_TYPE_PRIV_SW_EXC)
		return;
	/* INT1 is a trap: delivery moves RIP, which is still at it. */
	v->inject.info = INTR_VALID | type | 1;
	v->inject.insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
}

enum exit_action exit_exception(struct vcpu *v)
{
	uint32_t info = vmcs_read32(VMCS_EXIT_INTR_INFO);
	unsigned vector = info & INTR_VECTOR_MASK;

	/* Both were handled by the host before interrupts went on. */
	if ((info & INTR_TYPE_MASK) == INTR_TYPE_NMI || vector == 18)
		return EXIT_RESUME;
	/* The bit is undefined during event delivery (SDM). */
	if ((info & INTR_NMI_UNBLOCK) && !(v->inject.info & INTR_VALID))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) |
				   BLOCKED_BY_NMI);
	if (vector == 1)
		reinject_debug(v, info & INTR_TYPE_MASK);
	else
		inject_exception_code(v, vector,
				      vmcs_read32(VMCS_EXIT_ERROR_CODE));
	return EXIT_RESUME;
}

void vcpu_dump(struct vcpu *v)
{
	const char *name = v->vm->cfg->name;
	struct log_source *log = &v->vm->log;
	const uint64_t *g = v->gpr;

	log_guest(log, LOG_ERR, "vmx",
		  "vm=%s vcpu=%u rip=%#lx rsp=%#lx rflags=%#lx cpl=%u", name,
		  v->index, vmcs_read(VMCS_GUEST_RIP),
		  vmcs_read(VMCS_GUEST_RSP), vmcs_read(VMCS_GUEST_RFLAGS),
		  vcpu_cpl());
	log_guest(log, LOG_ERR, "vmx",
		  "vm=%s rax=%#lx rbx=%#lx rcx=%#lx rdx=%#lx rsi=%#lx "
		  "rdi=%#lx rbp=%#lx",
		  name, g[REG_RAX], g[REG_RBX], g[REG_RCX], g[REG_RDX],
		  g[REG_RSI], g[REG_RDI], g[REG_RBP]);
	log_guest(log, LOG_ERR, "vmx",
		  "vm=%s r8=%#lx r9=%#lx r10=%#lx r11=%#lx r12=%#lx "
		  "r13=%#lx r14=%#lx r15=%#lx",
		  name, g[REG_R8], g[REG_R9], g[REG_R10], g[REG_R11],
		  g[REG_R12], g[REG_R13], g[REG_R14], g[REG_R15]);
	log_guest(log, LOG_ERR, "vmx",
		  "vm=%s cr0=%#lx cr3=%#lx cr4=%#lx efer=%#lx cs=%#lx "
		  "cs_ar=%#lx ss_ar=%#lx exit=%#x",
		  name, vmcs_read(VMCS_GUEST_CR0), vmcs_read(VMCS_GUEST_CR3),
		  vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_GUEST_EFER),
		  vmcs_read(VMCS_GUEST_CS_SEL), vmcs_read(VMCS_GUEST_CS_AR),
		  vmcs_read(VMCS_GUEST_SS_AR), v->exit_reason);
}

void vcpu_crash(struct vcpu *v, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vcpu_dump(v);
	vm_request_end(v->vm, VM_END_CRASH, "%s", text);
}
