/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual 8254 (channels 0 and 2) and the system control port 0x61. */
#ifndef VMX_DEVICES_PIT_H
#define VMX_DEVICES_PIT_H

#include "kernel/sync/spinlock.h"
#include "vmx/devices/guest_timer.h"
#include "vmx/vm.h"

#define PIT_HZ 1193182ull

/* All fields: [pit.lock] */
struct pit_channel {
	uint64_t start;	 /* PIT ticks when counting began */
	uint32_t reload; /* 1..65536 */
	bool counting;	 /* a count was loaded */
	uint8_t mode;	 /* 0..5 */
	uint8_t access;	 /* 1: low byte, 2: high byte, 3: low then high */
	bool bcd;
	bool gate;	   /* always high on channel 0 */
	bool write_high;   /* access 3: the next write is the high byte */
	uint8_t write_low; /* access 3: the low byte written first */
	bool read_high;	   /* access 3: the next read is the high byte */
	bool is_latched, is_status_latched;
	uint16_t latch;
	uint8_t status;
};

struct pit {
	struct vm *vm;	      /* [const] */
	struct spinlock lock; /* LOCK_DEVICE_IRQ, irqsave */
	struct pit_channel ch[3];
	bool speaker;		  /* [lock] port 0x61 bit 1 */
	struct guest_timer timer; /* channel 0's interrupt */
	uint64_t next_irq;	  /* [lock] PIT ticks, 0: none */
};

void pit_init(struct pit *pit, struct vm *vm);
void pit_reset(struct pit *pit);

struct vm_devices;
uint8_t pit_pio_read(struct vm_devices *d, uint16_t port);
void pit_pio_write(struct vm_devices *d, uint16_t port, uint8_t val);
uint8_t pit_port61_read(struct vm_devices *d, uint16_t port);
void pit_port61_write(struct vm_devices *d, uint16_t port, uint8_t val);

#endif
