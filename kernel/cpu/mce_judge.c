// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a machine check means. Pure code, tested on the host as a table.
 * Source: SDM Vol. 3B, "Machine-Check Error Reporting" and "UCR Error
 * Recovery".
 */
#include "kernel/cpu/mce.h"

#include "kernel/lib/mce_format.h"

#define PAGE_BITS 12u

enum mce_kind mce_kind_of(const struct mce_record *r, const struct mce_bank *b)
{
	uint64_t s = b->status;

	if (!(s & MC_STATUS_VAL))
		return MCE_NONE;
	if (!(s & MC_STATUS_UC))
		return MCE_CORRECTED;
	if (s & MC_STATUS_PCC || !(r->mcg_cap & MCG_CAP_SER_P))
		return s & MC_STATUS_EN ? MCE_LOST : MCE_NONE;
	if (!(s & MC_STATUS_S))
		/* An action without a signal is not defined. */
		return s & MC_STATUS_AR ? MCE_LOST : MCE_DEFERRED;
	if (!(s & MC_STATUS_EN))
		return MCE_NONE;
	if (!(s & MC_STATUS_AR))
		return MCE_OPTIONAL;
	/* What it overwrote may have been as urgent. */
	return s & MC_STATUS_OVER ? MCE_LOST : MCE_REQUIRED;
}

const char *mce_kind_name(enum mce_kind kind)
{
	static const char *const names[] = {
		[MCE_NONE] = "none",	     [MCE_CORRECTED] = "corrected",
		[MCE_DEFERRED] = "deferred", [MCE_OPTIONAL] = "unused",
		[MCE_REQUIRED] = "used",     [MCE_LOST] = "context lost",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "?";
}

/* SDM, "Architecturally Defined SRAO/SRAR Errors": memory, whatever way. */
static bool is_memory(uint64_t status)
{
	uint32_t code = status & MC_STATUS_CODE;

	return (code & 0xfff0) == 0x00c0 || /* memory scrubbing */
	       code == 0x017a ||	    /* L3 explicit write-back */
	       code == 0x0134 ||	    /* data load */
	       code == 0x0150;		    /* instruction fetch */
}

bool mce_faulty_page(const struct mce_record *r, const struct mce_bank *b,
		     uint64_t *hpa)
{
	enum mce_kind kind = mce_kind_of(r, b);
	uint64_t need = MC_STATUS_ADDRV | MC_STATUS_MISCV;

	if (kind != MCE_OPTIONAL && kind != MCE_REQUIRED)
		return false;
	if ((b->status & need) != need || !is_memory(b->status) ||
	    MC_MISC_MODE(b->misc) != MC_MISC_MODE_PHYSICAL ||
	    MC_MISC_LSB(b->misc) > PAGE_BITS)
		return false;
	*hpa = b->addr >> PAGE_BITS << PAGE_BITS;
	return true;
}

/*
 * Banks are shared between threads of a core: the one that did not use the
 * faulty memory sees that it may go on and is not to blame (SDM, "Machine-
 * Check Recovery", affected and non-affected logical processors).
 */
static bool is_bystander(const struct mce_record *r)
{
	return (r->mcg_status & (MCG_RIPV | MCG_EIPV)) == MCG_RIPV;
}

enum mce_verdict mce_judge(const struct mce_record *r, bool in_guest)
{
	bool may_go_on = (r->mcg_status & MCG_RIPV) != 0;
	uint64_t page;

	for (uint32_t i = 0; i < r->nr; i++) {
		const struct mce_bank *b = &r->banks[i];
		enum mce_kind kind = mce_kind_of(r, b);

		if (kind == MCE_LOST)
			return MCE_FATAL;
		if (kind != MCE_REQUIRED)
			continue;
		/* Unknown memory could not be kept from the next user. */
		if (!mce_faulty_page(r, b, &page))
			return MCE_FATAL;
		if (!is_bystander(r))
			may_go_on = false;
	}
	if (may_go_on)
		return MCE_GO_ON;
	return in_guest ? MCE_END_GUEST : MCE_FATAL;
}
