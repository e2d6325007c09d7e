/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual PCI bus 0, by configuration mechanism 1 (PCI Local Bus
 * Specification 3.0). Device 0 is the host bridge, device 1 the Aerostat
 * memory device. Each configuration byte has a mask of the bits that guests
 * may change; nothing else can be written.
 */
#include "vmx/devices/pci.h"

#include "guest-stubs/abi.h"
#include "kernel/lib/lib.h"
#include "vmx/devices/devices_priv.h"

#define ADDR_ENABLE   0x80000000u
#define ADDR_VALID    0x80fffffcu
#define CONFIG_DATA   0xcfcu
#define BRIDGE_DEVICE 0x0100u /* our ID for the host bridge */
#define BRIDGE_CLASS  0x060000u

#define MSI_CTRL_64BIT	0x0080u
#define MSI_CTRL_MASK	0x0100u
#define MSI_CTRL_ENABLE 0x0001u
/* Offsets in the capability. */
#define MSI_CTRL    2u
#define MSI_ADDR    4u
#define MSI_ADDR_HI 8u
#define MSI_DATA    12u
#define MSI_MASK    16u
#define MSI_PENDING 20u

uint16_t pci_cfg_get16(const struct pci_func *f, unsigned off)
{
	return (uint16_t)(f->cfg[off] | f->cfg[off + 1] << 8);
}

uint32_t pci_cfg_get32(const struct pci_func *f, unsigned off)
{
	return pci_cfg_get16(f, off) | (uint32_t)pci_cfg_get16(f, off + 2)
					       << 16;
}

static void set_bytes(uint8_t *at, uint32_t val, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		at[i] = (uint8_t)(val >> i * 8);
}

static void set16(struct pci_func *f, unsigned off, uint16_t val)
{
	set_bytes(&f->cfg[off], val, 2);
}

static void set32(struct pci_func *f, unsigned off, uint32_t val)
{
	set_bytes(&f->cfg[off], val, 4);
}

/* ---- construction ---- */

void pci_func_init(struct pci_func *f, uint16_t vendor, uint16_t device,
		   uint32_t class_code)
{
	memset(f, 0, sizeof(*f));
	set16(f, PCI_VENDOR_ID, vendor);
	set16(f, PCI_DEVICE_ID, device);
	set_bytes(&f->cfg[PCI_CLASS], class_code, 3);
	set16(f, PCI_SUBSYS_VENDOR, vendor);
	set16(f, PCI_SUBSYS_ID, device);
	set_bytes(&f->writable[PCI_COMMAND],
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			  PCI_COMMAND_INTX_OFF,
		  2);
	f->writable[PCI_INT_LINE] = 0xff;
}

void pci_func_add_bar(struct pci_func *f, unsigned n, uint32_t nbytes,
		      uint32_t base)
{
	unsigned off = PCI_BAR0 + n * 4;

	set32(f, off, base);
	set_bytes(&f->writable[off], ~(nbytes - 1), 4);
}

void pci_func_add_msi(struct pci_func *f, uint8_t cap)
{
	f->msi_cap = cap;
	f->cfg[cap] = 0x05; /* MSI, last in the list */
	set16(f, cap + MSI_CTRL, MSI_CTRL_64BIT | MSI_CTRL_MASK);
	f->cfg[PCI_CAP_PTR] = cap;
	f->cfg[PCI_STATUS] |= PCI_STATUS_CAPS;
	set_bytes(&f->writable[cap + MSI_CTRL], MSI_CTRL_ENABLE | 0x70, 2);
	set_bytes(&f->writable[cap + MSI_ADDR], 0xfffffffcu, 4);
	set_bytes(&f->writable[cap + MSI_ADDR_HI], 0xffffffffu, 4);
	set_bytes(&f->writable[cap + MSI_DATA], 0xffff, 2);
	set_bytes(&f->writable[cap + MSI_MASK], 1, 4);
}

void pci_func_add_intx(struct pci_func *f, unsigned irq)
{
	f->irq = irq;
	f->cfg[PCI_INT_PIN] = 1; /* INTA */
	f->cfg[PCI_INT_LINE] = (uint8_t)irq;
}

/* ---- interrupts ---- */

static bool msi_is_on(const struct pci_func *f)
{
	return f->msi_cap &&
	       (pci_cfg_get16(f, f->msi_cap + MSI_CTRL) & MSI_CTRL_ENABLE);
}

/* Sends the pending message, unless the guest masks it. [lock] */
static void msi_service(struct pci *pci, struct pci_func *f)
{
	unsigned cap = f->msi_cap;
	uint64_t addr;

	if (!msi_is_on(f) || (f->cfg[cap + MSI_MASK] & 1) ||
	    !(f->cfg[cap + MSI_PENDING] & 1))
		return;
	f->cfg[cap + MSI_PENDING] = 0;
	addr = pci_cfg_get32(f, cap + MSI_ADDR) |
	       (uint64_t)pci_cfg_get32(f, cap + MSI_ADDR_HI) << 32;
	lapic_deliver_msi(pci->vm, addr, pci_cfg_get16(f, cap + MSI_DATA));
}

