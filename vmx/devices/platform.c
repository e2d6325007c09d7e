/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The small ports of a PC's platform. The keyboard controller is there only
 * because its commands are how old software resets a PC: it has no keyboard
 * and never has data.
 */
#include "vmx/devices/platform.h"

#include "vmx/devices/devices_priv.h"

#define KBC_STATUS_OK	0x04u /* self-test passed, buffers empty */
#define KBC_CMD_OUTPORT 0xd1u
#define KBC_CMD_PULSE	0xf0u /* low four bits: lines to pulse low */
#define KBC_LINE_RESET	0x01u
#define PORT92_RESET	0x01u
#define PORT92_A20	0x02u
#define RESET_CPU	0x04u /* bit of port 0xcf9 */

static void reset(struct vm_devices *d, const char *how)
{
	vm_request_end(d->vm, VM_END_REBOOT, "reset by %s", how);
}

uint8_t kbc_pio_read(struct vm_devices *d, uint16_t port)
{
	(void)d;
	return port == 0x64 ? KBC_STATUS_OK : 0;
}

void kbc_pio_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	bool is_outport = d->platform.wants_outport;

	d->platform.wants_outport = false;
	if (port == 0x60) {
		if (is_outport && !(val & KBC_LINE_RESET))
			reset(d, "keyboard controller");
		return;
	}
	if (val == KBC_CMD_OUTPORT)
		d->platform.wants_outport = true;
	else if (val >= KBC_CMD_PULSE && !(val & KBC_LINE_RESET))
		reset(d, "keyboard controller");
}

uint8_t port92_read(struct vm_devices *d, uint16_t port)
{
	(void)port;
	return d->platform.port92;
}

void port92_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	(void)port;
	/* A20 is always on. */
	d->platform.port92 = (val & (uint8_t)~PORT92_RESET) | PORT92_A20;
	if (val & PORT92_RESET)
		reset(d, "port 0x92");
}

/* POST codes, and the delay that an access takes on hardware. */
uint8_t post_read(struct vm_devices *d, uint16_t port)
{
	(void)d;
	(void)port;
	return 0xff;
}

void post_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	(void)d;
	(void)port;
	(void)val;
}

void reset_port_write(struct vm_devices *d, uint8_t val)
{
	if (val & RESET_CPU)
		reset(d, "port 0xcf9");
}

void debug_exit_write(struct vm_devices *d, uint32_t val)
{
	d->vm->debug_exit_value = val;
	d->vm->debug_exited = true;
	vm_request_end(d->vm, VM_END_DEBUG_EXIT, "debug exit, value %#x", val);
}

bool test_lines_write(struct vm_devices *d, uint16_t port, uint32_t val)
{
	unsigned line = port - TEST_LINES_PORT;

	if (!d->vm->cfg->debug_exit || line >= IOAPIC_NR_PINS)
		return false;
	if (line != IRQ_CASCADE)
		irq_set_level(d->vm, line, val != 0);
	return true;
}
