/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stage 2 for host tests, and a pedantic one: it panics when mm/ breaks the
 * contract of mm/stage2.h, and keeps every translation that was removed as
 * "stale" until stage2_flush(), because a CPU may still use it. A
 * stale or mapped frame that is free, or mapped elsewhere, is a panic too.
 *
 * Tables cost real frames (FRAME_STAGE2), so that running out of memory
 * happens here as it does in the product.
 */
#ifndef FAKE_STAGE2_H
#define FAKE_STAGE2_H

#include "mm/stage2.h"

/* Leaf orders that stage2_leaf_orders() claims. */
extern uint32_t fake_leaf_orders;

/* Another vCPU is in guest mode: stage2_unmap_at_once() would have to wait. */
extern bool fake_stage2_busy;

/* Writes through the VM's translations as a guest would. False: violation. */
bool fake_guest_store(struct stage2 *s2, gpa_t a, uint8_t value);
/* The same for loads; *value: the byte there. */
bool fake_guest_load(struct stage2 *s2, gpa_t a, uint8_t *value);

/* All mapped and stale frames are in use. Panics if not. */
void fake_stage2_check(struct stage2 *s2);

/* Changes a leaf behind everybody's back, for the auditor to find. */
void fake_stage2_corrupt(struct stage2 *s2, gfn_t g, hfn_t h, unsigned perms);

/* Ends a stage 2 whose frames can't be trusted any more. */
void fake_stage2_forget(struct stage2 *s2);

#endif
