// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one elementary operation costs on Linux KVM, seen by a guest with
 * nothing in it: a VMM of one page that runs ops_guest.nasm on /dev/kvm.
 *
 *	ops GUEST [huge]	`huge`: guest RAM on transparent huge pages
 *
 * Prints `bench NAME TICKS` lines, the form that Aerostat's micro guest uses.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../ticks.h"

#define RAM_BYTES  (256ul << 20)
#define HUGE_BYTES (2ul << 20)

/* As in ops_guest.nasm. */
#define LOAD	    0x1000u
#define RESULTS	    0x8000u
#define TOUCH_BASE  0x1000000u
#define TOUCH_PAGES 4096u
#define ROUNDS	    1000u
#define PORT_HOST   0x81u
#define PORT_END    0x82u

enum answer {
	EMPTY,
	HYPERCALL,
	CPUID,
	PORT,
	PIC_PORT,
	XAPIC_EOI,
	FIRST_TOUCH,
	TOUCHED,
	TOUCH_AGAIN,
	NR_ANSWERS
};

struct machine {
	int vcpu;
	struct kvm_run *run;
	uint8_t *ram;
	uint64_t reclaim_ticks;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int must_ioctl(int fd, unsigned long request, void *arg,
		      const char *what)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		die(what);
	return ret;
}

/* Guest RAM on a 2 MiB boundary, else no huge page can back it. */
static uint8_t *ram_map(bool huge)
{
	uint8_t *map =
		mmap(NULL, RAM_BYTES + HUGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t base;

	if (map == MAP_FAILED)
		die("guest RAM");
	base = ((uintptr_t)map + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	if (madvise((void *)base, RAM_BYTES,
		    huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		die("madvise");
	return (uint8_t *)base;
}

static void guest_load(struct machine *m, const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, m->ram + LOAD, RESULTS - LOAD) <= 0)
		die(path);
	close(fd);
	memset(m->ram + RESULTS, 0, 4096);
}

/* Flat 32-bit protected mode at LOAD. */
static void vcpu_set_start(int vcpu)
{
	struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
	struct kvm_segment data = code;
	struct kvm_regs regs = { .rip = LOAD, .rflags = 2, .rsp = RESULTS };
	struct kvm_sregs sregs;

	data.type = 3;
	data.selector = 16;
	must_ioctl(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cr0 |= 1;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	must_ioctl(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	must_ioctl(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

static void machine_create(struct machine *m, bool huge)
{
	int kvm = open("/dev/kvm", O_RDWR);
	struct kvm_userspace_memory_region ram;
	int vm, nbytes;

	if (kvm < 0)
		die("/dev/kvm");
	vm = must_ioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	if (ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul) < 0)
		die("KVM_SET_TSS_ADDR");
	/* 8259s and local APIC in the kernel, where every VMM has them. */
	must_ioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	m->ram = ram_map(huge);
	ram = (struct kvm_userspace_memory_region){
		.memory_size = RAM_BYTES,
		.userspace_addr = (uintptr_t)m->ram,
	};
	must_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &ram, "guest RAM region");
	m->vcpu = must_ioctl(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	nbytes = must_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "vCPU size");
	m->run = mmap(NULL, (size_t)nbytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m->vcpu, 0);
	if (m->run == MAP_FAILED)
		die("vCPU state");
	vcpu_set_start(m->vcpu);
}

static void touched_reclaim(struct machine *m)
{
	uint64_t start = ticks_now();

	if (madvise(m->ram + TOUCH_BASE, TOUCH_PAGES * 4096ul, MADV_DONTNEED))
		die("reclaim");
	m->reclaim_ticks = ticks_now() - start;
}

static void machine_run(struct machine *m)
{
	for (;;) {
		must_ioctl(m->vcpu, KVM_RUN, NULL, "KVM_RUN");
		switch (m->run->exit_reason) {
		case KVM_EXIT_IO:
			if (m->run->io.port == PORT_HOST)
				touched_reclaim(m);
			if (m->run->io.port == PORT_END)
				return;
			break;
		default:
			fprintf(stderr, "exit %u\n", m->run->exit_reason);
			exit(1);
		}
	}
}

static void report(const struct machine *m, const char *mode)
{
	const uint64_t *all = (const uint64_t *)(m->ram + RESULTS);
	double loop = (double)all[EMPTY] / ROUNDS;
	double touched = (double)all[TOUCHED] / TOUCH_PAGES;

	printf("bench %s_hypercall %.1f\n", mode,
	       (double)all[HYPERCALL] / ROUNDS - loop);
	printf("bench %s_cpuid %.1f\n", mode,
	       (double)all[CPUID] / ROUNDS - loop);
	printf("bench %s_user_port %.1f\n", mode,
	       (double)all[PORT] / ROUNDS - loop);
	printf("bench %s_pic_port %.1f\n", mode,
	       (double)all[PIC_PORT] / ROUNDS - loop);
	printf("bench %s_xapic_eoi %.1f\n", mode,
	       (double)all[XAPIC_EOI] / ROUNDS - loop);
	printf("bench %s_first_touch %.1f\n", mode,
	       (double)all[FIRST_TOUCH] / TOUCH_PAGES - touched);
	printf("bench %s_touch_again %.1f\n", mode,
	       (double)all[TOUCH_AGAIN] / TOUCH_PAGES - touched);
	printf("bench %s_reclaim %.1f\n", mode,
	       (double)m->reclaim_ticks / TOUCH_PAGES);
}

int main(int argc, char **argv)
{
	bool huge = argc > 2 && !strcmp(argv[2], "huge");
	struct machine m = { 0 };

	if (argc < 2) {
		fprintf(stderr, "usage: ops GUEST [huge]\n");
		return 2;
	}
	machine_create(&m, huge);
	guest_load(&m, argv[1]);
	machine_run(&m);
	report(&m, huge ? "huge" : "small");
	return 0;
}
