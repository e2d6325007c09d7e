// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs one Linux guest under QEMU + KVM and measures it from the host:
 *
 *	qemu boot KERNEL INITRD	    from executing QEMU to the line of /init
 *	qemu balloon KERNEL INITRD  request to target reached, 64 of 256 MiB
 *	qemu idle KERNEL INITRD	    host memory used beyond the guest's RAM, and
 *				    exits a second while it has nothing to do
 *
 * Prints `bench NAME VALUE` lines.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../ticks.h"

#define QMP_SOCKET    "/qmp"
#define COMMAND_LINE  "console=ttyS0 quiet mitigations=off"
#define BALLOON_MIB   64u
#define BALLOON_PAGES (BALLOON_MIB * 256u)
/* 3.5 M ticks by the guest's TSC: a few per cent of what is measured. */
#define POLL_US	   1000
#define LINE_BYTES 4096
#define IDLE_S	   10u
#define KVM_EXITS  "/sys/kernel/debug/kvm/exits"

struct guest {
	pid_t qemu;
	unsigned ram_mib;
	FILE *serial;
	FILE *qmp_in, *qmp_out;
	uint64_t start;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void qemu_exec(const struct guest *g, const char *mode,
		      const char *kernel, const char *initrd)
{
	bool balloon = !strcmp(mode, "balloon");
	char ram[16];
	const char *argv[] = {
		"qemu-system-x86_64",
		"-accel",
		"kvm",
		"-machine",
		"pc",
		"-cpu",
		"host",
		"-smp",
		"1",
		"-m",
		ram,
		"-nodefaults",
		"-no-user-config",
		"-display",
		"none",
		"-L",
		"/qemu",
		"-serial",
		"stdio",
		"-qmp",
		"unix:" QMP_SOCKET ",server=on,wait=off",
		"-kernel",
		kernel,
		"-initrd",
		initrd,
		"-append",
		balloon ? COMMAND_LINE " fill" : COMMAND_LINE,
		balloon ? "-device" : NULL,
		"virtio-balloon-pci",
		NULL,
	};

	snprintf(ram, sizeof(ram), "%u", g->ram_mib);
	execv("/qemu/qemu-system-x86_64", (char *const *)argv);
	die("qemu-system-x86_64");
}

static void guest_start(struct guest *g, const char *mode, const char *kernel,
			const char *initrd)
{
	int serial[2];

	unlink(QMP_SOCKET);
	if (pipe(serial))
		die("pipe");
	g->start = ticks_now();
	g->qemu = fork();
	if (g->qemu < 0)
		die("fork");
	if (!g->qemu) {
		dup2(serial[1], STDOUT_FILENO);
		close(serial[0]);
		qemu_exec(g, mode, kernel, initrd);
	}
	close(serial[1]);
	g->serial = fdopen(serial[0], "r");
}

/* Reads the guest's serial line up to `bench NAME VALUE`; returns VALUE. */
static uint64_t serial_wait(struct guest *g, const char *name)
{
	char line[LINE_BYTES], wanted[64];
	char *at;

	snprintf(wanted, sizeof(wanted), "bench %s ", name);
	while (fgets(line, sizeof(line), g->serial)) {
		at = strstr(line, wanted);
		if (at)
			return strtoull(at + strlen(wanted), NULL, 10);
		fprintf(stderr, "guest: %s", line);
	}
	fprintf(stderr, "guest ended before: %s\n", name);
	exit(1);
}

/* Sends a command and leaves its answer in line; events are skipped. */
static void qmp_command(struct guest *g, const char *command, char *line)
{
	if (fputs(command, g->qmp_out) < 0 || fflush(g->qmp_out))
		die("QMP");
	do {
		if (!fgets(line, LINE_BYTES, g->qmp_in))
			die("QMP answer");
	} while (!strstr(line, "\"return\"") && !strstr(line, "\"error\""));
	if (strstr(line, "\"error\"")) {
		fputs(line, stderr);
		exit(1);
	}
}

static void qmp_connect(struct guest *g)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX,
				    .sun_path = QMP_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char line[LINE_BYTES];

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)))
		die(QMP_SOCKET);
	g->qmp_in = fdopen(fd, "r");
	g->qmp_out = fdopen(dup(fd), "w");
	qmp_command(g, "{\"execute\":\"qmp_capabilities\"}\n", line);
}

