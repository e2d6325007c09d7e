/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual MC146818 real-time clock and CMOS memory, ports 0x70 and 0x71. */
#ifndef VMX_DEVICES_RTC_H
#define VMX_DEVICES_RTC_H

#include "kernel/sync/spinlock.h"
#include "vmx/devices/guest_timer.h"
#include "vmx/vm.h"

struct rtc {
	struct vm *vm;	      /* [const] */
	struct spinlock lock; /* LOCK_DEVICE_IRQ, irqsave */
	uint8_t index;	      /* [lock] */
	uint8_t ram[128];     /* [lock] time registers: only while SET */
	int64_t offset;	      /* [lock] guest's clock - host's, seconds */
	uint64_t seen_second; /* [lock] last second that events were seen for */
	uint64_t next_tick;   /* [lock] ns of the next periodic interrupt */
	struct guest_timer timer; /* armed only while an interrupt is enabled */
};

void rtc_init(struct rtc *rtc, struct vm *vm);
void rtc_reset(struct rtc *rtc);
/* Stops the host timer. */
void rtc_stop(struct rtc *rtc);

struct vm_devices;
uint8_t rtc_pio_read(struct vm_devices *d, uint16_t port);
void rtc_pio_write(struct vm_devices *d, uint16_t port, uint8_t val);

#endif
