/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Announces a crash 5,000 times, provokes every other line of the log that a
 * guest can provoke cheaply, and says something to the terminal that would act
 * on it.
 */
#include "runtime.h"

const char guest_name[] = "announce";

static void read_unknown_msr(void *arg)
{
	(void)arg;
	(void)msr_read(0x12345678);
}

void guest_main(void)
{
	rt_printf("plain \x1b[31mred\x1b[0m\x1b[2J\x1b[6n\x1b]0;title\x07 "
		  "\xc2\x9b"
		  "2J end\n");
	for (unsigned i = 0; i < 5000; i++)
		CHECK_EQ(hypercall(AEROSTAT_HC_SHUTDOWN,
				   AEROSTAT_SHUTDOWN_CRASH, 0, 0, 0),
			 0);
	for (unsigned i = 0; i < 100; i++)
		(void)rt_try(read_unknown_msr, NULL);
}
