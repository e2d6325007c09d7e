/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual devices of one VM. vmx/ core calls in here on I/O exits, APIC MSR
 * exits and before each entry with events; devices call back through vcpu.h
 * (requests) and vm.h (end of run).
 *
 * All calls are made on the exiting vCPU's thread with interrupts on unless
 * said; devices lock themselves (LOCK_DEVICE, LOCK_IOAPIC, LOCK_LAPIC).
 */
#ifndef VMX_DEVICES_DEVICES_H
#define VMX_DEVICES_DEVICES_H

#include "kernel/lib/apic_format.h"
#include "kernel/lib/compiler.h"
#include "vmx/vcpu.h"
#include "vmx/vm.h"

/* All devices in their power-on state. 0, -ENOMEM. */
MUST_CHECK int devices_create(struct vm *vm);
/*
 * As after reset, local APICs included: no host timer stays armed. vCPUs are
 * stopped.
 */
void devices_reset(struct vm *vm);
/* Before the vCPUs and the guest-physical space are freed; vCPUs are stopped.
 */
void devices_destroy(struct vm *vm);

/*
 * Port I/O of 1, 2 or 4 bytes. Unclaimed: reads give all ones, writes are
 * dropped, both are counted. True if some device claimed the port.
 */
bool devices_pio_read(struct vcpu *v, uint16_t port, unsigned nbytes,
		      uint32_t *val);
bool devices_pio_write(struct vcpu *v, uint16_t port, unsigned nbytes,
		       uint32_t val);
/*
 * A byte on the exit fast path, interrupts off. False: nothing was done, the
 * device may have to wait, or there is none.
 */
bool devices_pio_quick(struct vcpu *v, uint16_t port, bool in, uint8_t *val);

/*
 * MMIO of 1, 2, 4 or 8 bytes (never crossing a device). False: no device
 * there (reads give all ones).
 */
bool devices_mmio_read(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t *val);
bool devices_mmio_write(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t val);

/* ---- local APIC (vmx/devices/lapic.c), one per vCPU ---- */
struct lapic;
MUST_CHECK int lapic_create(struct vcpu *v, struct lapic **out);
/* Power-up state. On the vCPU's thread or before it runs. */
void lapic_reset(struct lapic *l);
/* CPUID says that there is no x2APIC mode. Before the vCPU runs. */
void lapic_refuse_x2apic(struct lapic *l);
/* The same of the timer's TSC-deadline mode. */
void lapic_refuse_tsc_deadline(struct lapic *l);
/* INIT: as lapic_reset, but mode (x2APIC) and base address stay. */
void lapic_init_signal(struct lapic *l);
void lapic_destroy(struct lapic *l);

/* IA32_APIC_BASE and x2APIC MSRs 0x800..0x8ff. 0, or -EINVAL: inject #GP. */
MUST_CHECK int lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *val);
MUST_CHECK int lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t val);
/* IA32_TSC_DEADLINE, in guest TSC. */
uint64_t lapic_tsc_deadline_read(struct lapic *l);
void lapic_tsc_deadline_write(struct lapic *l, uint64_t guest_tsc);

/*
 * The vector to deliver now: the highest requested one above the processor
 * priority, ExtINT from the PIC (when LINT0 allows) included. -1: none.
 * Any CPU; cheap (no lock) when nothing is pending.
 */
int lapic_pending_vector(struct lapic *l);
/* The vector is being delivered: IRR -> ISR. On the vCPU's thread, interrupts
 * may be off. */
void lapic_accept(struct lapic *l, int vector);
/* End of the highest interrupt in service. On the vCPU's thread, interrupts may
 * be off. */
void lapic_eoi(struct lapic *l);
/*
 * True if the end of `vector`, accepted last, concerns nobody else: no IOAPIC
 * waits for it, and no other interrupt. What is requested later comes with a
 * VCPU_REQ_EVENT. On the vCPU's thread, interrupts may be off.
 */
bool lapic_eoi_is_local(const struct lapic *l, int vector);
/* CR8 = TPR[7:4]. */
uint64_t lapic_get_cr8(struct lapic *l);
void lapic_set_cr8(struct lapic *l, uint64_t cr8);
/*
 * The guest wrote 0 to the EOI register in its APIC's page, at a. False: its
 * page is elsewhere or off. On the vCPU's thread, interrupts may be off.
 */
bool lapic_eoi_by_memory(struct lapic *l, gpa_t a);
#define LAPIC_EOI_DEFAULT                                                      \
	(APIC_DEFAULT_PAGE + 16 * APIC_EOI) /* where it is unless moved */
/* True unless the guest switched the APIC off in IA32_APIC_BASE. */
bool lapic_is_on(const struct lapic *l);
/* True when the guest enabled x2APIC mode. */
bool lapic_is_x2apic(const struct lapic *l);

/* How many NMIs came since the last call. After VCPU_REQ_NMI. */
uint32_t lapic_take_nmis(struct lapic *l);

/* An MSI or IOAPIC message. Any context that may take LOCK_LAPIC. */
void lapic_deliver_msi(struct vm *vm, uint64_t address, uint32_t data);

/* ---- lines and consoles ---- */
/* IOAPIC pin / ISA IRQ (with the 0 -> 2 override for the IOAPIC). */
void irq_set_level(struct vm *vm, unsigned irq, bool high);

/* Host side of the guest's UART (COM1). */
/* Characters from the administrator. Returns how many were taken. */
size_t vuart_input(struct vm *vm, const char *s, size_t n);
/*
 * The VM's output scrollback is a ring of VUART_RING bytes; `pos` counts all
 * bytes ever written. Copies from *pos on (or from the oldest kept byte, if
 * *pos is older: *lost says how many were lost), advances *pos. Returns bytes
 * copied.
 */
#define VUART_RING 65536u
size_t vuart_output_read(struct vm *vm, uint64_t *pos, char *dst, size_t n,
			 uint64_t *lost);
/* Adds text to the VM's output, as if its UART had sent it (hypercall). */
void vuart_output_write(struct vm *vm, const char *s, size_t n);
/* The console thread to unpark when output arrives; NULL: nobody looks. */
void vuart_set_listener(struct vm *vm, struct thread *t);

/* ACPI power button. True if the guest has enabled it. */
bool acpi_pm_press_power_button(struct vm *vm);
/* Memory device: tells the guest that the target changed / to shut down. */
void memdev_notify_target(struct vm *vm);
/*
 * Ticks from the last change of the target until the guest reached it; 0: not
 * yet, or no change in this run.
 */
uint64_t memdev_resize_ticks(struct vm *vm);
/* True if a driver in the guest listens (it made MEM_SETUP). */
bool memdev_has_driver(struct vm *vm);
bool memdev_request_shutdown(struct vm *vm);

/*
 * MEM_INFLATE of the one page whose number is at `at`, on the exit fast path.
 * False: nothing done, memdev_hypercall() is to see to it.
 */
bool memdev_quick_inflate(struct vm *vm, uint64_t at);
/*
 * Memory-device and balloon hypercalls (guest-stubs/abi.h), CPL checked by
 * the caller. Result for RAX.
 */
int64_t memdev_hypercall(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1,
			 uint64_t a2, uint64_t a3);

/* MEM_SETUP, the driver comes or (version 0) goes; any context. */
int64_t memdev_setup(struct vm *vm, uint64_t version);

/*
 * The guest's published statistics; false: none yet. Asks the guest for fresh
 * ones, for the next call.
 */
struct aerostat_guest_stats;
bool memdev_get_guest_stats(struct vm *vm, struct aerostat_guest_stats *out);

#endif
