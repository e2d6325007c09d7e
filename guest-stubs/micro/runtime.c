/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runtime of the micro guests; contract in runtime.h. */
#include "runtime.h"

#include <stdarg.h>

#define COM1	     0x3f8
#define LSR_THRE     0x20
#define DEBUG_EXIT   0xf4
#define MB_MAGIC     0x2badb002u
#define NR_VECTORS   256
#define KERNEL_CS    0x08
#define KERNEL_DS    0x10
#define GATE_DPL3    0x60
#define GATE_PRESENT 0x8e
#define VECTOR_RET   0x80 /* `int 0x80` ends rt_ring3() */
#define GDT_TSS	     5

struct idt_gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
} __attribute__((packed));

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device;
	uint32_t cmdline, mods_count, mods_addr;
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

extern uint32_t rt_boot_magic, rt_boot_info;
extern uint64_t rt_gdt[], rt_stubs[NR_VECTORS];
#define RFLAGS_TF 0x100ul

extern uint64_t rt_try_rsp, rt_ring3_rsp;
extern char rt_image_end[], rt_try_resume[], rt_ring3_resume[];
extern char rt_trap_stack_top[];
void rt_load_tss(void);
void rt_trap(struct rt_frame *f);
__attribute__((noreturn)) void rt_main(void);

struct rt_fault rt_fault;
void (*rt_on_irq[NR_VECTORS])(void);

static struct idt_gate idt[NR_VECTORS];
static struct tss tss;
static const char *first_failure;

/* ---- output ---- */

void rt_putc(char c)
{
	while (!(in8(COM1 + 5) & LSR_THRE))
		__asm__ volatile("pause");
	out8(COM1, (uint8_t)c);
}

static void put_text(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			rt_putc('\r');
		rt_putc(*s);
	}
}

static void put_number(uint64_t v, unsigned base, int width, char pad)
{
	char buf[24];
	int n = 0;

	do
		buf[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (width-- > n)
		rt_putc(pad);
	while (n)
		rt_putc(buf[--n]);
}

static void put_signed(int64_t v, int width, char pad)
{
	uint64_t magnitude = (uint64_t)v;

	if (v < 0) {
		rt_putc('-');
		magnitude = 0 - magnitude;
	}
	put_number(magnitude, 10, width, pad);
}

void rt_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		char pad = ' ';
		int width = 0, longs = 0;

		if (*fmt != '%') {
			const char one[2] = { *fmt, 0 };

			put_text(one);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			longs++;
		switch (*fmt) {
		case 's': put_text(va_arg(ap, const char *)); break;
		case 'c': rt_putc((char)va_arg(ap, int)); break;
		case 'd':
			put_signed(longs ? va_arg(ap, long) : va_arg(ap, int),
				   width, pad);
			break;
		case 'u':
		case 'x':
			put_number(longs ? va_arg(ap, unsigned long)
					 : va_arg(ap, unsigned),
				   *fmt == 'x' ? 16 : 10, width, pad);
			break;
		default: rt_putc(*fmt); break;
		}
	}
	va_end(ap);
}

/* ---- verdict ---- */

bool rt_check(bool ok, const char *what)
{
	if (ok)
		return true;
	rt_printf("check failed: %s\n", what);
	if (!first_failure)
		first_failure = what;
	return false;
}

bool rt_check_eq(uint64_t got, uint64_t want, const char *what)
{
	if (got == want)
		return true;
	rt_printf("%s: got 0x%lx, want 0x%lx\n", what, got, want);
	return rt_check(false, what);
}

void rt_exit(uint32_t value)
{
	out32(DEBUG_EXIT, value);
	/* No such port here: nothing more to do, for good. */
	for (;;)
		__asm__ volatile("cli; hlt");
}

void rt_finish(void)
{
	if (first_failure)
		rt_printf("not ok %s: %s\n", guest_name, first_failure);
	else
		rt_printf("ok %s\n", guest_name);
	rt_exit(first_failure ? 1 : 0);
}

/* ---- what the loader said ---- */

static const struct mb_info *boot_info(void)
{
	return (const struct mb_info *)(uintptr_t)rt_boot_info;
}

uint64_t rt_ram_end(void)
{
	return MIB + boot_info()->mem_upper * 1024ull;
}

uint64_t rt_free_start(void)
{
	const struct mb_info *info = boot_info();
	const struct mb_module *m =
		(const struct mb_module *)(uintptr_t)info->mods_addr;
	uint64_t end = (uint64_t)rt_image_end;

	for (uint32_t i = 0; i < info->mods_count; i++)
		end = m[i].end > end ? m[i].end : end;
	return (end + 2 * MIB - 1) & ~(2 * MIB - 1);
}

