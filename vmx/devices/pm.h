/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual ACPI fixed hardware. The addresses are what the FADT tells guests.
 */
#ifndef VMX_DEVICES_PM_H
#define VMX_DEVICES_PM_H

#include "kernel/sync/spinlock.h"
#include "vmx/vm.h"

#define PM1A_EVT_PORT 0x600u /* status, then enable, 16 bits each */
#define PM1A_CNT_PORT 0x604u
#define PM_TMR_PORT   0x608u
#define PM_TMR_HZ     3579545ull
#define PM_S5_TYPE    5u /* SLP_TYP of \_S5 */
#define RESET_PORT    0xcf9u
#define RESET_VALUE   0x06u

struct pm {
	struct vm *vm;	      /* [const] */
	struct spinlock lock; /* LOCK_DEVICE */
	uint16_t status;      /* [lock] */
	uint16_t enable;      /* [lock] */
	uint16_t control;     /* [lock] */
	bool sci_high;	      /* [lock] */
};

void pm_init(struct pm *pm, struct vm *vm);
void pm_reset(struct pm *pm);

struct vm_devices;
uint32_t pm_pio_read(struct vm_devices *d, uint16_t port, unsigned nbytes);
void pm_pio_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		  uint32_t val);

#endif
