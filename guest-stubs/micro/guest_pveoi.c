/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's paravirtual EOI: does an interrupt end when its handler clears the bit,
 * and only then?
 */
#include "runtime.h"

const char guest_name[] = "pveoi";

#define MSR_APIC_BASE  0x1b
#define APIC_BASE_X2   (1u << 10)
#define X2_EOI	       0x80b
#define X2_SPURIOUS    0x80f
#define X2_ISR	       0x810
#define X2_LVT_TIMER   0x832
#define X2_TIMER_INIT  0x838
#define X2_TIMER_DIV   0x83e
#define X2_SELF_IPI    0x83f
#define SW_ENABLE      0x100
#define DIVIDE_BY_1    0xb
#define PERIODIC       (1u << 17)
#define PERIOD	       200000u
#define NR_PERIODS     60u
#define MSR_KVM_PV_EOI 0x4b564d04
#define KVM_F_PV_EOI   (1u << 6)
#define PV_EOI_ENABLE  1ul
#define HIGH	       0x80
#define LOW	       0x40
#define NR_TICKS       20u
#define F1_ECX_X2APIC  (1u << 21)

static uint32_t word __attribute__((aligned(4)));
static volatile unsigned nr_irqs, nr_free;
static unsigned order[2]; /* in which the vectors came */
static void (*in_handler)(void);

/* What Linux does; returns whether it took no exit. */
static bool end_interrupt(void)
{
	bool was_set;

	__asm__ volatile("lock btrl $0, %0"
			 : "+m"(word), "=@ccc"(was_set)
			 :
			 : "memory");
	if (!was_set)
		msr_write(X2_EOI, 0);
	return was_set;
}

static bool in_service(unsigned vector)
{
	return msr_read(X2_ISR + vector / 32) >> (vector % 32) & 1;
}

static void check_none_in_service(void)
{
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(msr_read(X2_ISR + i), 0);
}

static void on_irq(unsigned vector)
{
	if (nr_irqs < 2)
		order[nr_irqs] = vector;
	nr_irqs++;
	if (in_handler)
		in_handler();
	in_handler = NULL;
	nr_free += end_interrupt();
}

static void on_high(void)
{
	on_irq(HIGH);
}

static void on_low(void)
{
	on_irq(LOW);
}

/* One timer interrupt, whose handler also does fn. */
static void tick(void (*fn)(void))
{
	nr_irqs = 0;
	in_handler = fn;
	msr_write(X2_TIMER_INIT, 100000);
	while (!nr_irqs)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void look_at_isr(void)
{
	CHECK(in_service(HIGH));
	/* To look was an exit: the offer is gone, the interrupt is not. */
	CHECK_EQ(word, 0);
}

static void end_early(void)
{
	end_interrupt();
	check_none_in_service();
	/* The handler's own: there is nothing to end. */
}

static void switch_off(void)
{
	msr_write(MSR_KVM_PV_EOI, 0);
	CHECK_EQ(word, 0);
	CHECK(in_service(HIGH));
}

static void send_low(void)
{
	msr_write(X2_SELF_IPI, LOW);
}

static void set_msr(void *value)
{
	msr_write(MSR_KVM_PV_EOI, (uint64_t)value);
}

static void check_msr(void)
{
	uint64_t at = (uint64_t)&word;

	CHECK(cpuid_read(AEROSTAT_CPUID_KVM + 1, 0).eax & KVM_F_PV_EOI);
	CHECK_EQ(rt_try(set_msr, (void *)(at | 2)), 13);
	CHECK_EQ(rt_try(set_msr, (void *)(1ul << 50 | PV_EOI_ENABLE)), 13);
	CHECK_EQ(msr_read(MSR_KVM_PV_EOI), 0);
	set_msr((void *)(at | PV_EOI_ENABLE));
	CHECK_EQ(msr_read(MSR_KVM_PV_EOI), at | PV_EOI_ENABLE);
}

/* Most of them: an exit in between for the host's sake is no fault. */
static void check_free_ends(void)
{
	nr_free = 0;
	for (unsigned i = 0; i < NR_TICKS; i++)
		tick(NULL);
	CHECK(nr_free >= NR_TICKS / 2);
	check_none_in_service();
}

/*
 * The next period begins when the last interrupt is taken. Without an exit at
 * its end, nothing but the timer itself ends this stay.
 */
static void check_periods_without_exits(void)
{
	uint64_t begin = ticks_now();

	nr_irqs = 0;
	msr_write(X2_LVT_TIMER, HIGH | PERIODIC);
	msr_write(X2_TIMER_INIT, PERIOD);
	__asm__ volatile("sti");
	while (nr_irqs < NR_PERIODS)
		__asm__ volatile("pause" ::: "memory");
	__asm__ volatile("cli");
	CHECK(ticks_now() - begin < NR_PERIODS * PERIOD * 3ul / 2);
	msr_write(X2_TIMER_INIT, 0);
	msr_write(X2_LVT_TIMER, HIGH);
}

static void check_exits_in_handlers(void)
{
	tick(look_at_isr);
	check_none_in_service();
	tick(end_early);
	check_none_in_service();
	/* A lower one that waits comes as soon as the higher one ends. */
	tick(send_low);
	while (nr_irqs < 2)
		__asm__ volatile("sti; nop; cli" ::: "memory");
	CHECK_EQ(order[0], HIGH);
	CHECK_EQ(order[1], LOW);
	check_none_in_service();
	tick(switch_off);
	check_none_in_service();
	nr_free = 0;
	tick(NULL);
	CHECK_EQ(nr_free, 0);
	check_none_in_service();
}

void guest_main(void)
{
	rt_on_irq[HIGH] = on_high;
	rt_on_irq[LOW] = on_low;
	/* The 8259s' vectors are not ours. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	if (!CHECK(cpuid_read(1, 0).ecx & F1_ECX_X2APIC))
		return;
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2);
	msr_write(X2_SPURIOUS, SW_ENABLE | 0xff);
	msr_write(X2_TIMER_DIV, DIVIDE_BY_1);
	msr_write(X2_LVT_TIMER, HIGH);
	check_msr();
	check_free_ends();
	check_periods_without_exits();
	check_exits_in_handlers();
}
