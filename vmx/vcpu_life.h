/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU as the life cycle of its VM sees it (vmx/vm_life.c). All calls are
 * made on the VM's keeper thread.
 */
#ifndef VMX_VCPU_LIFE_H
#define VMX_VCPU_LIFE_H

#include "kernel/lib/compiler.h"
#include "vmx/vcpu.h"

struct start_state;

/*
 * Power-on state; forgets every request of the last run. All vCPUs of a VM are
 * reset before the first one is launched: from then on they may ask things of
 * each other. The boot vCPU begins at *s; s NULL: it waits for SIPI.
 */
void vcpu_reset(struct vcpu *v, const struct start_state *s);
/* Starts the thread. 0, -ENOMEM (may be tried again). */
MUST_CHECK int vcpu_launch(struct vcpu *v);
/*
 * Waits for the end of the thread, if there is one; VCPU_REQ_END has been
 * requested.
 */
void vcpu_join(struct vcpu *v);

/*
 * True when it stands still because of vm->pause_seq and VCPU_REQ_PAUSE, or has
 * ended. It wakes the keeper when it comes to that.
 */
bool vcpu_is_paused(const struct vcpu *v);
/* True from the end of its run to its next reset. */
bool vcpu_has_ended(const struct vcpu *v);
/* Lets a paused vCPU go on; its clock page tells the guest of the gap. */
void vcpu_resume(struct vcpu *v);

#endif