/* Ticks from the request until the guest has `mib`. */
static uint64_t balloon_resize(struct guest *g, unsigned mib)
{
	uint64_t target = (uint64_t)mib << 20, start, actual;
	char command[128], line[LINE_BYTES];
	char *at;

	snprintf(command, sizeof(command),
		 "{\"execute\":\"balloon\",\"arguments\":{\"value\":%llu}}\n",
		 (unsigned long long)target);
	start = ticks_now();
	qmp_command(g, command, line);
	for (;;) {
		qmp_command(g, "{\"execute\":\"query-balloon\"}\n", line);
		at = strstr(line, "\"actual\": ");
		actual = at ? strtoull(at + 10, NULL, 10) : 0;
		if (actual == target)
			return ticks_now() - start;
		usleep(POLL_US);
	}
}

/* Resident kB of QEMU's one mapping that is as large as the guest's RAM. */
static uint64_t guest_ram_resident(const struct guest *g)
{
	char path[64], line[LINE_BYTES];
	uint64_t nbytes = 0, first, end, rss = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)g->qemu);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			nbytes = end - first;
		if (nbytes == (uint64_t)g->ram_mib << 20 &&
		    !strncmp(line, "Rss:", 4))
			rss = strtoull(line + 4, NULL, 10);
	}
	fclose(f);
	return rss;
}

static void measure_balloon(struct guest *g)
{
	uint64_t ticks;

	serial_wait(g, "ready");
	qmp_connect(g);
	printf("bench qemu_full_kb %llu\n",
	       (unsigned long long)guest_ram_resident(g));
	ticks = balloon_resize(g, g->ram_mib - BALLOON_MIB);
	printf("bench qemu_inflated_kb %llu\n",
	       (unsigned long long)guest_ram_resident(g));
	printf("bench qemu_inflate %.1f\n", (double)ticks / BALLOON_PAGES);
	ticks = balloon_resize(g, g->ram_mib);
	printf("bench qemu_deflate %.1f\n", (double)ticks / BALLOON_PAGES);
}

static uint64_t file_number(const char *path, const char *field)
{
	FILE *f = fopen(path, "r");
	char line[LINE_BYTES];
	uint64_t value = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, strlen(field)))
			continue;
		value = strtoull(line + strlen(field), NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

static void measure_idle(struct guest *g, uint64_t free_before)
{
	uint64_t used, rss, exits;

	serial_wait(g, "ready");
	sleep(2);
	used = free_before - file_number("/proc/meminfo", "MemFree:");
	rss = guest_ram_resident(g);
	printf("bench qemu_guest_resident_kb %llu\n", (unsigned long long)rss);
	printf("bench qemu_fixed_kb %lld\n", (long long)(used - rss));
	exits = file_number(KVM_EXITS, "");
	sleep(IDLE_S);
	printf("bench qemu_idle_exits %.1f\n",
	       (double)(file_number(KVM_EXITS, "") - exits) / IDLE_S);
}

static void measure_boot(struct guest *g)
{
	uint64_t guest = serial_wait(g, "boot_guest");
	uint64_t ticks = ticks_now() - g->start;

	printf("bench qemu_boot %llu\n", (unsigned long long)ticks);
	printf("bench qemu_boot_guest %llu\n", (unsigned long long)guest);
	printf("bench qemu_boot_exits %llu\n",
	       (unsigned long long)file_number(KVM_EXITS, ""));
}

int main(int argc, char **argv)
{
	struct guest g = { .ram_mib = 256 };
	uint64_t free_before;

	if (argc != 4) {
		fprintf(stderr,
			"usage: qemu boot|balloon|idle KERNEL INITRD\n");
		return 2;
	}
	if (!strcmp(argv[1], "idle"))
		g.ram_mib = 512;
	free_before = file_number("/proc/meminfo", "MemFree:");
	guest_start(&g, argv[1], argv[2], argv[3]);
	if (!strcmp(argv[1], "boot"))
		measure_boot(&g);
	else if (!strcmp(argv[1], "balloon"))
		measure_balloon(&g);
	else
		measure_idle(&g, free_before);
	kill(g.qemu, SIGKILL);
	waitpid(g.qemu, NULL, 0);
	return 0;
}
