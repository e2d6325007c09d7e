/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMX instructions for host tests. The current VMCS is a table of this host
 * thread; a test looks at it with the product's own vmcs_read(). A test that
 * plays several VMCSs defines fake_vmclear() and fake_vmptrld().
 */
#ifndef VMX_VMX_INSN_H
#define VMX_VMX_INSN_H

#include "kernel/lib/addr.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/compiler.h"
#include "kernel/sync/percpu.h"
#include "vmx/vmcs.h"

/*
 * By width, type and index of the field's encoding (SDM, appendix "Field
 * Encoding in VMCS"); no index beyond 63 exists.
 */
struct fake_vmcs {
	uint64_t value[4][4][64];
	uint64_t region; /* the last VMPTRLD's */
	unsigned nr_writes;
};
extern _Thread_local struct fake_vmcs fake_vmcs;

static inline uint64_t *fake_vmcs_field(enum vmcs_field field)
{
	uint32_t f = (uint32_t)field;

	return &fake_vmcs.value[f >> 13 & 3][f >> 10 & 3][f >> 1 & 63];
}

NORETURN COLD void vmcs_not_ours(void);

static inline void vmcs_check_owner(void)
{
	if (this_cpu()->vmcs_thread != this_cpu()->current)
		vmcs_not_ours();
}

static inline uint64_t vmcs_read_here(enum vmcs_field field)
{
	return *fake_vmcs_field(field);
}

static inline uint64_t vmcs_read_exit_reason(void)
{
	return vmcs_read_here(VMCS_EXIT_REASON);
}

static inline uint64_t vmcs_read(enum vmcs_field field)
{
	vmcs_check_owner();
	return vmcs_read_here(field);
}

static inline uint32_t vmcs_read32(enum vmcs_field field)
{
	return (uint32_t)vmcs_read(field);
}

static inline void vmcs_write_here(enum vmcs_field field, uint64_t value)
{
	static const uint64_t widths[] = { 0xffff, ~0ull, 0xffffffff, ~0ull };

	fake_vmcs.nr_writes++;
	*fake_vmcs_field(field) = value & widths[(uint32_t)field >> 13 & 3];
}

static inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
	vmcs_check_owner();
	vmcs_write_here(field, value);
}

extern unsigned fake_nr_vmxon;
extern int fake_vmxon_result;
extern bool fake_in_vmx, fake_smm_holds_vmx;
/* If set: what happens to this CPU before its next VMXON. */
extern void (*fake_before_vmxon)(void);

static inline int vmx_on(hpa_t region)
{
	(void)region;
	if (fake_before_vmxon)
		fake_before_vmxon();
	fake_nr_vmxon++;
	fake_in_vmx = !fake_vmxon_result;
	return fake_vmxon_result;
}

static inline bool vmx_off(void)
{
	if (fake_in_vmx && fake_smm_holds_vmx)
		return false;
	fake_in_vmx = false;
	return true;
}

void fake_vmclear(uint64_t region);
void fake_vmptrld(uint64_t region);

static inline void vmcs_clear(hpa_t region)
{
	fake_vmclear(region.raw);
}

static inline void vmcs_load(hpa_t region)
{
	fake_vmptrld(region.raw);
}

#define INVEPT_SINGLE  1u
#define INVEPT_ALL     2u
#define INVVPID_SINGLE 1u
#define INVVPID_ALL    2u

void fake_invept(uint64_t type, uint64_t eptp);
void fake_invvpid(uint64_t type, uint64_t vpid);

static inline void vmx_invept(uint64_t type, uint64_t eptp)
{
	fake_invept(type, eptp);
}

static inline void vmx_invvpid(uint64_t type, uint64_t vpid)
{
	fake_invvpid(type, vpid);
}

#endif
