/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual 8259A pair (Intel 8259A data sheet) with the edge/level registers of
 * PC chipsets at 0x4d0. Input 2 of the master is the slave's output.
 *
 * Invariant: after each change pic->intr equals "the master has a request
 * above what it serves", and the local APICs know it.
 */
#include "vmx/devices/pic.h"

#include "kernel/lib/lib.h"
#include "vmx/devices/devices_priv.h"

#define MASTER	0
#define SLAVE	1
#define CASCADE 2

#define ICW1_INIT      0x10u
#define ICW1_NEED_ICW4 0x01u
#define OCW3	       0x08u

void pic_reset(struct pic *pic)
{
	memset(pic, 0, sizeof(*pic));
	/* Nothing gets through before a guest sets the vectors (ICW1 clears
	 * the masks), as after a PC's firmware. */
	for (unsigned i = 0; i < 2; i++) {
		pic->chip[i].lowest = 7;
		pic->chip[i].imr = 0xff;
	}
	/* Timer, keyboard, cascade; RTC and FPU error are always edges. */
	pic->chip[MASTER].elcr_mask = 0xf8;
	pic->chip[SLAVE].elcr_mask = 0xde;
}

/* Rank (0 = highest) of the first input in mask; 8: none. */
static unsigned rank_of(const struct pic_chip *c, uint8_t mask)
{
	unsigned rank = 0;

	if (!mask)
		return 8;
	while (!(mask & 1u << ((rank + c->lowest + 1) & 7)))
		rank++;
	return rank;
}

static unsigned input_at(const struct pic_chip *c, unsigned rank)
{
	return (rank + c->lowest + 1) & 7;
}

/* The input that asks for service, -1: none. */
static int requested(const struct pic_chip *c, bool is_master)
{
	unsigned rank = rank_of(c, c->irr & (uint8_t)~c->imr);
	uint8_t serving = c->isr;

	if (c->special_mask)
		serving &= (uint8_t)~c->imr;
	/* Special fully nested: the slave may interrupt its own service. */
	if (is_master && c->special_nested)
		serving &= (uint8_t)~BIT(CASCADE);
	if (rank < rank_of(c, serving))
		return (int)input_at(c, rank);
	return -1;
}

static void chip_set_input(struct pic_chip *c, unsigned input, bool high)
{
	uint8_t bit = (uint8_t)BIT(input);
	bool was_high = c->lines & bit;

	if (high)
		c->lines |= bit;
	else
		c->lines &= (uint8_t)~bit;
	if (c->elcr & bit) {
		c->irr = (uint8_t)((c->irr & ~bit) | (high ? bit : 0));
		return;
	}
	if (high && !was_high)
		c->irr |= bit;
}

static void update(struct vm *vm, struct pic *pic)
{
	struct pic_chip *m = &pic->chip[MASTER];
	bool slave_asks = requested(&pic->chip[SLAVE], false) >= 0;
	bool intr;

	/* The cascade follows the slave's output like a level. */
	if (slave_asks)
		m->irr |= BIT(CASCADE);
	else
		m->irr &= (uint8_t)~BIT(CASCADE);
	intr = requested(m, true) >= 0;
	if (intr == pic->intr)
		return;
	pic->intr = intr;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = READ_ONCE(vm->vcpus[i]);

		if (v && vcpu_lapic(v))
			lapic_set_intr(vcpu_lapic(v), intr);
	}
}

void pic_set_irq_locked(struct vm *vm, struct pic *pic, unsigned irq, bool high)
{
	if (irq == CASCADE)
		return;
	chip_set_input(&pic->chip[irq / 8], irq % 8, high);
	update(vm, pic);
}

static void acknowledge(struct pic_chip *c, unsigned input)
{
	uint8_t bit = (uint8_t)BIT(input);

	if (!(c->elcr & bit))
		c->irr &= (uint8_t)~bit;
	if (!c->auto_eoi) {
		c->isr |= bit;
		return;
	}
	if (c->rotate_on_auto_eoi)
		c->lowest = (uint8_t)input;
}

/* The request at the output, as an IRQ 0..15; -1: none. */
static int highest_request(const struct pic *pic)
{
	int in = requested(&pic->chip[MASTER], true);

	if (in != CASCADE)
		return in;
	in = requested(&pic->chip[SLAVE], false);
	return in < 0 ? -1 : in + 8;
}

static int vector_of(const struct pic *pic, int irq)
{
	return pic->chip[irq / 8].base + irq % 8;
}

int pic_pending_vector(struct vm *vm)
{
	struct irqchip *chip = &vm->dev->irqchip;
	uint64_t flags = spin_lock_irqsave(&chip->lock);
	int irq = highest_request(&chip->pic);
	int vector = irq < 0 ? -1 : vector_of(&chip->pic, irq);

	spin_unlock_irqrestore(&chip->lock, flags);
	return vector;
}

