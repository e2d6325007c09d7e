// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /init of the benchmark's Linux guests. Its first act is to read the guest's
 * TSC, which both Aerostat and KVM start at 0 with the VM: that is the time
 * that the boot took. Then /init.sh goes on. Without a C library, so that the
 * initramfs is busybox and little else.
 */
#include <stddef.h>
#include <sys/syscall.h>

#include "../ticks.h"

static long call3(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Writes n in decimal so that its last digit is at end[-1]; returns its start.
 */
static char *decimal_before(char *end, uint64_t n)
{
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

static void say_boot_time(uint64_t ticks)
{
	static const char name[] = "bench boot_guest ";
	char line[64];
	char *end = line + sizeof(line), *at;
	size_t i;

	end[-1] = '\n';
	at = decimal_before(end - 1, ticks);
	for (i = sizeof(name) - 1; i--;)
		*--at = name[i];
	call3(SYS_write, 1, (long)at, end - at);
}

void _start(void)
{
	static const char *const argv[] = { "sh", "/init.sh", NULL };
	static const char *const env[] = { "PATH=/bin", NULL };

	say_boot_time(ticks_now());
	call3(SYS_execve, (long)"/bin/busybox", (long)argv, (long)env);
	call3(SYS_exit, 1, 0, 0);
	__builtin_unreachable();
}
