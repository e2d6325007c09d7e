/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-processor identifiers: each vCPU has one of its own, which tags what
 * the TLBs hold of it (SDM, "Virtual Processor Identifiers"). 0 is the host's.
 */
#ifndef VMX_VPID_H
#define VMX_VPID_H

#include "kernel/config/config.h"
#include "kernel/lib/compiler.h"

/* One for every vCPU that can be configured. */
#define VPID_MAX (CONFIG_MAX_VMS * CONFIG_MAX_VCPUS)
_Static_assert(VPID_MAX <= 0xffff, "a VPID has 16 bits");

/* 0, -ENOSPC. */
MUST_CHECK int vpid_take(uint32_t *out);
void vpid_give(uint32_t id);

#endif
