/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMX capabilities and VMX operation of each CPU.
 *
 * Invariant: when vmx_missing() is NULL, every CPU is in VMX operation and
 * every control in vmx_controls is allowed by the capability MSRs of every
 * CPU. Source: SDM Vol. 3, appendix "VMX Capability Reporting Facility", and
 * "Enabling and Entering VMX Operation".
 */
#include "vmx/vmx.h"

#include "kernel/cpu/machine.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "mm/frame.h"
#include "vmx/ept.h"
#include "vmx/msr_index.h"
#include "vmx/vmcs.h"
#include "vmx/vmx_insn.h"
#include "vmx/xsavec.h"

struct vmx_controls vmx_controls;

static char missing_text[128];
static hpa_t vmxon_region[MAX_CPUS];
static int cpu_result[MAX_CPUS];
static const char *cpu_problem[MAX_CPUS];

const char *vmx_missing(void)
{
	return missing_text[0] ? missing_text : NULL;
}

#define FEATURE_LOCKED	   BIT(0)
#define FEATURE_VMX_NO_SMX BIT(2)

/*
 * Firmware may leave IA32_FEATURE_CONTROL unlocked; then it is ours to set
 * and lock, or VMXON would fault.
 */
static const char *feature_control_open(void)
{
	uint64_t fc;

	if (!rdmsr_safe(MSR_FEATURE_CONTROL, &fc))
		return "IA32_FEATURE_CONTROL can't be read";
	if (!(fc & FEATURE_LOCKED)) {
		fc |= FEATURE_LOCKED | FEATURE_VMX_NO_SMX;
		if (!wrmsr_safe(MSR_FEATURE_CONTROL, fc))
			return "IA32_FEATURE_CONTROL can't be written";
	}
	if (!(fc & FEATURE_VMX_NO_SMX))
		return "VT-x is locked off by the firmware "
		       "(IA32_FEATURE_CONTROL): enable it in the BIOS setup";
	return NULL;
}

enum control { CTL_PIN, CTL_CPU, CTL_CPU2, CTL_EXIT, CTL_ENTRY, NR_CTL };

struct control_need {
	uint32_t msr, true_msr; /* true_msr 0: there is none */
	uint32_t must, want;
	const char *name;
};

#define CPU_MUST                                                               \
	(CPU_TSC_OFFSETTING | CPU_HLT | CPU_CR8_LOAD | CPU_CR8_STORE |         \
	 CPU_UNCOND_IO | CPU_MSR_BITMAPS | CPU_MWAIT | CPU_MONITOR |           \
	 CPU_RDPMC | CPU_SECONDARY | CPU_INTR_WINDOW | CPU_NMI_WINDOW)

static const struct control_need control_needs[NR_CTL] = {
	[CTL_PIN] = { MSR_VMX_PINBASED, MSR_VMX_TRUE_PINBASED,
		      PIN_EXT_INTR | PIN_NMI | PIN_VIRTUAL_NMI,
		      PIN_PREEMPTION_TIMER,
		      "pin-based controls (interrupt and NMI exiting, virtual NMIs)" },
	[CTL_CPU] = { MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROCBASED, CPU_MUST, 0,
		      "primary processor-based controls" },
	[CTL_CPU2] = { MSR_VMX_PROCBASED2, 0,
		       CPU2_EPT | CPU2_VPID | CPU2_UNRESTRICTED,
		       CPU2_RDTSCP | CPU2_INVPCID | CPU2_WBINVD,
		       "EPT, VPID or unrestricted guest" },
	[CTL_EXIT] = { MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT,
		       EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT |
			       EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER,
		       0,
		       "VM-exit controls (64-bit host, PAT and EFER switching)" },
	[CTL_ENTRY] = { MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY,
			ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, 0,
			"VM-entry controls (PAT and EFER switching)" },
};

/*
 * Low half of a capability MSR: bits that must be 1; high half: bits that
 * may be 1. The true MSRs tell which default-1 bits may be 0.
 */
static bool control_compute(const struct control_need *n, bool have_true,
			    uint32_t *word)
{
	uint64_t cap = rdmsr(have_true && n->true_msr ? n->true_msr : n->msr);
	uint32_t must_be_1 = (uint32_t)cap, may_be_1 = (uint32_t)(cap >> 32);

	if ((n->must & may_be_1) != n->must)
		return false;
	*word = ((n->must | n->want) & may_be_1) | must_be_1;
	return true;
}

