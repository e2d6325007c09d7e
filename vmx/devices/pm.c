/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual ACPI fixed hardware (ACPI specification, "ACPI Hardware
 * Specification", "Fixed Hardware Features"): power button, S5, and the power
 * management timer. There is no SMI command port: ACPI mode is always on.
 *
 * Invariant: the SCI is high exactly while an enabled status bit is set.
 */
#include "vmx/devices/pm.h"

#include "kernel/lib/acpi_format.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "vmx/devices/devices_priv.h"

#define EVT_PWRBTN 0x0100u
#define EVT_STATUS 0x8521u /* WAK, RTC, PWRBTN, GBL, TMR: write 1 to clear */
#define EVT_ENABLE 0x0521u
#define CNT_SCI_EN 0x0001u
#define CNT_KEPT   0x1c07u /* SLP_TYP, GBL_RLS, BM_RLD, SCI_EN */

static void update_sci(struct pm *pm)
{
	bool high = pm->status & pm->enable;

	if (high == pm->sci_high)
		return;
	pm->sci_high = high;
	irq_set_level(pm->vm, IRQ_SCI, high);
}

bool acpi_pm_press_power_button(struct vm *vm)
{
	struct pm *pm;
	bool enabled;

	if (!vm->dev)
		return false;
	pm = &vm->dev->pm;
	spin_lock(&pm->lock);
	pm->status |= EVT_PWRBTN;
	enabled = pm->enable & EVT_PWRBTN;
	update_sci(pm);
	spin_unlock(&pm->lock);
	return enabled;
}

static uint32_t timer_now(void)
{
	uint64_t ns = clock_ns();

	return (uint32_t)(ns / NS_PER_S * PM_TMR_HZ +
			  ns % NS_PER_S * PM_TMR_HZ / NS_PER_S);
}

/* The register block as 16-bit words at PM1A_EVT_PORT, timer apart. */
static uint16_t *word_of(struct pm *pm, unsigned off)
{
	switch (off & ~1u) {
	case 0: return &pm->status;
	case 2: return &pm->enable;
	case 4: return &pm->control;
	default: return NULL;
	}
}

static uint8_t read_byte(struct pm *pm, unsigned off)
{
	const uint16_t *w = word_of(pm, off);

	return w ? (uint8_t)(*w >> (off & 1) * 8) : 0;
}

uint32_t pm_pio_read(struct vm_devices *d, uint16_t port, unsigned nbytes)
{
	struct pm *pm = &d->pm;
	unsigned off = port - PM1A_EVT_PORT;
	uint32_t val = 0;

	if (port >= PM_TMR_PORT)
		return timer_now() >> (port - PM_TMR_PORT) * 8;
	spin_lock(&pm->lock);
	for (unsigned i = 0; i < nbytes; i++)
		val |= (uint32_t)read_byte(pm, off + i) << i * 8;
	spin_unlock(&pm->lock);
	return val;
}

/* Writes the bytes of val that lie in mask to the word at off. */
static void write_word(struct pm *pm, unsigned off, uint16_t val, uint16_t mask)
{
	switch (off) {
	case 0: pm->status &= (uint16_t) ~(val & mask & EVT_STATUS); break;
	case 2:
		pm->enable = (uint16_t)((pm->enable & ~mask) |
					(val & mask & EVT_ENABLE));
		break;
	case 4:
		pm->control = (uint16_t)((pm->control & ~mask) |
					 (val & mask & CNT_KEPT) | CNT_SCI_EN);
		break;
	default: break;
	}
}

static bool asks_power_off(uint32_t control)
{
	return (control & ACPI_PM1_SLP_EN) &&
	       (control >> ACPI_PM1_SLP_TYP_SHIFT & 7) == PM_S5_TYPE;
}

void pm_pio_write(struct vm_devices *d, uint16_t port, unsigned nbytes,
		  uint32_t val)
{
	struct pm *pm = &d->pm;
	unsigned off = port - PM1A_EVT_PORT;
	/* Lined up to words: val and which of its bits count. */
	uint64_t v = (uint64_t)val << (off & 1) * 8;
	uint64_t m = (BIT(nbytes * 8) - 1) << (off & 1) * 8;
	bool is_off = false;

	if (port >= PM_TMR_PORT)
		return; /* read-only */
	spin_lock(&pm->lock);
	for (off &= ~1u; m; off += 2, v >>= 16, m >>= 16) {
		write_word(pm, off, (uint16_t)v, (uint16_t)m);
		if (off == 4)
			is_off = asks_power_off((uint32_t)(v & m & 0xffff) |
						pm->control);
	}
	update_sci(pm);
	spin_unlock(&pm->lock);
	if (is_off)
		vm_request_end(d->vm, VM_END_POWEROFF, "ACPI power-off");
}

void pm_init(struct pm *pm, struct vm *vm)
{
	memset(pm, 0, sizeof(*pm));
	pm->vm = vm;
	spin_init(&pm->lock, LOCK_DEVICE, "pm");
	pm_reset(pm);
}

void pm_reset(struct pm *pm)
{
	spin_lock(&pm->lock);
	pm->status = 0;
	pm->enable = 0;
	pm->control = CNT_SCI_EN;
	pm->sci_high = false;
	spin_unlock(&pm->lock);
}
