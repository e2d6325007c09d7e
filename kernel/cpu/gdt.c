// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GDT and TSS of each CPU. Flat 64-bit segments; the TSS only serves the
 * interrupt stacks.
 */
#include "kernel/cpu/gdt.h"

#include "kernel/lib/x86.h"
#include "kernel/sync/percpu.h"

#define GDT_ENTRIES 5 /* null, code, data, TSS (2) */

/* Descriptor bits (SDM Vol. 3A, "Segment Descriptors"). */
#define DESC_CODE64 0x00209b0000000000ull /* present, code, L, accessed */
#define DESC_DATA   0x0000930000000000ull /* present, data, writable */
#define DESC_TSS    0x0000890000000000ull /* present, available 64-bit TSS */

struct cpu_tables {
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss;
} ALIGNED(64);

static struct cpu_tables tables[MAX_CPUS]; /* [that CPU] */

struct table_ptr {
	uint16_t limit;
	uint64_t base;
} PACKED;

static void load_segments(void)
{
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n\t"
			 "1:\n\t"
			 "movl %1, %%ds\n\t"
			 "movl %1, %%es\n\t"
			 "movl %1, %%ss\n\t"
			 "movl %2, %%fs\n\t"
			 "movl %2, %%gs"
			 :
			 : "i"(SEL_KERNEL_CS), "r"(SEL_KERNEL_DS), "r"(0)
			 : "rax", "memory");
}

void gdt_init_cpu(uint32_t cpu, void *const ist_tops[IST_NR])
{
	struct cpu_tables *t = &tables[cpu];
	uint64_t base = (uint64_t)&t->tss;
	struct table_ptr ptr = { sizeof(t->gdt) - 1, (uint64_t)t->gdt };

	for (int i = IST_NONE + 1; i < IST_NR; i++)
		t->tss.ist[i - 1] = (uint64_t)ist_tops[i];
	t->tss.iomap_base = sizeof(t->tss);

	t->gdt[SEL_KERNEL_CS / 8] = DESC_CODE64;
	t->gdt[SEL_KERNEL_DS / 8] = DESC_DATA;
	t->gdt[SEL_TSS / 8] = DESC_TSS | (sizeof(t->tss) - 1) |
			      (base & 0xffffff) << 16 |
			      (base >> 24 & 0xff) << 56;
	t->gdt[SEL_TSS / 8 + 1] = base >> 32;

	__asm__ volatile("lgdt %0" : : "m"(ptr));
	load_segments();
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}