/* Controls that are on only at times: not part of the starting words. */
static void controls_trim(struct vmx_controls *c)
{
	c->cpu &= ~(CPU_INTR_WINDOW | CPU_NMI_WINDOW);
	c->entry &= ~ENTRY_GUEST_64;
}

/* With these on, the guest would leave for what it may do itself. */
static const char *controls_excess(const struct vmx_controls *c)
{
	if (c->cpu & (CPU_CR3_LOAD | CPU_CR3_STORE))
		return "true controls (CR3 exits can't be turned off)";
	return NULL;
}

#define EPT_CAP_WALK_4	    BIT(6)
#define EPT_CAP_WB	    BIT(14)
#define EPT_CAP_2M	    BIT(16)
#define EPT_CAP_1G	    BIT(17)
#define EPT_CAP_INVEPT	    BIT(20)
#define EPT_CAP_AD	    BIT(21)
#define EPT_CAP_INVEPT_ONE  BIT(25)
#define EPT_CAP_INVEPT_ALL  BIT(26)
#define EPT_CAP_INVVPID	    BIT(32)
#define EPT_CAP_INVVPID_ONE BIT(41)
#define EPT_CAP_INVVPID_ALL BIT(42)

static const struct {
	uint64_t bit;
	const char *name;
} ept_needs[] = {
	{ EPT_CAP_WALK_4, "EPT with 4-level walk" },
	{ EPT_CAP_WB, "EPT with write-back paging structures" },
	{ EPT_CAP_INVEPT, "INVEPT" },
	{ EPT_CAP_INVEPT_ONE, "single-context INVEPT" },
	{ EPT_CAP_INVEPT_ALL, "all-context INVEPT" },
	{ EPT_CAP_INVVPID, "INVVPID" },
	{ EPT_CAP_INVVPID_ONE, "single-context INVVPID" },
	{ EPT_CAP_INVVPID_ALL, "all-context INVVPID" },
};

static const char *ept_check(struct ept_caps *caps)
{
	uint64_t cap = rdmsr(MSR_VMX_EPT_VPID_CAP);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ept_needs); i++)
		if (!(cap & ept_needs[i].bit))
			return ept_needs[i].name;
	caps->leaf_2m = (cap & EPT_CAP_2M) != 0;
	caps->leaf_1g = (cap & EPT_CAP_1G) != 0;
	caps->accessed_dirty = (cap & EPT_CAP_AD) != 0;
	return NULL;
}

static const char *basic_check(struct vmx_controls *c)
{
	uint64_t basic = rdmsr(MSR_VMX_BASIC);

	c->revision = (uint32_t)basic & 0x7fffffffu;
	if (((basic >> 50) & 15) != 6)
		return "write-back VMCS memory type";
	if ((basic >> 32 & 0x1fff) > PAGE_SIZE)
		return "VMCS of at most 4 KiB";
	c->insn_info_io = (basic & BIT(54)) != 0;
	return NULL;
}

static const char *controls_read(struct vmx_controls *c)
{
	bool have_true = (rdmsr(MSR_VMX_BASIC) & BIT(55)) != 0;
	uint32_t word[NR_CTL];

	for (unsigned i = 0; i < NR_CTL; i++) {
		if (i == CTL_CPU2 && !(rdmsr(MSR_VMX_PROCBASED) >> 63))
			return "secondary processor-based controls";
		if (!control_compute(&control_needs[i], have_true, &word[i]))
			return control_needs[i].name;
	}
	c->pin = word[CTL_PIN];
	c->cpu = word[CTL_CPU];
	c->cpu2 = word[CTL_CPU2];
	c->exit = word[CTL_EXIT];
	c->entry = word[CTL_ENTRY];
	return controls_excess(c);
}

/*
 * The timer counts steps of 2^shift TSC ticks. Beyond tens of microseconds it
 * would end stays late, and from 2^30 on a step fills the half of 32 bits that
 * vmx/stay_timer.h reckons with: the APIC timer does better.
 */
#define PREEMPTION_SHIFT_MAX 16u

/*
 * Of the processors that have unrestricted guest, those whose timer counts at
 * another rate than it says (Intel specification updates 322814, AAT59, and
 * 322911, AAU65; the third is on Linux's list). CPUID.1:EAX without reserved
 * bits.
 */
static bool timer_is_wrong(void)
{
	uint32_t signature = cpuid(1, 0).eax & 0x0fff3fffu;

	return signature == 0x20652 || signature == 0x20655 ||
	       signature == 0x306a8;
}

