/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU from the inside. Private to vmx/ (not its devices).
 *
 * The thread of the vCPU owns everything here but `requests`, `mode`, `cpu`
 * and the APIC. Where its state is: vmx/vcpu_owner.c.
 */
#ifndef VMX_VCPU_PRIV_H
#define VMX_VCPU_PRIV_H

#include "kernel/lib/addr.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/thread.h"
#include "vmx/loader.h"
#include "vmx/vcpu.h"
#include "vmx/vcpu_life.h"
#include "vmx/vcpu_snapshot.h"
#include "vmx/vmcs.h"
#include "vmx/vmx_insn.h"

#define VCPU_NO_CPU (~0u)

enum vcpu_mode {
	VCPU_OUTSIDE,  /* in the hypervisor, or not running */
	VCPU_IN_GUEST, /* in guest mode or on the exit fast path */
};

/* What the dispatcher does after an exit handler. */
enum exit_action {
	EXIT_RESUME,	/* re-enter at the same instruction */
	EXIT_SKIP_INSN, /* the instruction has been carried out */
	EXIT_STOP_VM,	/* the run is over; vm_request_end was called */
};

/* One CPUID answer; sorted by leaf, then subleaf. */
struct cpuid_entry {
	uint32_t leaf, subleaf;
	bool has_subleaf; /* ECX matters */
	struct cpuid_regs regs;
};
#define CPUID_MAX_ENTRIES 64u
#define CPUID_DIRECT	  0x20u /* basic leaves with a direct index */

struct pending_event { /* for the next entry */
	uint32_t info; /* as VMCS_ENTRY_INTR_INFO; 0: none */
	uint32_t error_code;
	uint32_t insn_len; /* software interrupts and exceptions */
};

/* Registers that entry and exit do not switch: switched with the thread. */
struct lazy_state {
	uint64_t cr2, dr0, dr1, dr2, dr3, dr6;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	uint64_t xcr0; /* the guest's */
};

/*
 * Grouped by who uses what. No mark: the vCPU's own thread, on the exit fast
 * path with interrupts off too; others may look only while it stands still.
 */
struct vcpu {
	/* Each exit and entry: entry.asm, the fast path, the loop of stays. */
	uint64_t gpr[REG_COUNT]; /* entry.asm; RSP lives in the VMCS */
	uint64_t launched;	 /* entry.asm: 1 after VMLAUNCH */
	uint32_t requests;	 /* [atomic] VCPU_REQ_* */
	uint32_t mode;		 /* [atomic] enum vcpu_mode */
	uint32_t exit_reason;	 /* of the last exit */
	uint32_t stay_end;	 /* of this stay: vmx/stay_timer.h */
	struct vm *vm;		 /* [const] */
	struct lapic *lapic;	 /* [const] */
	struct gspace *gs;	 /* [const] */
	uint64_t stay_next;	 /* the host timer that stay_end follows */
	uint32_t cpu;		 /* [atomic] where it is IN_GUEST */
	uint32_t cpu_controls;	 /* the VMCS field, written when it changes */

	/* Each slow exit: vmx/exit.c and inject.c. */
	struct pending_event inject; /* to be (re)injected */
	uint32_t irq_put_off;	     /* accepted, then overtaken; 0: none */
	uint32_t nmi_pending;	     /* 0..2: one is being handled, one waits */
	uint32_t insn_len;	     /* of an emulated MMIO instruction */
	bool halted;		     /* HLT: waiting for an event */
	bool wait_sipi;		     /* an AP before its SIPI, or after INIT */
	bool pv_eoi_offered;	     /* vmx/pv_eoi.c */
	uint64_t pv_eoi_msr;
	uint64_t exits[VMX_NR_REASONS];