bool pic_accept(struct vm *vm, int vector)
{
	struct irqchip *chip = &vm->dev->irqchip;
	struct pic *pic = &chip->pic;
	uint64_t flags = spin_lock_irqsave(&chip->lock);
	int irq = highest_request(pic);
	bool ok = irq >= 0 && vector_of(pic, irq) == vector;

	if (ok) {
		if (irq >= 8) {
			acknowledge(&pic->chip[SLAVE], (unsigned)irq - 8);
			acknowledge(&pic->chip[MASTER], CASCADE);
		} else {
			acknowledge(&pic->chip[MASTER], (unsigned)irq);
		}
		update(vm, pic);
	}
	spin_unlock_irqrestore(&chip->lock, flags);
	return ok;
}

/* ---- registers ---- */

static void write_icw1(struct pic_chip *c, uint8_t val)
{
	c->irr = 0;
	c->isr = 0;
	c->imr = 0;
	c->lowest = 7;
	c->auto_eoi = false;
	c->rotate_on_auto_eoi = false;
	c->special_mask = false;
	c->special_nested = false;
	c->reads_isr = false;
	c->poll = false;
	c->needs_icw4 = val & ICW1_NEED_ICW4;
	c->next_icw = 2;
	/* Level inputs that are high ask again at once. */
	c->irr = c->lines & c->elcr;
}

/* OCW2: EOI and rotation. Bits 7:5 are R, SL, EOI. */
static void write_ocw2(struct pic_chip *c, uint8_t val)
{
	unsigned input = val & 7;
	unsigned cmd = val >> 5;
	bool rotate = cmd & 4, specific = cmd & 2, eoi = cmd & 1;

	if (!eoi) {
		if (!specific)
			c->rotate_on_auto_eoi = rotate;
		else if (rotate)
			c->lowest = (uint8_t)input;
		return;
	}
	if (!specific) {
		unsigned rank = rank_of(c, c->isr);

		if (rank == 8)
			return;
		input = input_at(c, rank);
	}
	c->isr &= (uint8_t)~BIT(input);
	if (rotate)
		c->lowest = (uint8_t)input;
}

static void write_ocw3(struct pic_chip *c, uint8_t val)
{
	if (val & 0x40)
		c->special_mask = val & 0x20;
	if (val & 0x04)
		c->poll = true;
	else if (val & 0x02)
		c->reads_isr = val & 0x01;
}

static void write_data(struct pic_chip *c, uint8_t val)
{
	switch (c->next_icw) {
	case 2:
		c->base = val & 0xf8;
		c->next_icw = 3;
		return;
	case 3: /* the cascade is wired as on every PC */
		c->next_icw = c->needs_icw4 ? 4 : 0;
		return;
	case 4:
		c->auto_eoi = val & 0x02;
		c->special_nested = val & 0x10;
		c->next_icw = 0;
		return;
	default: c->imr = val; return;
	}
}

static void write_elcr(struct pic_chip *c, uint8_t val)
{
	c->elcr = val & c->elcr_mask;
	/* A line that is high asks from now on as a level. */
	c->irr |= c->lines & c->elcr;
}

/* Poll command: the read acknowledges what it reports. */
static uint8_t poll_read(struct pic_chip *c, bool is_master)
{
	int input = requested(c, is_master);

	c->poll = false;
	if (input < 0)
		return 0;
	acknowledge(c, (unsigned)input);
	return (uint8_t)(0x80 | input);
}

/* Only a poll changes anything. */
static uint8_t read_locked(struct vm *vm, struct pic *pic, uint16_t port)
{
	struct pic_chip *c;

	if (port >= 0x4d0)
		return pic->chip[port & 1].elcr;
	c = &pic->chip[port >= 0xa0];
	if (unlikely(c->poll)) {
		uint8_t val = poll_read(c, port < 0xa0);

		update(vm, pic);
		return val;
	}
	if (port & 1)
		return c->imr;
	return c->reads_isr ? c->isr : c->irr;
}

uint8_t pic_pio_read(struct vm_devices *d, uint16_t port)
{
	uint64_t flags = spin_lock_irqsave(&d->irqchip.lock);
	uint8_t val = read_locked(d->vm, &d->irqchip.pic, port);

	spin_unlock_irqrestore(&d->irqchip.lock, flags);
	return val;
}

void pic_pio_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	struct pic *pic = &d->irqchip.pic;
	uint64_t flags = spin_lock_irqsave(&d->irqchip.lock);
	struct pic_chip *c = &pic->chip[port >= 0xa0];

	if (port >= 0x4d0)
		write_elcr(&pic->chip[port & 1], val);
	else if (port & 1)
		write_data(c, val);
	else if (val & ICW1_INIT)
		write_icw1(c, val);
	else if (val & OCW3)
		write_ocw3(c, val);
	else
		write_ocw2(c, val);
	update(d->vm, pic);
	spin_unlock_irqrestore(&d->irqchip.lock, flags);
}
