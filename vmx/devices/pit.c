/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual 8254 (Intel 8254 data sheet): counts follow from the host clock;
 * a host timer exists only while channel 0 will raise an interrupt.
 */
#include "vmx/devices/pit.h"

#include "kernel/lib/lib.h"
#include "vmx/devices/devices_priv.h"

/* A faster tick than this would keep the host busy; ticks are merged. */
#define MIN_PERIOD_TICKS 60u /* 50 us */

/* PIT ticks since the host booted. */
static uint64_t pit_now(void)
{
	uint64_t ns = clock_ns();

	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

static uint64_t ticks_to_tsc(uint64_t ticks)
{
	/* Rounded up: the interrupt comes when the count is surely reached. */
	return ns_to_tsc(ticks / PIT_HZ * NS_PER_S +
			 (ticks % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static uint32_t from_bcd(uint32_t v)
{
	return (v & 0xf) + (v >> 4 & 0xf) * 10 + (v >> 8 & 0xf) * 100 +
	       (v >> 12 & 0xf) * 1000;
}

static uint32_t to_bcd(uint32_t v)
{
	return v % 10 | (v / 10 % 10) << 4 | (v / 100 % 10) << 8 |
	       (v / 1000 % 10) << 12;
}

static uint16_t count_now(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = now - c->start;
	uint64_t count;

	if (!c->counting)
		return 0;
	switch (c->mode) {
	case 2: count = c->reload - t % c->reload; break;
	/* Square wave: counts down by two, twice for each period. */
	case 3: count = c->reload - 2 * t % c->reload; break;
	default: count = c->reload - t; break; /* wraps and goes on */
	}
	if (c->bcd)
		return (uint16_t)to_bcd((uint32_t)(count % 10000));
	return (uint16_t)count;
}

static bool output_now(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = now - c->start;

	if (!c->counting)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1: return t >= c->reload;
	case 2: return t % c->reload != c->reload - 1;
	case 3: return t % c->reload < (c->reload + 1) / 2;
	default: return t != c->reload;
	}
}

/* ---- channel 0's interrupt ---- */

/* [lock] */
static void arm(struct pit *pit, uint64_t now)
{
	uint64_t wait = pit->next_irq > now ? pit->next_irq - now : 0;

	guest_timer_arm(&pit->timer, rdtsc() + ticks_to_tsc(wait));
}

/* [lock] */
static void fire(struct pit *pit, uint64_t now)
{
	struct pit_channel *c = &pit->ch[0];
	uint64_t period;

	irq_set_level(pit->vm, IRQ_TIMER, true);
	/* Mode 0 stays high until it is written again. */
	if (c->mode != 0)
		irq_set_level(pit->vm, IRQ_TIMER, false);
	if (!is_periodic(c)) {
		pit->next_irq = 0;
		return;
	}
	period = c->reload;
	while (period < MIN_PERIOD_TICKS)
		period += c->reload;
	/* Ticks that nobody could see are not made up for. */
	pit->next_irq += period;
	if (pit->next_irq <= now)
		pit->next_irq += ((now - pit->next_irq) / period + 1) * period;
	arm(pit, now);
}

/* Interrupt context. */
static void timer_fn(struct guest_timer *t)
{
	struct pit *pit = container_of(t, struct pit, timer);
	uint64_t flags = spin_lock_irqsave(&pit->lock);
	uint64_t now = pit_now();

	if (pit->next_irq && now >= pit->next_irq)
		fire(pit, now);
	else if (pit->next_irq)
		arm(pit, now);
	spin_unlock_irqrestore(&pit->lock, flags);
}

/* Channel 0 was programmed anew. [lock] */
static void channel0_restart(struct pit *pit, uint64_t now)
{
	struct pit_channel *c = &pit->ch[0];

	irq_set_level(pit->vm, IRQ_TIMER, false);
	pit->next_irq = 0;
	if (!c->counting || c->mode == 1 || c->mode == 5)
		return; /* those two need an edge on a gate that is wired high
			 */
	pit->next_irq = c->start + c->reload;
	arm(pit, now);
}

/* ---- registers ---- */

static void load(struct pit *pit, unsigned n, uint32_t val)
{
	struct pit_channel *c = &pit->ch[n];

	if (c->bcd)
		val = from_bcd(val);
	if (!val)
		val = c->bcd ? 10000 : 0x10000;
	c->reload = val;
	c->start = pit_now();
	c->counting = true;
	if (n == 0)
		channel0_restart(pit, c->start);
}

static void write_count(struct pit *pit, unsigned n, uint8_t val)
{
	struct pit_channel *c = &pit->ch[n];

	switch (c->access) {
	case 1: load(pit, n, val); break;
	case 2: load(pit, n, (uint32_t)val << 8); break;
	default:
		if (!c->write_high)
			c->write_low = val;
		else
			load(pit, n, (uint32_t)val << 8 | c->write_low);
		c->write_high = !c->write_high;
		break;
	}
}

static void latch_count(struct pit_channel *c, uint64_t now)
{
	if (c->is_latched)
		return;
	c->latch = count_now(c, now);
	c->is_latched = true;
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
	if (c->is_status_latched)
		return;
	c->status = (uint8_t)((output_now(c, now) ? 0x80 : 0) |
			      (c->counting ? 0 : 0x40) | c->access << 4 |
			      c->mode << 1 | c->bcd);
	c->is_status_latched = true;
}

static void read_back(struct pit *pit, uint8_t val)
{
	uint64_t now = pit_now();

	for (unsigned i = 0; i < 3; i++) {
		if (!(val & 2u << i))
			continue;
		if (!(val & 0x20))
			latch_count(&pit->ch[i], now);
		if (!(val & 0x10))
			latch_status(&pit->ch[i], now);
	}
}

static void write_control(struct pit *pit, uint8_t val)
{
	unsigned n = val >> 6;
	struct pit_channel *c;

	if (n == 3) {
		read_back(pit, val);
		return;
	}
	c = &pit->ch[n];
	if (!(val & 0x30)) {
		latch_count(c, pit_now());
		return;
	}
	c->access = val >> 4 & 3;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode &= 3; /* bit 2 is "don't care" for modes 2 and 3 */
	c->bcd = val & 1;
	c->counting = false;
	c->write_high = false;
	c->read_high = false;
	c->is_latched = false;
	c->is_status_latched = false;
	if (n == 0)
		channel0_restart(pit, 0);
}

static uint8_t read_count(struct pit_channel *c)
{
	uint16_t count;
	bool high;

	if (c->is_status_latched) {
		c->is_status_latched = false;
		return c->status;
	}
	count = c->is_latched ? c->latch : count_now(c, pit_now());
	high = c->access == 2 || (c->access == 3 && c->read_high);
	if (c->access == 3)
		c->read_high = !c->read_high;
	/* The latch is held until it was read whole. */
	if (c->access != 3 || high)
		c->is_latched = false;
	return (uint8_t)(high ? count >> 8 : count);
}

uint8_t pit_pio_read(struct vm_devices *d, uint16_t port)
{
	struct pit *pit = &d->pit;
	unsigned n = port & 3;
	uint64_t flags;
	uint8_t val;

	if (n == 3)
		return 0xff; /* the control register can't be read */
	flags = spin_lock_irqsave(&pit->lock);
	val = read_count(&pit->ch[n]);
	spin_unlock_irqrestore(&pit->lock, flags);
	return val;
}

void pit_pio_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	struct pit *pit = &d->pit;
	unsigned n = port & 3;
	uint64_t flags = spin_lock_irqsave(&pit->lock);
	bool idle;

	if (n == 3)
		write_control(pit, val);
	else
		write_count(pit, n, val);
	idle = !pit->next_irq && guest_timer_is_armed(&pit->timer);
	spin_unlock_irqrestore(&pit->lock, flags);
	if (idle)
		guest_timer_cancel(&pit->timer);
}

/* Bits: 0 gate of channel 2, 1 speaker, 4 refresh, 5 output of channel 2. */
uint8_t pit_port61_read(struct vm_devices *d, uint16_t port)
{
	struct pit *pit = &d->pit;
	uint64_t flags = spin_lock_irqsave(&pit->lock);
	uint64_t now = pit_now();
	unsigned val = pit->ch[2].gate | (unsigned)pit->speaker << 1;

	(void)port;
	/* Memory refresh toggles each 15 us: 18 ticks. */
	val |= (now / 18 & 1) << 4;
	val |= (unsigned)output_now(&pit->ch[2], now) << 5;
	spin_unlock_irqrestore(&pit->lock, flags);
	return (uint8_t)val;
}

void pit_port61_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	struct pit *pit = &d->pit;
	uint64_t flags = spin_lock_irqsave(&pit->lock);
	struct pit_channel *c = &pit->ch[2];
	bool gate = val & 1;

	(void)port;
	/* A rising gate starts modes 1, 2, 3 and 5 over. */
	if (gate && !c->gate && c->mode != 0 && c->mode != 4)
		c->start = pit_now();
	c->gate = gate;
	pit->speaker = val & 2;
	spin_unlock_irqrestore(&pit->lock, flags);
}

void pit_init(struct pit *pit, struct vm *vm)
{
	memset(pit, 0, sizeof(*pit));
	pit->vm = vm;
	spin_init(&pit->lock, LOCK_DEVICE_IRQ, "pit");
	guest_timer_init(&pit->timer, vm, timer_fn);
	pit_reset(pit);
}

void pit_reset(struct pit *pit)
{
	uint64_t flags = spin_lock_irqsave(&pit->lock);

	for (unsigned i = 0; i < 3; i++)
		pit->ch[i] = (struct pit_channel){
			.reload = 0x10000,
			.access = 3,
			.mode = 3,
			.gate = i != 2,
		};
	pit->speaker = false;
	pit->next_irq = 0;
	spin_unlock_irqrestore(&pit->lock, flags);
	guest_timer_cancel(&pit->timer);
}