	/* Orders from other threads: vmx/vcpu.c. */
	bool dead;		   /* [atomic] the thread has ended its run */
	uint8_t sipi_vector;	   /* [atomic] */
	uint32_t paused_at;	   /* [atomic] vm->pause_seq it stood at */
	struct spinlock kick_lock; /* LOCK_VCPU_KICK, irqsave */
	struct thread *thread;	   /* [kick_lock] NULL: not running */

	/* When another vCPU had the processor: vcpu_owner.c, vcpu_state.c. */
	uint32_t loaded_on;	/* [atomic] CPU that has its state */
	uint32_t host_cpu;	/* CPU that the VMCS's host state is of */
	uint32_t index;		/* [const] */
	uint32_t vpid;		/* [const] */
	hfn_t vmcs, msr_bitmap; /* [const] */
	void *xsave;		/* [const] vmx_controls.xsave_nbytes */
	hfn_t xsave_frame;	/* [const] */
	uint32_t xsave_order;	/* [const] */
	struct lazy_state lazy;
	struct start_state start; /* how the boot vCPU begins */

	/* CPUID policy: vmx/cpuid.c; the bits also exit_cr.c and msr.c. */
	uint64_t cr4_allowed; /* bits the guest may set */
	uint64_t efer_allowed;
	uint64_t xcr0_allowed;
	uint32_t cpu2_refused; /* controls of instructions it hasn't got */
	bool has_tsc_deadline, has_tsc_adjust;
	uint32_t nr_cpuid;
	uint8_t cpuid_first[CPUID_DIRECT]; /* index of a basic leaf */
	struct cpuid_entry cpuid[CPUID_MAX_ENTRIES];

	/* Emulated MSRs: vmx/msr.c, pvclock.c, machine_check.c. */
	uint64_t pvclock_msr;
	uint64_t pvclock_version;
	uint64_t wallclock_msr;
	uint64_t tsc_adjust;
	uint64_t misc_enable;
	uint64_t mtrr_def_type;
	uint64_t mtrr_var[16];
	uint64_t mtrr_fix[11];
	uint64_t mcg_status, mcg_ctl;
	uint64_t mc_ctl[4];

	/* [own thread]; read by vm_snapshot() while it stands still */
	struct vcpu_snapshot snapshot;

	/* Counters for `stats`; others read them racily. */
	uint64_t injected_irqs, injected_exceptions;
	uint64_t halts, unknown_msrs;
	uint64_t runtime_before; /* ticks of earlier runs' threads */
};
_Static_assert(offsetof(struct vcpu, inject) == 3 * 64,
	       "what each exit touches: three cache lines");

/* ---- vmx/entry.asm ---- */
/*
 * Enters the guest and stays there as long as vmx_exit_fast() says so.
 * Interrupts off, VMCS current. 0 after an exit that needs the slow path;
 * -1: VM entry itself failed (VMCS_INSN_ERROR).
 */
int vmx_enter(struct vcpu *v);
void vmx_exit_entry(void); /* VMCS_HOST_RIP */
/* Called by entry.asm after each exit: true = resume at once. */
bool vmx_exit_fast(struct vcpu *v);

/* ---- vmx/vmcs_setup.c ---- */
/* Fields that never change for this vCPU; the VMCS is current. */
void vmcs_setup_controls(struct vcpu *v);
/* Host state that depends on the CPU. */
void vmcs_setup_host_cpu(void);
/*
 * Guest state at power-up, after that at start (boot vCPU), after INIT, and
 * after SIPI.
 */
void vmcs_setup_guest_power_on(struct vcpu *v);
void vmcs_setup_guest_start(struct vcpu *v, const struct start_state *s);
void vmcs_setup_guest_reset(struct vcpu *v);
void vmcs_setup_guest_sipi(struct vcpu *v, uint8_t vector);

/* ---- vmx/vcpu.c ---- */
MUST_CHECK int vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out);
void vcpu_destroy(struct vcpu *v);
/* True if a request waits for which the vCPU must come out of any wait. */
bool vcpu_is_called(void *v);
/* TSC ticks that its threads have run. */
uint64_t vcpu_runtime(struct vcpu *v);
void vcpu_set_controls(struct vcpu *v, uint32_t set, uint32_t clear);

