/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking a guest's page tables, wherever its registers come from. */
#ifndef VMX_GUEST_WALK_H
#define VMX_GUEST_WALK_H

#include "kernel/lib/addr.h"
#include "kernel/lib/compiler.h"

struct gspace;

struct guest_paging {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t pdpte[4]; /* PAE paging without long mode */
};

/* From the current VMCS. */
void guest_paging_take(struct guest_paging *out);

/*
 * Guest linear to guest-physical for somebody who is not the guest: any rights
 * will do, accessed and dirty bits stay as they are, nothing is committed. 0;
 * -EFAULT: not mapped; -EINVAL: not canonical. Thread context.
 */
MUST_CHECK int guest_peek(struct gspace *gs, const struct guest_paging *regs,
			  gva_t a, gpa_t *out);

#endif
