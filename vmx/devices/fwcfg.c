/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration for test kernels. Interface: QEMU's specification
 * "QEMU Firmware Configuration (fw_cfg) Device", traditional port interface:
 * a 16-bit selector, then the item byte by byte, zeros after its end.
 */
#include "vmx/devices/fwcfg.h"

#include "kernel/lib/lib.h"
#include "vmx/devices/devices_priv.h"

#define PORT_SELECTOR 0x510u
#define PORT_DATA     0x511u

#define ITEM_SIGNATURE 0x00u
#define ITEM_ID	       0x01u
#define ITEM_RAM_SIZE  0x03u
#define ITEM_NB_CPUS   0x05u
#define ITEM_MAX_CPUS  0x0fu

#define ID_TRADITIONAL 1u

static uint64_t item_value(const struct vm *vm, uint16_t item)
{
	uint64_t v = 0;

	switch (item) {
	case ITEM_SIGNATURE: memcpy(&v, "QEMU", 4); return v;
	case ITEM_ID: return ID_TRADITIONAL;
	case ITEM_RAM_SIZE: return vm->cfg->mem_boot;
	case ITEM_NB_CPUS:
	case ITEM_MAX_CPUS: return vm->cfg->vcpus;
	default: return 0;
	}
}

bool fwcfg_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		 uint32_t val)
{
	if (!d->vm->cfg->debug_exit || port != PORT_SELECTOR || nbytes != 2)
		return false;
	d->fwcfg = (struct fwcfg){ .item = (uint16_t)val };
	return true;
}

bool fwcfg_read(struct vm_devices *d, uint16_t port, unsigned nbytes,
		uint32_t *val)
{
	uint64_t item;

	if (!d->vm->cfg->debug_exit || port != PORT_DATA)
		return false;
	item = item_value(d->vm, d->fwcfg.item);
	*val = 0;
	for (unsigned i = 0; i < nbytes; i++) {
		uint32_t at = d->fwcfg.offset;

		if (at >= sizeof(item))
			break;
		*val |= (uint32_t)(item >> at * 8 & 0xff) << i * 8;
		d->fwcfg.offset = at + 1;
	}
	return true;
}