/* ---- vmx/vcpu_state.c: switching what VMX does not switch ---- */
MUST_CHECK int vcpu_state_create(struct vcpu *v);
void vcpu_state_destroy(struct vcpu *v);
void vcpu_state_reset(struct vcpu *v);
/* INIT: what it resets of that. The vCPU's own thread, its state loaded. */
void vcpu_state_init(void);
/* Registers to memory and back; interrupts off. */
void vcpu_lazy_save(struct vcpu *v);
void vcpu_lazy_restore(struct vcpu *v);

/* ---- vmx/vcpu_owner.c ---- */
/* Scheduler hook: makes v, whose thread runs now, the vCPU of this CPU. */
void vcpu_switch_in(void *v);
/* The last thing that v's thread does with it: all its state is in memory. */
void vcpu_leave_cpu(struct vcpu *v);

/* ---- vmx/inject.c ---- */
void inject_exception(struct vcpu *v, unsigned vector);
void inject_exception_code(struct vcpu *v, unsigned vector, uint32_t code);
static inline void inject_gp(struct vcpu *v)
{
	inject_exception_code(v, 13, 0);
}
static inline void inject_ud(struct vcpu *v)
{
	inject_exception(v, 6);
}
/* What an exit interrupted has to be delivered again. */
void inject_save_vectoring(struct vcpu *v);
/*
 * Before each entry that may deliver something, interrupts off: exceptions,
 * NMI, interrupts. What it puts into the VMCS must be entered.
 */
void inject_prepare_entry(struct vcpu *v);
/* True if an event would end HLT. */
bool inject_wakes_halt(struct vcpu *v);

/* ---- exit handlers; slow path, interrupts on ---- */
typedef enum exit_action (*exit_handler)(struct vcpu *v);
/* vmx/exit.c: after a stay, which it ends; interrupts are off, then on. */
enum exit_action exit_dispatch(struct vcpu *v);
enum exit_action exit_exception(struct vcpu *v);
enum exit_action exit_cr_access(struct vcpu *v);
enum exit_action exit_xsetbv(struct vcpu *v);
enum exit_action exit_rdmsr(struct vcpu *v);
enum exit_action exit_wrmsr(struct vcpu *v);
enum exit_action exit_io(struct vcpu *v);
enum exit_action exit_ept_violation(struct vcpu *v);
enum exit_action exit_ept_misconfig(struct vcpu *v);
enum exit_action exit_hypercall(struct vcpu *v);
/* Ends the run with a dump of the vCPU in the log. */
void vcpu_crash(struct vcpu *v, const char *fmt, ...) PRINTF(2, 3);
void vcpu_dump(struct vcpu *v);

/* ---- vmx/cpuid.c ---- */
void cpuid_policy_init(struct vcpu *v);
/* CR4 or XCR0 changed: OSXSAVE, OSPKE and the XSAVE size follow. */
void cpuid_policy_update(struct vcpu *v);
/* The answer to a leaf, as the guest sees it. */
struct cpuid_regs cpuid_policy_get(struct vcpu *v, uint32_t leaf,
				   uint32_t subleaf);
/* Bits that no physical address of the guest has (MAXPHYADDR and up). */
uint64_t cpuid_policy_no_address(struct vcpu *v);

/* ---- vmx/msr.c ---- */
void msr_bitmap_init(uint8_t *bitmap, bool has_tsc_aux);
void msr_reset(struct vcpu *v);

/* ---- vmx/pvclock.c ---- */
/* 0; -EINVAL: #GP; -ENOMEM: host memory is short, the guest is to try again. */
MUST_CHECK int pvclock_write_msr(struct vcpu *v, uint32_t msr, uint64_t val);
/* Waits for memory; called away from that, it requests VCPU_REQ_CLOCK. */
void pvclock_update(struct vcpu *v, bool was_stopped);

