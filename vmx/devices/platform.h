/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The small ports of a PC's platform: keyboard controller (reset only), fast
 * reset, POST code, debug exit and test lines.
 */
#ifndef VMX_DEVICES_PLATFORM_H
#define VMX_DEVICES_PLATFORM_H

#include "kernel/lib/compiler.h"

struct vm_devices;

struct platform {
	uint8_t port92;	    /* [racy, harmless] */
	bool wants_outport; /* keyboard controller: the next byte is its
			       output port [racy, harmless] */
};

uint8_t kbc_pio_read(struct vm_devices *d, uint16_t port);
void kbc_pio_write(struct vm_devices *d, uint16_t port, uint8_t val);
uint8_t port92_read(struct vm_devices *d, uint16_t port);
void port92_write(struct vm_devices *d, uint16_t port, uint8_t val);
uint8_t post_read(struct vm_devices *d, uint16_t port);
void post_write(struct vm_devices *d, uint16_t port, uint8_t val);
/* Port 0xcf9. */
void reset_port_write(struct vm_devices *d, uint8_t val);
void debug_exit_write(struct vm_devices *d, uint32_t val);

/*
 * Interrupt lines for test kernels, as on QEMU's pc-testdev: an OUT to the
 * n-th port raises (not 0) or lowers line n. Only where a debug-exit port is
 * configured. True if the port is one of them.
 */
#define TEST_LINES_PORT 0x2000u
bool test_lines_write(struct vm_devices *d, uint16_t port, uint32_t val);

#endif
