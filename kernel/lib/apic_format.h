/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the local APIC and of the IOAPIC, as hardware has them and a
 * guest sees them (SDM Vol. 3A, chapter "Advanced Programmable Interrupt
 * Controller"; Intel 82093AA data sheet).
 */
#ifndef KERNEL_APIC_FORMAT_H
#define KERNEL_APIC_FORMAT_H

#include "kernel/lib/compiler.h"

/* Where they are unless moved. */
#define APIC_DEFAULT_PAGE   0xfee00000ull
#define IOAPIC_DEFAULT_PAGE 0xfec00000ull

/* Registers by their x2APIC number: MSR - MSR_X2APIC, MMIO offset / 16. */
enum apic_reg {
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_APR = 0x09,
	APIC_PPR = 0x0a,
	APIC_EOI = 0x0b,
	APIC_RRD = 0x0c,
	APIC_LDR = 0x0d,
	APIC_DFR = 0x0e,
	APIC_SVR = 0x0f,
	APIC_ISR = 0x10,
	APIC_TMR = 0x18,
	APIC_IRR = 0x20,
	APIC_ESR = 0x28,
	APIC_ICR = 0x30,
	APIC_ICR_HIGH = 0x31,
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_THERMAL = 0x33,
	APIC_LVT_PERF = 0x34,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_TMICT = 0x38, /* timer: initial count */
	APIC_TMCCT = 0x39, /* current count */
	APIC_TDCR = 0x3e,  /* divide configuration */
	APIC_SELF_IPI = 0x3f,
};

/* Delivery modes, at the same place in messages, ICR and LVT entries. */
enum apic_dm {
	APIC_DM_FIXED = 0,
	APIC_DM_LOWEST = 1,
	APIC_DM_SMI = 2,
	APIC_DM_NMI = 4,
	APIC_DM_INIT = 5,
	APIC_DM_SIPI = 6,
	APIC_DM_EXTINT = 7,
};
#define APIC_DM_SHIFT 8

/* Vectors below are illegal for fixed interrupts. */
#define APIC_FIRST_VECTOR 16u

#define APIC_SVR_ENABLED     0x100u
#define APIC_SVR_NO_EOI_CAST 0x1000u
#define APIC_SVR_VALID	     0x11ffu

#define APIC_ESR_SEND_ILLEGAL 0x20u
#define APIC_ESR_RECV_ILLEGAL 0x40u
#define APIC_ESR_BAD_REGISTER 0x80u

/* Interrupt command register, low half. */
#define APIC_ICR_LOGICAL	0x800u
#define APIC_ICR_BUSY		0x1000u
#define APIC_ICR_ASSERT		0x4000u
#define APIC_ICR_LEVEL		0x8000u
#define APIC_ICR_RESERVED	0xfff32000u /* bits 31:20, 17:16, 13 */
#define APIC_ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define APIC_ICR_SELF		(1u << 18) /* shorthand: this CPU */

/* Local vector table. */
#define APIC_LVT_VECTOR	    0xffu
#define APIC_LVT_DM	    0x700u
#define APIC_LVT_STATUS	    0x1000u
#define APIC_LVT_POLARITY   0x2000u
#define APIC_LVT_REMOTE_IRR 0x4000u
#define APIC_LVT_TRIGGER    0x8000u
#define APIC_LVT_MASKED	    0x10000u
#define APIC_LVT_MODE	    0x60000u
#define APIC_LVT_MODE_SHIFT 17

enum apic_timer_mode {
	APIC_TIMER_ONESHOT = 0,
	APIC_TIMER_PERIODIC = 1,
	APIC_TIMER_DEADLINE = 2,
	APIC_TIMER_RESERVED = 3,
};
#define APIC_TDCR_BY_1 0xbu

/*
 * IOAPIC: byte offsets of its page, the registers behind index and window, and
 * a redirection entry, which is laid out as an MSI but for the destination.
 */
#define IOAPIC_OFF_INDEX  0x00u
#define IOAPIC_OFF_WINDOW 0x10u
#define IOAPIC_OFF_EOI	  0x40u /* version 0x20 and later */

#define IOAPIC_REG_ID	   0x00u
#define IOAPIC_REG_VERSION 0x01u
#define IOAPIC_REG_ARB	   0x02u
#define IOAPIC_REG_ENTRY   0x10u /* two registers for each input */

#define IOAPIC_ENTRY_LOGICAL	BIT(11)
#define IOAPIC_ENTRY_STATUS	BIT(12)
#define IOAPIC_ENTRY_ACTIVE_LOW BIT(13)
#define IOAPIC_ENTRY_REMOTE_IRR BIT(14)
#define IOAPIC_ENTRY_LEVEL	BIT(15)
#define IOAPIC_ENTRY_MASKED	BIT(16)

#endif