static void timer_read(struct vmx_controls *c)
{
	c->preemption_shift = (unsigned)(rdmsr(MSR_VMX_MISC) & 31);
	if (c->preemption_shift > PREEMPTION_SHIFT_MAX || timer_is_wrong())
		c->pin &= ~PIN_PREEMPTION_TIMER;
}

/* Fills *c and *ept from this CPU's MSRs. NULL, or what is missing. */
static const char *caps_read(struct vmx_controls *c, struct ept_caps *ept)
{
	const char *problem = basic_check(c);

	if (!problem)
		problem = controls_read(c);
	if (problem)
		return problem;
	controls_trim(c);
	timer_read(c);
	c->ibpb = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).edx & BIT(26));
	c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	return ept_check(ept);
}

/* x87, SSE, AVX, AVX-512, PKRU: what guests may use (SDM, "XCR0"). */
#define XCR0_GUEST_MASK 0x2e7ull

static void xsave_read(struct vmx_controls *c)
{
	struct cpuid_regs r;

	c->xcr0_host = 0;
	c->xsave_nbytes = 512;
	if (!(cpuid(1, 0).ecx & BIT(26)))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	r = cpuid(0xd, 0);
	c->xcr0_host = ((uint64_t)r.edx << 32 | r.eax) & XCR0_GUEST_MASK;
	xsetbv(0, c->xcr0_host);
	c->xsave_nbytes = cpuid(0xd, 0).ebx;
	c->xsaveopt = (cpuid(0xd, 1).eax & 1) != 0;
}

/*
 * A vCPU runs on any CPU, with controls, fixed bits and timer rate that were
 * chosen on the boot CPU: whatever these MSRs say must be the same everywhere.
 */
static const struct {
	uint32_t msr;
	const char *problem;
} same_msrs[] = {
	{ MSR_VMX_BASIC, "equal IA32_VMX_BASIC on all CPUs" },
	{ MSR_VMX_PINBASED, "equal pin-based controls on all CPUs" },
	{ MSR_VMX_PROCBASED, "equal primary controls on all CPUs" },
	{ MSR_VMX_PROCBASED2, "equal secondary controls on all CPUs" },
	{ MSR_VMX_EXIT, "equal VM-exit controls on all CPUs" },
	{ MSR_VMX_ENTRY, "equal VM-entry controls on all CPUs" },
	{ MSR_VMX_MISC, "equal IA32_VMX_MISC (timer rate) on all CPUs" },
	{ MSR_VMX_CR0_FIXED0, "equal fixed CR0 bits on all CPUs" },
	{ MSR_VMX_CR0_FIXED1, "equal fixed CR0 bits on all CPUs" },
	{ MSR_VMX_CR4_FIXED0, "equal fixed CR4 bits on all CPUs" },
	{ MSR_VMX_CR4_FIXED1, "equal fixed CR4 bits on all CPUs" },
	{ MSR_VMX_EPT_VPID_CAP, "equal EPT and VPID capabilities on all CPUs" },
};
static uint64_t boot_msrs[ARRAY_SIZE(same_msrs)]; /* [boot CPU, then const] */

static void note_boot_cpu(const struct vmx_controls *c,
			  const struct ept_caps *ept)
{
	vmx_controls = *c;
	ept_caps = *ept;
	for (size_t i = 0; i < ARRAY_SIZE(same_msrs); i++)
		boot_msrs[i] = rdmsr(same_msrs[i].msr);
}

/* The words that follow from the true MSRs, and what XSAVE saves. */
static const char *difference(const struct vmx_controls *c)
{
	const struct vmx_controls *b = &vmx_controls;

	for (size_t i = 0; i < ARRAY_SIZE(same_msrs); i++)
		if (rdmsr(same_msrs[i].msr) != boot_msrs[i])
			return same_msrs[i].problem;
	if (c->pin != b->pin || c->cpu != b->cpu || c->cpu2 != b->cpu2 ||
	    c->exit != b->exit || c->entry != b->entry)
		return "equal true controls on all CPUs";
	if (c->xcr0_host != b->xcr0_host ||
	    c->xsave_nbytes != b->xsave_nbytes || c->xsaveopt != b->xsaveopt)
		return "equal XSAVE components and size on all CPUs";
	if (c->ibpb != b->ibpb)
		return "equal IBPB (CPUID.7:EDX[26]) on all CPUs";
	return NULL;
}

