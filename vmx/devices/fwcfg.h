/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oldest part of QEMU's firmware configuration device, by which test
 * kernels ask for the number of CPUs and the size of RAM. Only where a
 * debug-exit port is configured, since ordinary guests have ACPI for that.
 */
#ifndef VMX_DEVICES_FWCFG_H
#define VMX_DEVICES_FWCFG_H

#include "kernel/lib/compiler.h"

struct vm_devices;

struct fwcfg {
	uint16_t item;	 /* selected; [vCPU threads, racy is the guest's] */
	uint32_t offset; /* of the next byte */
};

/* True if the port is the selector (16 bits). */
bool fwcfg_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		 uint32_t val);
/* True if the port is the data port; *val: the next nbytes, zero-padded. */
bool fwcfg_read(struct vm_devices *d, uint16_t port, unsigned nbytes,
		uint32_t *val);

#endif
