/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual machine: its configuration, guest-physical space, vCPUs and
 * devices, and its life cycle. The VM object lives from boot on (one for each
 * [vm] section); what a run needs is made by vm_start and freed when it ends.
 */
#ifndef VMX_VM_H
#define VMX_VM_H

#include "kernel/config/config.h"
#include "kernel/lib/list.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/spinlock.h"
#include "mm/gspace.h"

struct vcpu;
struct vm_devices; /* vmx/devices/devices.h */

enum vm_state {
	VM_OFF, /* no memory, no vCPU threads */
	VM_STARTING,
	VM_RUNNING,
	VM_PAUSED,
	VM_STOPPING,
	VM_CRASHED, /* stopped by a fault; cause in `reason` */
};

/* Why the running guest's run ends; called from a vCPU thread or a device. */
enum vm_end {
	VM_END_POWEROFF,
	VM_END_REBOOT,
	VM_END_CRASH,
	VM_END_KILL,
	VM_END_DEBUG_EXIT,
	VM_END_RESET
};
struct vm {
	struct list link;	     /* vm list [const after boot] */
	uint32_t id;		     /* 1.. [const] */
	const struct config_vm *cfg; /* [const] */
	struct mutex life;	     /* LOCK_VM_LIFE: serializes start/stop */
	enum vm_state state;	     /* [atomic] */
	char reason[128];	     /* why it is off/crashed; [life] */
	uint32_t debug_exit_value;   /* last value of the debug-exit port */
	bool debug_exited;
	uint64_t nr_starts;   /* runs so far [life] */
	uint32_t nr_short;    /* short ones in a row [life] */
	uint64_t start_tsc;   /* of this run */
	struct waitq changed; /* woken when `state` changes */

	/* How the run ends; see vm_request_end(). */
	bool end_claimed; /* [atomic] */
	bool end_ready;	  /* [atomic] end and end_text are filled in */
	enum vm_end end;
	char end_text[128];
	uint32_t announced_end; /* 1 + AEROSTAT_SHUTDOWN_*, 0: none */

	/* Made by the first start and kept from then on. */
	bool created; /* [life] */
	struct gspace *gs;
	struct stage2 *s2;
	struct vcpu *vcpus[CONFIG_MAX_VCPUS];
	uint32_t nr_vcpus;
	struct vm_devices *dev;
	uint64_t tsc_offset;	   /* guest TSC = host TSC + offset */
	uint64_t kvmclock_boot_ns; /* clock_ns() at VM start */
	struct ratelimit rl;	   /* for what this guest provokes */
	struct ratelimit life_rl;  /* for its starts and ends */
	uint64_t unknown_ports, unknown_mmio; /* [racy counts] */
};

/* One VM for each good or bad section of cfg. Called once. */
MUST_CHECK int vm_init_all(const struct config *cfg);
struct vm *vm_first(void);
struct vm *vm_next(struct vm *vm);
struct vm *vm_find(const char *name); /* NULL: none */
const char *vm_state_name(enum vm_state s);

/*
 * Life cycle, thread context. On error *why (128 bytes) names the cause.
 * start: OFF/CRASHED -> RUNNING; -EBUSY (already runs), -EINVAL (bad
 *   configuration, not a kernel), -ENOENT (file missing), -ENOMEM,
 *   -ENODEV (no VT-x).
 * stop: asks the guest to power off (ACPI power button and memory-device
 * event). kill: ends it at once; waits until it is off. reset: as if the reset
 * button was pressed.
 */
MUST_CHECK int vm_start(struct vm *vm, char *why);
MUST_CHECK int vm_stop(struct vm *vm, char *why);
MUST_CHECK int vm_kill(struct vm *vm, char *why);
MUST_CHECK int vm_pause(struct vm *vm, char *why);
MUST_CHECK int vm_resume(struct vm *vm, char *why);
MUST_CHECK int vm_reset(struct vm *vm, char *why);
MUST_CHECK int vm_set_mem_target(struct vm *vm, uint64_t nbytes, char *why);

/*
 * Asks for the end of the run; the first caller's cause wins. Any context.
 * All vCPUs stop at once; a service thread then tears down and applies
 * on_poweroff / on_crash / on_reboot.
 */
void vm_request_end(struct vm *vm, enum vm_end end, const char *fmt, ...)
	PRINTF(3, 4);

/* Statistics for `stats NAME`: exits by reason, ticks, faults. */
#define VMX_NR_REASONS 70
struct vm_stats {
	uint64_t exits[VMX_NR_REASONS]; /* all vCPUs */
	uint64_t exits_total;
	uint64_t guest_ticks; /* TSC ticks in vCPU threads */
	uint64_t injected_irqs, injected_exceptions;
	uint64_t hypercalls, halts;
	uint64_t unknown_msrs, unknown_ports, unknown_mmio;
};
void vm_get_stats(struct vm *vm, struct vm_stats *out);
const char *vmx_reason_name(uint32_t basic_reason); /* "vmcall", ... */

#endif