/* Drives the line as the function's state says. [lock] */
static void intx_update(struct pci *pci, struct pci_func *f)
{
	bool off = pci_cfg_get16(f, PCI_COMMAND) & PCI_COMMAND_INTX_OFF;

	if (!f->cfg[PCI_INT_PIN])
		return;
	f->cfg[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
	if (f->intx)
		f->cfg[PCI_STATUS] |= PCI_STATUS_INTX;
	irq_set_level(pci->vm, f->irq, f->intx && !off && !msi_is_on(f));
}

void pci_signal(struct pci *pci, struct pci_func *f)
{
	spin_lock(&pci->lock);
	if (msi_is_on(f)) {
		f->cfg[f->msi_cap + MSI_PENDING] |= 1;
		msi_service(pci, f);
	} else {
		f->intx = true;
		intx_update(pci, f);
	}
	spin_unlock(&pci->lock);
}

void pci_clear_intx(struct pci *pci, struct pci_func *f)
{
	if (!READ_ONCE(f->intx))
		return;
	spin_lock(&pci->lock);
	f->intx = false;
	intx_update(pci, f);
	spin_unlock(&pci->lock);
}

/* ---- configuration space ---- */

/* The addressed function, NULL: none. [lock] */
static struct pci_func *addressed(struct pci *pci)
{
	uint32_t a = pci->address;
	unsigned bus = a >> 16 & 0xff, dev = a >> 11 & 0x1f, fn = a >> 8 & 7;

	if (!(a & ADDR_ENABLE) || bus || fn || dev >= PCI_NR_DEVICES)
		return NULL;
	return &pci->func[dev];
}

static uint32_t data_read(struct pci *pci, unsigned low, unsigned nbytes)
{
	const struct pci_func *f = addressed(pci);
	uint32_t val = 0;

	if (!f)
		return 0xffffffffu;
	for (unsigned i = 0; i < nbytes; i++)
		val |= (uint32_t)f->cfg[(pci->address & 0xfc) + low + i]
		       << i * 8;
	return val;
}

/* True if translations must be invalidated once the lock is free. [lock] */
static bool data_write(struct pci *pci, unsigned low, unsigned nbytes,
		       uint32_t val)
{
	struct pci_func *f = addressed(pci);
	unsigned off = (pci->address & 0xfc) + low;

	if (!f)
		return false;
	for (unsigned i = 0; i < nbytes; i++, off++, val >>= 8) {
		uint8_t w = f->writable[off];

		f->cfg[off] = (uint8_t)((f->cfg[off] & ~w) | (val & w));
	}
	msi_service(pci, f);
	intx_update(pci, f);
	return f == &pci->func[PCI_DEV_MEM] &&
	       memdev_config_changed(pci->vm->dev);
}

uint32_t pci_pio_read(struct vm_devices *d, uint16_t port, unsigned nbytes)
{
	struct pci *pci = &d->pci;
	uint32_t val = 0xffffffffu;

	spin_lock(&pci->lock);
	if (port >= CONFIG_DATA && (port & 3u) + nbytes <= 4)
		val = data_read(pci, port & 3, nbytes);
	else if (port == 0xcf8 && nbytes == 4)
		val = pci->address;
	spin_unlock(&pci->lock);
	return val;
}

void pci_pio_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		   uint32_t val)
{
	struct pci *pci = &d->pci;
	bool flush = false;

	if (port == RESET_PORT && nbytes == 1) {
		reset_port_write(d, (uint8_t)val);
		return;
	}
	spin_lock(&pci->lock);
	if (port >= CONFIG_DATA && (port & 3u) + nbytes <= 4)
		flush = data_write(pci, port & 3, nbytes, val);
	else if (port == 0xcf8 && nbytes == 4)
		pci->address = val & ADDR_VALID;
	spin_unlock(&pci->lock);
	/* It waits for other vCPUs, which may want the lock. */
	if (flush)
		gspace_flush(d->vm->gs);
}

void pci_init(struct pci *pci, struct vm *vm)
{
	memset(pci, 0, sizeof(*pci));
	pci->vm = vm;
	spin_init(&pci->lock, LOCK_PCI, "pci");
	pci_reset(pci);
}

void pci_reset(struct pci *pci)
{
	pci->address = 0;
	pci_func_init(&pci->func[PCI_DEV_HOST], AEROSTAT_PCI_VENDOR,
		      BRIDGE_DEVICE, BRIDGE_CLASS);
	memset(pci->func[PCI_DEV_HOST].writable, 0, PCI_CFG_BYTES);
}
