/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual PCI bus 0: configuration mechanism 1 and functions with memory BARs,
 * an MSI capability and INTA.
 */
#ifndef VMX_DEVICES_PCI_H
#define VMX_DEVICES_PCI_H

#include "kernel/lib/addr.h"
#include "kernel/sched/thread.h"
#include "vmx/vm.h"

#define PCI_NR_DEVICES 2u
#define PCI_CFG_BYTES  256u
#define PCI_DEV_HOST   0u
#define PCI_DEV_MEM    1u

/* Where guests' BARs may lie, and where ours starts out. */
#define PCI_HOLE_BASE	 0xc0000000ull
#define PCI_HOLE_END	 0xfec00000ull
#define PCI_MEM_BAR_BASE 0xfe000000ull

/* Offsets in the type 0 header (PCI Local Bus Specification 3.0, 6.1). */
enum pci_cfg {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09, /* interface, sub-class, class */
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYS_VENDOR = 0x2c,
	PCI_SUBSYS_ID = 0x2e,
	PCI_CAP_PTR = 0x34,
	PCI_INT_LINE = 0x3c,
	PCI_INT_PIN = 0x3d,
};
#define PCI_COMMAND_MEMORY   0x0002u
#define PCI_COMMAND_MASTER   0x0004u
#define PCI_COMMAND_INTX_OFF 0x0400u
#define PCI_STATUS_INTX	     0x0008u
#define PCI_STATUS_CAPS	     0x0010u

/* One function. All fields: [pci.lock] unless const. */
struct pci_func {
	uint8_t cfg[PCI_CFG_BYTES];
	uint8_t writable[PCI_CFG_BYTES]; /* bits that the guest may set */
	uint8_t msi_cap;		 /* offset, 0: none [const] */
	bool intx;			 /* the function asserts INTA */
	unsigned irq;			 /* of INTA [const] */
};

struct pci {
	struct vm *vm;	      /* [const] */
	struct spinlock lock; /* LOCK_PCI */
	uint32_t address;     /* [lock] CONFIG_ADDRESS */
	struct pci_func func[PCI_NR_DEVICES];
};

void pci_init(struct pci *pci, struct vm *vm);
/* Every function as at power-on; their owners fill them in afterwards. */
void pci_reset(struct pci *pci);

uint16_t pci_cfg_get16(const struct pci_func *f, unsigned off);
uint32_t pci_cfg_get32(const struct pci_func *f, unsigned off);

/* Construction; the function is not visible yet. */
void pci_func_init(struct pci_func *f, uint16_t vendor, uint16_t device,
		   uint32_t class_code);
/* A 32-bit memory BAR; nbytes a power of two >= 4 KiB. */
void pci_func_add_bar(struct pci_func *f, unsigned n, uint32_t nbytes,
		      uint32_t base);
/* MSI, 64-bit and maskable, one vector; at cap (24 bytes). */
void pci_func_add_msi(struct pci_func *f, uint8_t cap);
void pci_func_add_intx(struct pci_func *f, unsigned irq);

/* Signals an event: MSI if enabled, else INTA until pci_clear_intx(). Thread
 * context; takes the lock. */
void pci_signal(struct pci *pci, struct pci_func *f);
void pci_clear_intx(struct pci *pci, struct pci_func *f);

struct vm_devices;
uint32_t pci_pio_read(struct vm_devices *d, uint16_t port, unsigned nbytes);
void pci_pio_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		   uint32_t val);

#endif
