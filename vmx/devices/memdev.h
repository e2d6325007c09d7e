/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Aerostat memory device: PCI function 00:01.0, whose BAR 0 is a page
 * shared with the guest, and the balloon hypercalls. Its guest side is
 * specified in docs/abi.md; the other calls are in devices.h.
 */
#ifndef VMX_DEVICES_MEMDEV_H
#define VMX_DEVICES_MEMDEV_H

#include "guest-stubs/abi.h"
#include "kernel/lib/addr.h"
#include "vmx/vm.h"

struct memdev {
	struct spinlock lock;		/* LOCK_MEMDEV: events, and reset */
	hfn_t frame;			/* the shared page [const] */
	struct aerostat_mem_page *page; /* ... mapped; the guest writes too */
	bool is_mapped;			/* [pci.lock] */
	gfn_t mapped_at;		/* [pci.lock] */
	bool ready;			/* [atomic] the guest made MEM_SETUP */
	uint64_t target_tsc; /* when the target was set; 0: never [atomic] */
	uint64_t
		resize_ticks; /* from then until reached; 0: not yet [atomic] */
	/* Copies of gfn arrays, made when first needed. [own vCPU] */
	uint64_t *batch[CONFIG_MAX_VCPUS];
};

struct vm_devices;
/* 0, -ENOMEM. After pci_init(). */
MUST_CHECK int memdev_init(struct vm_devices *d);
/* After pci_reset(); vCPUs are stopped. */
void memdev_reset(struct vm_devices *d);
void memdev_destroy(struct vm_devices *d);
/*
 * The guest wrote to the function's configuration. True if a gspace_flush() is
 * due when the lock is free. pci.lock held.
 */
MUST_CHECK bool memdev_config_changed(struct vm_devices *d);

#endif