/* ---- vmx/pv_eoi.c ---- */
#define KVM_FEATURE_PV_EOI BIT(6) /* CPUID 40000101H.EAX */
/* 0; -EINVAL: #GP; -ENOENT: this guest has no such MSR. */
MUST_CHECK int pv_eoi_read_msr(struct vcpu *v, uint64_t *val);
MUST_CHECK int pv_eoi_write_msr(struct vcpu *v, uint64_t val);
/* Reset and INIT: as at power-up. */
void pv_eoi_reset(struct vcpu *v);
/*
 * `vector` has just been accepted and goes in with this entry: its end may be
 * made without an exit. Interrupts off, mode IN_GUEST.
 */
void pv_eoi_offer(struct vcpu *v, int vector);
void pv_eoi_take_back(struct vcpu *v);
/*
 * After a stay in the guest, before anything else looks at the APIC: from here
 * on it is up to date. Thread context, interrupts on.
 */
static ALWAYS_INLINE void pv_eoi_settle(struct vcpu *v)
{
	if (unlikely(v->pv_eoi_offered))
		pv_eoi_take_back(v);
}

/*
 * The same on the exit fast path, interrupts off. False: it can't be done now;
 * the offer stands.
 */
MUST_CHECK bool pv_eoi_settle_quick(struct vcpu *v);

/* ---- vmx/guest_walk.c ---- */
/*
 * Copies from/to guest-linear memory, at the current privilege level and with
 * the walk that the processor would do. 0; -EFAULT: #PF with *error_code;
 * -EINVAL: not canonical, #GP or #SS; those of guest_read(), which leave
 * *error_code alone. *fault is where.
 */
MUST_CHECK int guest_read_linear(struct vcpu *v, gva_t a, void *dst,
				 unsigned nbytes, gva_t *fault,
				 uint32_t *error_code);
MUST_CHECK int guest_write_linear(struct vcpu *v, gva_t a, const void *src,
				  unsigned nbytes, gva_t *fault,
				  uint32_t *error_code);
/*
 * All that can fail of such a write, for who must not lose what will be
 * written.
 */
MUST_CHECK int guest_commit_linear(struct vcpu *v, gva_t a, unsigned nbytes,
				   gva_t *fault, uint32_t *error_code);
/*
 * vmx/insn_peek.c: the 16 bytes at RIP of an exit that has just come. False:
 * not in the simplest case, or not now. Any context of v's thread; takes and
 * gives back LOCK_GUESTMEM, waits for nothing.
 */
MUST_CHECK bool insn_peek(struct vcpu *v, uint64_t insn[2]);
/* Bytes of the instruction at a, as many as can be fetched; 0: none. */
unsigned guest_fetch_linear(struct vcpu *v, gva_t a, uint8_t *dst,
			    unsigned nbytes);
/*
 * CR4 of a guest that set val, as the processor gets it: VMX operation needs
 * VMXE, and without MCE a machine check would be a shutdown of the processor
 * instead of an exit, so the host's stays.
 */
static inline uint64_t vcpu_real_cr4(uint64_t val)
{
	return val | CR4_VMXE | (read_cr4() & CR4_MCE);
}
/* CS.L means something in IA-32e mode only; elsewhere nobody checks it. */
static inline bool vcpu_runs_64bit_code(void)
{
	return (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) &&
	       (vmcs_read32(VMCS_GUEST_CS_AR) & AR_LONG);
}
/* Current privilege level: SS.DPL (SDM, "Guest Register State"). */
static inline unsigned vcpu_cpl(void)
{
	return vmcs_read32(VMCS_GUEST_SS_AR) >> AR_DPL_SHIFT & 3u;
}
/* The same on the exit fast path. */
static inline unsigned vcpu_cpl_here(void)
{
	return vmcs_read_here(VMCS_GUEST_SS_AR) >> AR_DPL_SHIFT & 3u;
}

#endif
