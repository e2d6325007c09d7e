/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one lock order of the machine. Locks are taken in increasing
 * level; spin_lock() panics with both names when the order is broken, in
 * every build. No lock is held across a guest callback, an IPI wait or disk
 * I/O. Mutexes are taken before any spinlock.
 *
 * An interrupt may arrive while any lock that is not taken with irqsave is
 * held; so every lock that an interrupt handler takes ranks above all of them.
 */
#ifndef KERNEL_LOCK_ORDER_H
#define KERNEL_LOCK_ORDER_H

enum lock_level {
	LOCK_NONE = 0,
	LOCK_CONSOLE_MUX = 4, /* which console has the line (mutex) */
	LOCK_VM_LIFE = 6,     /* state of one VM and what is wanted of it */
	LOCK_VM_LIST = 10,    /* the list of VMs */
	LOCK_MEMDEV = 11,     /* events of one VM's memory device */
	LOCK_PCI = 12,	      /* PCI configuration of one VM */
	LOCK_GUESTMEM = 20,   /* regions and page states of one VM */
	LOCK_STAGE2 = 30,     /* tables of one VM's EPT that wait for a flush */
	LOCK_HEAP = 40,
	LOCK_HOSTPT = 45, /* host page tables */
	LOCK_FRAMES = 50, /* free lists of one zone */
	LOCK_DEVICE = 58, /* registers of a device without a timer */
	/* From here on: also taken in interrupt handlers, so irqsave. */
	LOCK_DEVICE_IRQ = 60, /* registers of a device with a timer */
	LOCK_IOAPIC = 62,     /* one VM's IOAPIC and PIC */
	LOCK_LAPIC = 64,      /* one vCPU's local APIC */
	LOCK_VCPU_KICK = 66,  /* a vCPU's thread pointer */
	LOCK_WAITQ = 70,
	LOCK_RUNQ = 80,	       /* one CPU's run queue */
	LOCK_TIMER = 85,       /* one CPU's timer queue */
	LOCK_LOG = 90,	       /* the log ring */
	LOCK_CONSOLE_ROW = 92, /* what the console's last row shows */
	LOCK_HOSTCON = 95,     /* the host UART and framebuffer; leaf */
};

#endif
