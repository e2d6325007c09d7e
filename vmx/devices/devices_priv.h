/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All virtual devices of a VM, for this folder and its tests. */
#ifndef VMX_DEVICES_DEVICES_PRIV_H
#define VMX_DEVICES_DEVICES_PRIV_H

#include "kernel/lib/bug.h"
#include "kernel/sync/log.h"
#include "vmx/devices/devices.h"
#include "vmx/devices/fwcfg.h"
#include "vmx/devices/irq.h"
#include "vmx/devices/lapic.h"
#include "vmx/devices/memdev.h"
#include "vmx/devices/pci.h"
#include "vmx/devices/pit.h"
#include "vmx/devices/platform.h"
#include "vmx/devices/pm.h"
#include "vmx/devices/rtc.h"
#include "vmx/devices/uart.h"

#define NS_PER_S 1000000000ull /* of clock_ns() */

struct vm_devices {
	struct vm *vm; /* [const] */
	struct irqchip irqchip;
	struct pit pit;
	struct rtc rtc;
	struct uart uart;
	struct pm pm;
	struct platform platform;
	struct fwcfg fwcfg;
	struct pci pci;
	struct memdev mem;
};

#endif
