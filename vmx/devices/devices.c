/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which device answers at which port or address, and the life cycle of all of
 * them together.
 *
 * Invariant: port_ranges is sorted and its ranges do not overlap.
 */
#include "vmx/devices/devices.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/uart_format.h"
#include "mm/heap.h"
#include "vmx/devices/devices_priv.h"

/*
 * A device of single bytes has read8/write8: wider accesses are split, as the
 * ISA bus does. The others see the access as it is. On the exit fast path
 * single bytes go to a device that is `quick`: nothing it does can wait, it
 * logs nothing and takes only locks that are taken with interrupts off.
 */
struct port_range {
	uint16_t first, last;
	uint8_t (*read8)(struct vm_devices *d, uint16_t port);
	void (*write8)(struct vm_devices *d, uint16_t port, uint8_t val);
	uint32_t (*read)(struct vm_devices *d, uint16_t port, unsigned nbytes);
	void (*write)(struct vm_devices *d, uint16_t port, unsigned nbytes,
		      uint32_t val);
	bool quick;
};

static const struct port_range port_ranges[] = {
	{ 0x20, 0x21, pic_pio_read, pic_pio_write, NULL, NULL, true },
	{ 0x40, 0x43, pit_pio_read, pit_pio_write, NULL, NULL, true },
	{ 0x60, 0x60, kbc_pio_read, kbc_pio_write, NULL, NULL, false },
	{ 0x61, 0x61, pit_port61_read, pit_port61_write, NULL, NULL, true },
	{ 0x64, 0x64, kbc_pio_read, kbc_pio_write, NULL, NULL, false },
	{ 0x70, 0x71, rtc_pio_read, rtc_pio_write, NULL, NULL, true },
	{ 0x80, 0x80, post_read, post_write, NULL, NULL, true },
	{ 0x92, 0x92, port92_read, port92_write, NULL, NULL, false },
	{ 0xa0, 0xa1, pic_pio_read, pic_pio_write, NULL, NULL, true },
	{ 0xed, 0xed, post_read, post_write, NULL, NULL, true },
	{ UART_COM1, UART_COM1 + 7, uart_pio_read, uart_pio_write, NULL, NULL,
	  false },
	{ 0x4d0, 0x4d1, pic_pio_read, pic_pio_write, NULL, NULL, true },
	{ 0x600, 0x60b, NULL, NULL, pm_pio_read, pm_pio_write, false },
	{ 0xcf8, 0xcff, NULL, NULL, pci_pio_read, pci_pio_write, false },
};

static const struct port_range *range_of(uint16_t port)
{
	size_t lo = 0, hi = ARRAY_SIZE(port_ranges);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (port > port_ranges[mid].last)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == ARRAY_SIZE(port_ranges) || port < port_ranges[lo].first)
		return NULL;
	return &port_ranges[lo];
}

static uint32_t ones(unsigned nbytes)
{
	return (uint32_t)(BIT(nbytes * 8) - 1);
}

bool devices_pio_read(struct vcpu *v, uint16_t port, unsigned nbytes,
		      uint32_t *val)
{
	struct vm_devices *d = vcpu_vm(v)->dev;
	const struct port_range *r = range_of(port);

	*val = ones(nbytes);
	if (!r) {
		if (fwcfg_read(d, port, nbytes, val))
			return true;
		d->vm->unknown_ports++;
		return false;
	}
	if (r->read) {
		*val = r->read(d, port, nbytes) & ones(nbytes);
		return true;
	}
	*val = 0;
	for (unsigned i = 0; i < nbytes; i++) {
		uint16_t p = (uint16_t)(port + i);
		uint8_t byte = 0xff;

		/* An access may run past the device's last port. */
		r = range_of(p);
		if (r && r->read8)
			byte = r->read8(d, p);
		*val |= (uint32_t)byte << i * 8;
	}
	return true;
}

