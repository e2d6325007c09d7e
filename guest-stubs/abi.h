/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Aerostat guest ABI, version 1: the one header that the hypervisor, the Linux
 * module and the micro guests share. Text: docs/abi.md. Only fixed-width
 * types; no padding; little endian.
 */
#ifndef AEROSTAT_ABI_H
#define AEROSTAT_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define AEROSTAT_ABI_VERSION 1u

/* CPUID */
#define AEROSTAT_CPUID_BASE	0x40000000u /* ebx ecx edx "AerostatVMM\0" */
#define AEROSTAT_CPUID_FEATURES 0x40000001u /* eax: version, ebx: features */
#define AEROSTAT_CPUID_KVM	0x40000100u /* KVM-compatible block */

#define AEROSTAT_F_HYPERCALL 0x1u
#define AEROSTAT_F_BALLOON   0x2u
#define AEROSTAT_F_STATS     0x4u
#define AEROSTAT_F_DISCARD   0x8u
/* What this version's hypervisor offers. */
#define AEROSTAT_FEATURES                                                      \
	(AEROSTAT_F_HYPERCALL | AEROSTAT_F_BALLOON | AEROSTAT_F_STATS |        \
	 AEROSTAT_F_DISCARD)

/*
 * Hypercalls: VMCALL, number in RAX, arguments RBX RCX RDX RSI, result in
 * RAX (negative errno). CPL > 0: -EPERM. Unknown: -ENOSYS.
 */
#define AEROSTAT_HC_BASE     0x41450000u	    /* "AE" */
#define AEROSTAT_HC_VERSION  (AEROSTAT_HC_BASE + 0) /* -> ABI version */
#define AEROSTAT_HC_FEATURES (AEROSTAT_HC_BASE + 1) /* -> feature bits */
#define AEROSTAT_HC_CONSOLE                                                    \
	(AEROSTAT_HC_BASE + 2) /* gpa, nbytes<=4096 -> written */
#define AEROSTAT_HC_SHUTDOWN                                                   \
	(AEROSTAT_HC_BASE +                                                    \
	 3) /* AEROSTAT_SHUTDOWN_*: reason of the end that follows */
#define AEROSTAT_HC_MEM_SETUP (AEROSTAT_HC_BASE + 0x10)
#define AEROSTAT_HC_MEM_INFLATE                                                \
	(AEROSTAT_HC_BASE + 0x11) /* gpa of u64 gfn[], n -> pages done */
#define AEROSTAT_HC_MEM_DEFLATE (AEROSTAT_HC_BASE + 0x12)
#define AEROSTAT_HC_MEM_TARGET                                                 \
	(AEROSTAT_HC_BASE + 0x13) /* -> target in pages */
#define AEROSTAT_HC_MEM_DISCARD                                                \
	(AEROSTAT_HC_BASE + 0x14) /* gfn, npages -> pages taken */

#define AEROSTAT_BATCH_MAX   512u
#define AEROSTAT_DISCARD_MAX 262144u /* pages of one MEM_DISCARD: 1 GiB */

#define AEROSTAT_SHUTDOWN_POWEROFF 0u
#define AEROSTAT_SHUTDOWN_REBOOT   1u
#define AEROSTAT_SHUTDOWN_CRASH	   2u

/* Memory device: PCI 1af4-independent IDs of our own. */
#define AEROSTAT_PCI_VENDOR 0xae05u
#define AEROSTAT_PCI_DEVICE 0x0001u

/* Event bits in the shared page. */
#define AEROSTAT_EV_TARGET   0x1u
#define AEROSTAT_EV_SHUTDOWN 0x2u
#define AEROSTAT_EV_STATS    0x4u /* somebody looks: publish statistics */

/* What the guest publishes, in pages of 4 KiB unless said. */
struct aerostat_guest_stats {
	uint64_t seq; /* odd while being written */
	uint64_t mem_total, mem_free, mem_available;
	uint64_t buffers_cached, swap_total, swap_free;
	uint64_t committed_as;
	uint64_t major_faults, minor_faults, swap_in, swap_out; /* ever */
	uint64_t balloon_pages; /* as the guest counts them */
	uint64_t reserved[3];
};

/* The shared event/statistics page (one 4 KiB page, BAR 0 of the device). */
struct aerostat_mem_page {
	uint32_t version; /* hypervisor: AEROSTAT_ABI_VERSION */
	uint32_t events;  /* hypervisor sets bits, guest clears atomically */
	uint64_t target_pages; /* wanted guest size */
	uint64_t size_pages;   /* size at boot */
	uint64_t reserved0[5];
	struct aerostat_guest_stats stats; /* guest writes */
	uint32_t guest_abi;		   /* guest: version it speaks */
	uint32_t guest_features;
};

#endif
