/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine checks: what the banks say, and what follows from it. What the host
 * can't survive panics; what hit memory only is queued for a thread, which
 * knows whose memory it was.
 *
 * Source: SDM Vol. 3B, "Machine-Check Architecture".
 */
#ifndef KERNEL_MCE_H
#define KERNEL_MCE_H

#include "kernel/cpu/trap.h"
#include "kernel/lib/compiler.h"

#define MCE_MAX_BANKS 32u

struct mce_bank {
	uint32_t nr;
	uint64_t status, addr, misc; /* addr, misc: 0 if not valid */
};

/* All that one processor has to say; only valid banks. */
struct mce_record {
	uint64_t mcg_cap, mcg_status;
	uint32_t nr;
	struct mce_bank banks[MCE_MAX_BANKS];
};

/* SDM, "UCR Error Classification". */
enum mce_kind {
	MCE_NONE,      /* not valid, or not enabled to signal */
	MCE_CORRECTED, /* the hardware has mended it */
	MCE_DEFERRED,  /* uncorrected, nothing to be done yet (UCNA) */
	MCE_OPTIONAL,  /* found, not used by anybody yet (SRAO) */
	MCE_REQUIRED,  /* used by the interrupted code (SRAR) */
	MCE_LOST,      /* the processor's own state is damaged */
};
enum mce_kind mce_kind_of(const struct mce_record *r, const struct mce_bank *b);
const char *mce_kind_name(enum mce_kind kind);

enum mce_verdict {
	MCE_GO_ON,     /* log it */
	MCE_END_GUEST, /* the host is sound, the interrupted guest is not */
	MCE_FATAL,
};

/*
 * What follows if the check interrupted the host, or a guest. Pure. Faulty
 * memory is another matter: see mce_faulty_page().
 */
enum mce_verdict mce_judge(const struct mce_record *r, bool in_guest);

/* True if the bank names a page of faulty memory. Pure. */
bool mce_faulty_page(const struct mce_record *r, const struct mce_bank *b,
		     uint64_t *hpa);

/* Switches all banks of the calling CPU on; the boot CPU logs old errors. */
void mce_init_cpu(void);

/* The exception handler; panics, or returns to go on. */
void mce_trap(const struct trap_frame *f);

/*
 * For a check that ended a stay in a guest: reads the banks, panics if the
 * host is not sound, queues what is known. Interrupts off.
 */
enum mce_verdict mce_from_guest(void);

/* In a panic: the banks that were fatal, by say(). */
void mce_report(void (*say)(const char *fmt, ...));

/* One bank's error as it was queued. */
struct mce_event {
	uint32_t cpu;
	enum mce_kind kind;
	struct mce_bank bank;
	bool has_page; /* page: host-physical address of faulty memory */
	uint64_t page;
};
/* Takes the oldest one; *lost: how many did not find room. One thread. */
bool mce_next_event(struct mce_event *out, uint32_t *lost);
/* Called, in interrupt context, when events wait. Boot, once. */
void mce_set_listener(void (*fn)(void));

/* For tests: the next check on any CPU finds these banks instead. */
void mce_simulate(const struct mce_record *r);

#endif