bool devices_pio_write(struct vcpu *v, uint16_t port, unsigned nbytes,
		       uint32_t val)
{
	struct vm_devices *d = vcpu_vm(v)->dev;
	const struct port_range *r;

	if (unlikely(port == d->vm->cfg->debug_exit && port)) {
		debug_exit_write(d, val & ones(nbytes));
		return true;
	}
	r = range_of(port);
	if (!r) {
		if (test_lines_write(d, port, val & ones(nbytes)) ||
		    fwcfg_write(d, port, nbytes, val))
			return true;
		d->vm->unknown_ports++;
		return false;
	}
	if (r->write) {
		r->write(d, port, nbytes, val & ones(nbytes));
		return true;
	}
	for (unsigned i = 0; i < nbytes; i++) {
		uint16_t p = (uint16_t)(port + i);

		r = range_of(p);
		if (r && r->write8)
			r->write8(d, p, (uint8_t)(val >> i * 8));
	}
	return true;
}

bool devices_pio_quick(struct vcpu *v, uint16_t port, bool in, uint8_t *val)
{
	struct vm_devices *d = vcpu_vm(v)->dev;
	const struct port_range *r = range_of(port);

	if (!r || !r->quick)
		return false;
	if (in)
		*val = r->read8(d, port);
	else if (unlikely(port == d->vm->cfg->debug_exit))
		return false;
	else
		r->write8(d, port, *val);
	return true;
}

static bool is_ioapic(gpa_t a)
{
	return (a.raw & ~PAGE_MASK) == IOAPIC_DEFAULT_PAGE;
}

bool devices_mmio_read(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t *val)
{
	struct lapic *l = vcpu_lapic(v);
	uint32_t off = (uint32_t)(a.raw & PAGE_MASK);

	if (lapic_owns_mmio(l, a)) {
		lapic_mmio_read(l, off, nbytes, val);
		return true;
	}
	if (is_ioapic(a)) {
		ioapic_mmio_read(vcpu_vm(v), off, nbytes, val);
		return true;
	}
	*val = nbytes == 8 ? ~0ull : BIT(nbytes * 8) - 1;
	vcpu_vm(v)->unknown_mmio++;
	return false;
}

bool devices_mmio_write(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t val)
{
	struct lapic *l = vcpu_lapic(v);
	uint32_t off = (uint32_t)(a.raw & PAGE_MASK);

	if (lapic_owns_mmio(l, a)) {
		lapic_mmio_write(l, off, nbytes, val);
		return true;
	}
	if (is_ioapic(a)) {
		ioapic_mmio_write(vcpu_vm(v), off, nbytes, val);
		return true;
	}
	vcpu_vm(v)->unknown_mmio++;
	return false;
}

int devices_create(struct vm *vm)
{
	struct vm_devices *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->vm = vm;
	vm->dev = d;
	irqchip_init(&d->irqchip);
	pit_init(&d->pit, vm);
	rtc_init(&d->rtc, vm);
	pm_init(&d->pm, vm);
	pci_init(&d->pci, vm);
	err = uart_init(&d->uart, vm);
	if (!err)
		err = memdev_init(d);
	if (err)
		devices_destroy(vm);
	return err;
}

void devices_reset(struct vm *vm)
{
	struct vm_devices *d = vm->dev;

	pit_reset(&d->pit);
	rtc_reset(&d->rtc);
	uart_reset(&d->uart);
	pm_reset(&d->pm);
	d->platform = (struct platform){ 0 };
	d->fwcfg = (struct fwcfg){ 0 };
	pci_reset(&d->pci);
	memdev_reset(d);
	/* Last: the others have let go of their lines by then. */
	irqchip_reset(&d->irqchip);
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i])
			lapic_reset(vcpu_lapic(vm->vcpus[i]));
}

void devices_destroy(struct vm *vm)
{
	struct vm_devices *d = vm->dev;

	if (!d)
		return;
	/* First whoever raises lines on its own. */
	pit_reset(&d->pit);
	rtc_stop(&d->rtc);
	uart_detach(&d->uart);
	memdev_destroy(d);
	vm->dev = NULL;
	kfree(d);
}
