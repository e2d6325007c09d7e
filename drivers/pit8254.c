// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 8254 channel 2 in mode 0: its output goes high when the count ends, which
 * port 0x61 shows. Channel 0 and its interrupt are left alone.
 */
#include "drivers/pit8254.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/tsc.h"
#include "kernel/lib/x86.h"

#define PIT_HZ	    1193182ull
#define PORT_CH2    0x42
#define PORT_MODE   0x43
#define PORT_B	    0x61
#define MODE_CH2_M0 0xb0 /* low byte then high byte, mode 0, binary */
#define B_GATE2	    0x01
#define B_SPEAKER   0x02
#define B_OUT2	    0x20

/* No TSC is so fast that it counts this far in 50 ms. */
#define PATIENCE_TICKS (1ull << 32)

int pit8254_measure_tsc(uint32_t us, uint64_t *ticks)
{
	uint8_t b = inb(PORT_B) & ~(B_GATE2 | B_SPEAKER);
	uint32_t count = (uint32_t)(PIT_HZ * us / 1000000);
	uint64_t start, end;

	outb(PORT_B, b);
	outb(PORT_MODE, MODE_CH2_M0);
	outb(PORT_CH2, (uint8_t)count);
	outb(PORT_CH2, (uint8_t)(count >> 8));
	if (inb(PORT_B) & B_OUT2)
		return -ENODEV; /* mode 0 starts low */
	outb(PORT_B, b | B_GATE2);
	start = rdtsc();
	do {
		end = rdtsc();
		if (end - start > PATIENCE_TICKS)
			return -ENODEV;
	} while (!(inb(PORT_B) & B_OUT2));
	end = rdtsc();
	outb(PORT_B, b);
	*ticks = end - start;
	return 0;
}