const char *rt_cmdline(void)
{
	return (const char *)(uintptr_t)boot_info()->cmdline;
}

/* The text behind "key=" if s starts with it. */
static const char *option_value(const char *s, const char *key)
{
	while (*key && *s == *key)
		s++, key++;
	return !*key && *s == '=' ? s + 1 : NULL;
}

uint64_t rt_option(const char *key, uint64_t dflt)
{
	uint64_t v = 0;

	for (const char *s = rt_cmdline(); *s; s++) {
		const char *value = option_value(s, key);

		if (!value || (s != rt_cmdline() && s[-1] != ' '))
			continue;
		for (; *value >= '0' && *value <= '9'; value++)
			v = v * 10 + (uint64_t)(*value - '0');
		return v;
	}
	return dflt;
}

/* ---- traps ---- */

static void gate_set(unsigned v)
{
	uint64_t at = rt_stubs[v];

	idt[v] = (struct idt_gate){
		.offset_low = (uint16_t)at,
		.selector = KERNEL_CS,
		.type = GATE_PRESENT | (v == VECTOR_RET ? GATE_DPL3 : 0),
		.offset_mid = (uint16_t)(at >> 16),
		.offset_high = (uint32_t)(at >> 32),
	};
}

static void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" ::"m"(pointer));
}

static void traps_init(void)
{
	uint64_t base = (uint64_t)&tss;

	for (unsigned v = 0; v < NR_VECTORS; v++)
		gate_set(v);
	load_idt();
	tss.rsp[0] = (uint64_t)rt_trap_stack_top;
	tss.iomap = sizeof(tss);
	rt_gdt[GDT_TSS] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
			  0x89ull << 40 | (base >> 24 & 0xff) << 56;
	rt_gdt[GDT_TSS + 1] = base >> 32;
	rt_load_tss();
}

/* Goes on at `rip` with `rsp` in ring 0 when the trap returns. */
static void resume_at(struct rt_frame *f, const char *rip, uint64_t rsp)
{
	f->rip = (uint64_t)rip;
	f->rsp = rsp;
	f->cs = KERNEL_CS;
	f->ss = KERNEL_DS;
	f->rflags &= ~RFLAGS_TF;
}

void rt_trap(struct rt_frame *f)
{
	if (f->vector == VECTOR_RET && rt_ring3_rsp) {
		resume_at(f, rt_ring3_resume, rt_ring3_rsp);
		rt_ring3_rsp = 0;
		return;
	}
	if (f->vector >= 32) {
		if (rt_on_irq[f->vector])
			rt_on_irq[f->vector]();
		return;
	}
	rt_fault.vector = (uint32_t)f->vector;
	rt_fault.error = f->error;
	rt_fault.rip = f->rip;
	__asm__ volatile("mov %%cr2, %0" : "=r"(rt_fault.cr2));
	if (rt_try_rsp) {
		resume_at(f, rt_try_resume, rt_try_rsp);
		return;
	}
	rt_printf("exception %lu error 0x%lx rip 0x%lx cr2 0x%lx\n", f->vector,
		  f->error, f->rip, rt_fault.cr2);
	rt_check(false, "unexpected exception");
	rt_finish();
}

/* ---- other CPUs ---- */

#define AP_PAGE		   0x90000ul /* below 1 MiB, nothing else is there */
#define MSR_APIC_BASE	   0x1b
#define MSR_X2APIC_ICR	   0x830
#define APIC_BASE_X2APIC   0xc00 /* and enabled */
#define ICR_INIT_OTHERS	   0xc4500
#define ICR_STARTUP_OTHERS 0xc4600

extern const char rt_ap_code[], rt_ap_code_end[];
extern volatile uint32_t rt_ap_count;
__attribute__((noreturn)) void rt_ap_main(unsigned index);

static void (*ap_fn)(unsigned cpu);

void rt_ap_main(unsigned index)
{
	load_idt();
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	ap_fn(index + 1);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void rt_start_cpus(unsigned nr, void (*fn)(unsigned cpu))
{
	char *page = (char *)AP_PAGE;

	if (!CHECK(nr <= RT_MAX_CPUS))
		rt_finish();
	for (const char *c = rt_ap_code; c < rt_ap_code_end; c++)
		*page++ = *c;
	ap_fn = fn;
	rt_ap_count = 0;
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	msr_write(MSR_X2APIC_ICR, ICR_INIT_OTHERS);
	msr_write(MSR_X2APIC_ICR, ICR_STARTUP_OTHERS | AP_PAGE >> 12);
	while (rt_ap_count < nr - 1)
		rt_pause();
}

void rt_main(void)
{
	traps_init();
	CHECK_EQ(rt_boot_magic, MB_MAGIC);
	guest_main();
	rt_finish();
}
