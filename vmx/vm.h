/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual machine: its configuration, guest-physical space, vCPUs and
 * devices, and its life cycle. The VM object lives from boot on (one for each
 * [vm] section); its parts are made by the first start and kept.
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

/* What the administrator wants of a run; a later one overrules an earlier. */
enum vm_wish { VM_WISH_NONE, VM_WISH_RESET, VM_WISH_KILL };

struct vm {
	struct list link;	     /* vm list [const after boot] */
	uint32_t id;		     /* 1.. [const] */
	const struct config_vm *cfg; /* [const] */
	/* LOCK_VM_LIFE; held for moments, so anybody may look at any time. */
	struct spinlock lock;
	struct thread *keeper; /* made by the first start [atomic] */
	enum vm_state state;   /* [lock to change; read anywhere] */
	char reason[128];      /* why it is off/crashed [lock] */
	char last_end[128];    /* why the last run ended [lock] */
	int start_err;	       /* of the last start [lock] */
	enum vm_wish wish;     /* [lock to change; keeper reads] */
	bool want_pause;       /* [lock to change; keeper reads] */
	bool fresh;	       /* this start is not a restart [lock] */
	uint64_t run;	       /* counts starts and restarts [lock] */
	uint64_t nr_starts;    /* of them, those that got to a guest [lock] */
	uint32_t nr_short;     /* short runs in a row [keeper] */
	uint64_t start_tsc;    /* of this run [lock to change] */
	uint32_t pause_seq;    /* [atomic] number of the last pause */
	bool pausing;	       /* vCPUs are asked to pause [keeper] */
	bool short_of_memory;  /* the keeper waits for some [atomic] */
	struct waitq changed;  /* woken when `state` changes */
	uint32_t debug_exit_value; /* last value of the debug-exit port */
	bool debug_exited;

	/* How the run ends; see vm_request_end(). */
	bool end_claimed; /* [atomic] */
	bool end_ready;	  /* [atomic] end and end_text are filled in */
	enum vm_end end;
	char end_text[128];
	uint32_t announced_end; /* 1 + AEROSTAT_SHUTDOWN_*, 0: none */

	/* Made by the first start and kept from then on. */
	bool created; /* [atomic] what follows may be looked at */
	struct gspace *gs;
	struct stage2 *s2;
	struct vcpu *vcpus[CONFIG_MAX_VCPUS];
	uint32_t nr_vcpus;
	struct sched_group share; /* of the CPUs; the vCPUs' threads use it */
	uint64_t timer_pace;	  /* [atomic] vmx/devices/guest_timer.c */
	struct vm_devices *dev;
	/*
	 * What MEM_TARGET answers; NULL: memdev.c must be asked, as there is no
	 * driver, or an event may hold its interrupt line. [atomic]
	 */
	const uint64_t *target_now;
	uint64_t tsc_offset;	   /* guest TSC = host TSC + offset */
	uint64_t kvmclock_boot_ns; /* clock_ns() at VM start */
	struct log_source log;	   /* for what this guest provokes */
	uint64_t unknown_ports, unknown_mmio; /* [racy counts] */
};

/* One VM for each good or bad section of cfg. Called once. */
MUST_CHECK int vm_init_all(const struct config *cfg);
struct vm *vm_first(void);
struct vm *vm_next(struct vm *vm);
struct vm *vm_find(const char *name); /* NULL: none */
const char *vm_state_name(enum vm_state s);

static inline bool vm_is_created(const struct vm *vm)
{
	return __atomic_load_n(&vm->created, __ATOMIC_ACQUIRE);
}

/*
 * Orders to a VM (vmx/vm_order.c). They are given at once and carried out by
 * the VM's keeper thread; vm_order_result() tells how far it has come. Thread
 * context, nothing blocks.
 */
#define VM_WHY_MAX 128u

enum vm_verb {
	VM_DO_START,  /* off or crashed -> running */
	VM_DO_STOP,   /* asks the guest to power off; done when it is off */
	VM_DO_KILL,   /* ends it, whatever it is doing; done when it is off */
	VM_DO_PAUSE,  /* no vCPU runs from then on */
	VM_DO_RESUME, /* after a pause */
	VM_DO_RESET,  /* as if the reset button was pressed */
};

struct vm_order {
	enum vm_verb verb;
	uint64_t run; /* the one it was given to */
};

/*
 * 0: the order is given, *o names it. Else why (VM_WHY_MAX bytes) tells the
 * cause: -EBUSY (not in this state), -EOPNOTSUPP (stop: the guest doesn't
 * listen), -ENOMEM (no keeper).
 */
MUST_CHECK int vm_order(struct vm *vm, enum vm_verb verb, struct vm_order *o,
			char *why);

/*
 * 0: carried out. -EAGAIN: not yet, *why tells what it waits for; woken by
 * vm->changed. Else it failed, and *why tells why. Start: -EINVAL (bad
 * configuration, not a kernel), -ENOENT (file missing), -ENODEV (no VT-x).
 * -ECANCELED: the run ended, or another order overtook this one.
 */
MUST_CHECK int vm_order_result(struct vm *vm, const struct vm_order *o,
			       char *why);

/* -ERANGE, -EBUSY (no run). *why as above. */
MUST_CHECK int vm_set_mem_target(struct vm *vm, uint64_t nbytes, char *why);

/*
 * Weight and mem.min in cfg have changed: from now on they hold. -ERANGE:
 * mem.min is above the target now; *why as above, nothing is changed.
 */
MUST_CHECK int vm_apply_config(struct vm *vm, char *why);

/*
 * Asks for the end of the run; the first caller's cause wins. Any context.
 * All vCPUs stop at once; the keeper then tears down and applies
 * on_poweroff / on_crash / on_reboot.
 */
void vm_request_end(struct vm *vm, enum vm_end end, const char *fmt, ...)
	PRINTF(3, 4);

/* A vCPU stands still or has ended. Thread context. */
void vm_wake_keeper(struct vm *vm);

/*
 * Starts the service thread that deals with machine checks. After
 * vm_init_all(). 0, -ENOMEM.
 */
MUST_CHECK int machine_check_init(void);

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
/* TSC ticks of vCPU `index` (below nr_vcpus) so far, exits included. */
uint64_t vm_vcpu_ticks(struct vm *vm, uint32_t index);
const char *vmx_reason_name(uint32_t basic_reason); /* "vmcall", ... */

#endif