/* VMX operation, with the bits that it fixes (SDM, "Restrictions"). */
static const char *vmx_operation_enter(const struct vmx_controls *c,
				       hpa_t region)
{
	uint64_t cr0 = read_cr0(), cr4 = read_cr4();

	write_cr0((cr0 | c->cr0_fixed0) & c->cr0_fixed1);
	write_cr4((cr4 | c->cr4_fixed0 | CR4_VMXE) & c->cr4_fixed1);
	*(uint32_t *)hpa_to_ptr(region) = c->revision;
	if (!vmx_on(region))
		return NULL;
	/* CR4.VMXE is how vmx_cpu_off() knows that there may be VMX to leave.
	 */
	write_cr4(cr4);
	write_cr0(cr0);
	return "VMXON (it failed)";
}

static const char *cpu_enter(uint32_t cpu)
{
	struct vmx_controls c = { 0 };
	struct ept_caps ept = { 0 };
	const char *problem;

	if (!(cpuid(1, 0).ecx & BIT(5)))
		return "VT-x (CPUID.1:ECX.VMX)";
	problem = feature_control_open();
	if (!problem)
		problem = caps_read(&c, &ept);
	if (problem)
		return problem;
	xsave_read(&c);
	if (cpu == 0)
		note_boot_cpu(&c, &ept);
	else
		problem = difference(&c);
	if (!problem)
		problem = vmx_operation_enter(&c, vmxon_region[cpu]);
	if (problem)
		return problem;
	/* Firmware or an earlier owner may have left translations behind. */
	vmx_invept(INVEPT_ALL, 0);
	vmx_invvpid(INVVPID_ALL, 0);
	return NULL;
}

static void cpu_enter_call(void *arg)
{
	uint32_t cpu = cpu_id();

	(void)arg;
	cpu_problem[cpu] = cpu_enter(cpu);
	cpu_result[cpu] = cpu_problem[cpu] ? -ENODEV : 0;
}

/* On each CPU of the mask, wherever the calling thread runs. */
static void enter_on(uint64_t cpu_mask)
{
	smp_call(cpu_mask & ~BIT(cpu_id()), cpu_enter_call, NULL);
	if (cpu_mask & BIT(cpu_id()))
		cpu_enter_call(NULL);
}

static int regions_alloc(void)
{
	uint32_t i;
	hfn_t f;
	int err;

	for (i = 0; i < nr_cpus; i++) {
		err = frame_alloc(0, FRAME_VMX, FA_ZERO, &f);
		if (err)
			return err;
		vmxon_region[i] = hpa_of(f);
	}
	return 0;
}

static int say_missing(uint32_t cpu, const char *what)
{
	snprintf(missing_text, sizeof(missing_text), "missing %s on CPU %u",
		 what, cpu);
	log_err("vmx", "guests can't run: %s", missing_text);
	return -ENODEV;
}

static void try_xsavec(void)
{
	uint64_t flags;

	if (!vmx_controls.xcr0_host || !(cpuid(0xd, 1).eax & BIT(1)))
		return;
	flags = irq_save();
	vmx_controls.xsavec = xsavec_is_sound();
	irq_restore(flags);
	if (!vmx_controls.xsavec)
		log_warn("vmx", "XSAVEC does not write what XRSTOR reads: "
				"guests don't get it");
}

int vmx_init(const struct config_host *cfg)
{
	uint32_t i;
	int err;

	(void)cfg;
	err = regions_alloc();
	if (err) {
		str_copy(missing_text, "memory for VMXON regions",
			 sizeof(missing_text));
		return err;
	}
	enter_on(BIT(0));
	if (cpu_result[0])
		return say_missing(0, cpu_problem[0]);
	enter_on((nr_cpus == 64 ? ~0ull : BIT(nr_cpus) - 1) & ~BIT(0));
	for (i = 1; i < nr_cpus; i++)
		if (cpu_result[i])
			return say_missing(i, cpu_problem[i]);
	try_xsavec();
	log_info("vmx", "cpus=%u ept_2m=%u ept_1g=%u ad=%u xcr0=%#lx", nr_cpus,
		 ept_caps.leaf_2m, ept_caps.leaf_1g, ept_caps.accessed_dirty,
		 vmx_controls.xcr0_host);
	return 0;
}

void vmx_cpu_off(void)
{
	/* CR4.VMXE can't be cleared in VMX operation (SDM, "MOV to CR4"). */
	if (read_cr4() & CR4_VMXE && vmx_off())
		write_cr4(read_cr4() & ~CR4_VMXE);
}

/* INIT does not get through to a CPU in VMX operation. */
const struct stop_step vmx_stop_steps[] = {
	{ "leave VMX operation", STOP_EACH_CPU, vmx_cpu_off },
};
const size_t nr_vmx_stop_steps = ARRAY_SIZE(vmx_stop_steps);
