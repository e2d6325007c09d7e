/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCALL: number in RAX, arguments RBX RCX RDX RSI, result in RAX. Calls that
 * wait for nothing are served on the fast path. ABI: docs/abi.md.
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
		log_guest(&v->vm->log, LOG_WARN, "vm",
			  "vm=%s announces a crash", v->vm->cfg->name);
	return 0;
}

static int64_t hc_mem(struct vcpu *v)
{
	return memdev_hypercall(v, v->gpr[REG_RAX], v->gpr[REG_RBX],
				v->gpr[REG_RCX], v->gpr[REG_RDX],
				v->gpr[REG_RSI]);
}

static int64_t hc_mem_setup(struct vcpu *v)
{
	return memdev_setup(v->vm, v->gpr[REG_RBX]);
}

/* ---- the fast path ---- */

static ALWAYS_INLINE bool fast_answer(struct vcpu *v, int64_t result)
{
	v->gpr[REG_RAX] = (uint64_t)result;
	return exit_fast_skip(v, REASON_VMCALL);
}

static bool fast_version(struct vcpu *v)
{
	return fast_answer(v, AEROSTAT_ABI_VERSION);
}

static bool fast_features(struct vcpu *v)
{
	return fast_answer(v, AEROSTAT_FEATURES);
}

static bool fast_mem_setup(struct vcpu *v)
{
	return fast_answer(v, hc_mem_setup(v));
}

static bool fast_mem_target(struct vcpu *v)
{
	const uint64_t *target = READ_ONCE(v->vm->target_now);

	if (unlikely(!target))
		return false;
	return fast_answer(v, (int64_t)READ_ONCE(*target));
}

/* One page. Of more, each costs little in an ordinary call. */
static bool fast_mem_inflate(struct vcpu *v)
{
	/* The byte that ends an interrupt may lie in the page. */
	if (v->gpr[REG_RCX] != 1 || unlikely(v->pv_eoi_offered) ||
	    !memdev_quick_inflate(v->vm, v->gpr[REG_RBX]))
		return false;
	return fast_answer(v, 1);
}

/* ---- dispatch ---- */

struct hypercall {
	int64_t (*fn)(struct vcpu *v); /* slow path: may wait */
	/*
	 * On the fast path, where it waits for nothing and takes no memory lock
	 * that is not free; if it would have to, it returns false. NULL: it
	 * always would.
	 */
	fast_handler fast;
};

#define CALL(name) [AEROSTAT_HC_##name - AEROSTAT_HC_BASE]

static const struct hypercall calls[] = {
	CALL(VERSION) = { hc_version, fast_version },
	CALL(FEATURES) = { hc_features, fast_features },
	CALL(CONSOLE) = { hc_console, NULL },
	CALL(SHUTDOWN) = { hc_shutdown, NULL }, /* logs */
	CALL(MEM_SETUP) = { hc_mem_setup, fast_mem_setup },
	CALL(MEM_INFLATE) = { hc_mem, fast_mem_inflate },
	CALL(MEM_DEFLATE) = { hc_mem, NULL },
	CALL(MEM_TARGET) = { hc_mem, fast_mem_target },
	CALL(MEM_DISCARD) = { hc_mem, NULL },
};

bool fast_hypercall(struct vcpu *v)
{
	uint64_t i = v->gpr[REG_RAX] - AEROSTAT_HC_BASE;

	if (unlikely(i >= ARRAY_SIZE(calls) || !calls[i].fast ||
		     vcpu_cpl_here() != 0))
		return false;
	return calls[i].fast(v);
}

static int64_t call(struct vcpu *v)
{
	uint64_t i = v->gpr[REG_RAX] - AEROSTAT_HC_BASE;

	if (vcpu_cpl() != 0)
		return -EPERM;
	if (i >= ARRAY_SIZE(calls) || !calls[i].fn)
		return -ENOSYS;
	return calls[i].fn(v);
}

enum exit_action exit_hypercall(struct vcpu *v)
{
	v->gpr[REG_RAX] = (uint64_t)call(v);
	return EXIT_SKIP_INSN;
}
