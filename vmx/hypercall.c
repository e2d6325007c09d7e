/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCALL: number in RAX, arguments RBX RCX RDX RSI, result in RAX. Calls that
 * need no guest memory are answered on the fast path. ABI: docs/abi.md.
 */
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "kernel/sync/log.h"
#include "mm/heap.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/vcpu_priv.h"

static int64_t hc_version(struct vcpu *v)
{
	(void)v;
	return AEROSTAT_ABI_VERSION;
}

static int64_t hc_features(struct vcpu *v)
{
	(void)v;
	return AEROSTAT_FEATURES;
}

/* Text for the guest's console ring, at most a page. */
static int64_t hc_console(struct vcpu *v)
{
	uint64_t nbytes = v->gpr[REG_RCX];
	char *text;
	int err;

	if (nbytes > PAGE_SIZE)
		return -E2BIG;
	text = kmalloc(PAGE_SIZE);
	if (!text)
		return -ENOMEM;
	err = guest_read(v->gs, gpa(v->gpr[REG_RBX]), text, nbytes);
	if (!err)
		vuart_output_write(v->vm, text, nbytes);
	kfree(text);
	return err ? err : (int64_t)nbytes;
}

/* Says what kind of end follows; the end itself is by ACPI or reset. */
static int64_t hc_shutdown(struct vcpu *v)
{
	uint64_t why = v->gpr[REG_RBX];

	if (why > AEROSTAT_SHUTDOWN_CRASH)
		return -EINVAL;
	v->vm->announced_end = (uint32_t)why + 1;
	if (why == AEROSTAT_SHUTDOWN_CRASH)
		log_warn("vm", "vm=%s announces a crash", v->vm->cfg->name);
	return 0;
}

static int64_t hc_mem(struct vcpu *v)
{
	return memdev_hypercall(v, v->gpr[REG_RAX], v->gpr[REG_RBX],
				v->gpr[REG_RCX], v->gpr[REG_RDX],
				v->gpr[REG_RSI]);
}

typedef int64_t (*hypercall_fn)(struct vcpu *v);

static const hypercall_fn calls[] = {
	[AEROSTAT_HC_VERSION - AEROSTAT_HC_BASE] = hc_version,
	[AEROSTAT_HC_FEATURES - AEROSTAT_HC_BASE] = hc_features,
	[AEROSTAT_HC_CONSOLE - AEROSTAT_HC_BASE] = hc_console,
	[AEROSTAT_HC_SHUTDOWN - AEROSTAT_HC_BASE] = hc_shutdown,
	[AEROSTAT_HC_MEM_SETUP - AEROSTAT_HC_BASE] = hc_mem,
	[AEROSTAT_HC_MEM_INFLATE - AEROSTAT_HC_BASE] = hc_mem,
	[AEROSTAT_HC_MEM_DEFLATE - AEROSTAT_HC_BASE] = hc_mem,
	[AEROSTAT_HC_MEM_TARGET - AEROSTAT_HC_BASE] = hc_mem,
	[AEROSTAT_HC_MEM_DISCARD - AEROSTAT_HC_BASE] = hc_mem,
};

/* The calls whose answer is a constant: a guest may ask often. */
bool fast_hypercall(struct vcpu *v)
{
	static const int64_t answers[] = {
		[AEROSTAT_HC_VERSION - AEROSTAT_HC_BASE] = AEROSTAT_ABI_VERSION,
		[AEROSTAT_HC_FEATURES - AEROSTAT_HC_BASE] = AEROSTAT_FEATURES,
	};
	uint64_t i = v->gpr[REG_RAX] - AEROSTAT_HC_BASE;

	if (unlikely(i >= ARRAY_SIZE(answers) || vcpu_cpl() != 0))
		return false;
	v->gpr[REG_RAX] = (uint64_t)answers[i];
	return exit_fast_skip(v, REASON_VMCALL);
}

static int64_t call(struct vcpu *v)
{
	uint64_t i = v->gpr[REG_RAX] - AEROSTAT_HC_BASE;

	if (vcpu_cpl() != 0)
		return -EPERM;
	if (i >= ARRAY_SIZE(calls) || !calls[i])
		return -ENOSYS;
	return calls[i](v);
}

enum exit_action exit_hypercall(struct vcpu *v)
{
	v->gpr[REG_RAX] = (uint64_t)call(v);
	return EXIT_SKIP_INSN;
}
