/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt messages: who is addressed, and what the addressed APIC does with
 * it (SDM Vol. 3A, "Issuing Interprocessor Interrupts", "Determining IPI
 * Destination", "Message Signalled Interrupts").
 *
 * Invariant: a message changes only atomic state of its target, so it may
 * come from any CPU and any context.
 */
#include "vmx/devices/lapic_priv.h"

enum shorthand { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

static bool matches_physical(const struct lapic *l, uint32_t dest)
{
	if (dest == APIC_DEST_ALL)
		return true;
	if (lapic_is_x2apic(l))
		return dest == l->id;
	return dest == READ_ONCE(l->xapic_id);
}

/* SDM, "Logical Destination Mode"; x2APIC: "Logical Destination Mode in
 * x2APIC Mode". */
static bool matches_logical(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = READ_ONCE(l->ldr);

	if (lapic_is_x2apic(l)) {
		if (dest == APIC_DEST_ALL)
			return true;
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	}
	ldr >>= 24;
	if (READ_ONCE(l->dfr) >> 28 == 0xf)
		return dest & ldr & 0xff;
	if ((dest & 0xff) == 0xff)
		return true;
	return (dest >> 4 & 0xf) == ldr >> 4 && (dest & ldr & 0xf);
}

static bool matches(const struct lapic *l, const struct apic_msg *m)
{
	if (!lapic_is_enabled(l))
		return false;
	return m->logical ? matches_logical(l, m->dest)
			  : matches_physical(l, m->dest);
}

static void receive_fixed(struct lapic *l, const struct apic_msg *m,
			  const struct lapic *self)
{
	if (m->vector < APIC_FIRST_VECTOR) {
		lapic_error(l, APIC_ESR_RECV_ILLEGAL);
		return;
	}
	if (!lapic_takes_fixed(l))
		return;
	lapic_set_irr(l, m->vector, m->level);
	if (l == self)
		vcpu_request_self(l->vcpu, VCPU_REQ_EVENT);
	else
		vcpu_request(l->vcpu, VCPU_REQ_EVENT);
}

/* `self`: the APIC of the vCPU on whose thread this runs, or NULL. */
static void receive(struct lapic *l, const struct apic_msg *m,
		    const struct lapic *self)
{
	switch (m->mode) {
	case APIC_DM_FIXED:
	case APIC_DM_LOWEST: receive_fixed(l, m, self); break;
	case APIC_DM_NMI: lapic_nmi(l); break;
	case APIC_DM_INIT:
		if (!m->deasserted)
			vcpu_request(l->vcpu, VCPU_REQ_INIT);
		break;
	case APIC_DM_SIPI: vcpu_sipi(l->vcpu, m->vector); break;
	default: /* SMI, ExtINT, reserved: there is nobody to take them */
		break;
	}
}

static struct lapic *lapic_of(struct vm *vm, uint32_t i)
{
	struct vcpu *v = READ_ONCE(vm->vcpus[i]);

	return v ? vcpu_lapic(v) : NULL;
}

/* SDM, "Lowest Priority Delivery Mode": the lowest processor priority; ties
 * go to whoever follows the vector's own start, which spreads vectors. */
static struct lapic *lowest_priority(struct vm *vm, const struct apic_msg *m)
{
	struct lapic *best = NULL;

	for (uint32_t n = 0; n < vm->nr_vcpus; n++) {
		struct lapic *l = lapic_of(vm, (n + m->vector) % vm->nr_vcpus);

		if (!l || !matches(l, m) || !lapic_takes_fixed(l))
			continue;
		if (!best || READ_ONCE(l->ppr) < READ_ONCE(best->ppr))
			best = l;
	}
	return best;
}

static void send(struct vm *vm, const struct apic_msg *m,
		 const struct lapic *self)
{
	if (m->mode == APIC_DM_LOWEST) {
		struct lapic *l = lowest_priority(vm, m);

		if (l)
			receive(l, m, self);
		return;
	}
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		struct lapic *l = lapic_of(vm, i);

		if (l && matches(l, m))
			receive(l, m, self);
	}
}

static void send_shorthand(struct lapic *from, const struct apic_msg *m,
			   enum shorthand to)
{
	struct vm *vm = from->vm;

	if (to == SHORT_SELF) {
		/* Only fixed interrupts can be sent to oneself this way. */
		if (m->mode == APIC_DM_FIXED)
			receive(from, m, from);
		return;
	}
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		struct lapic *l = lapic_of(vm, i);

		if (!l || !lapic_is_enabled(l))
			continue;
		if (l != from || to == SHORT_ALL)
			receive(l, m, from);
	}
}

void lapic_send_icr(struct lapic *l)
{
	uint32_t icr = l->icr_low;
	enum shorthand to = (enum shorthand)APIC_ICR_SHORTHAND(icr);
	struct apic_msg m = {
		.vector = (uint8_t)icr,
		.mode = icr >> 8 & 7,
		.logical = icr & APIC_ICR_LOGICAL,
		.deasserted =
			(icr & APIC_ICR_LEVEL) && !(icr & APIC_ICR_ASSERT),
	};

	/* The trigger mode of other IPIs is ignored: they are edges. */
	if (m.mode <= APIC_DM_LOWEST && m.vector < APIC_FIRST_VECTOR) {
		lapic_error(l, APIC_ESR_SEND_ILLEGAL);
		return;
	}
	if (to != SHORT_NONE) {
		send_shorthand(l, &m, to);
		return;
	}
	if (lapic_is_x2apic(l)) {
		m.dest = l->icr_high;
	} else {
		m.dest = l->icr_high >> 24;
		if (m.dest == 0xff && !m.logical)
			m.dest = APIC_DEST_ALL;
	}
	send(l->vm, &m, l);
}

void lapic_self_ipi(struct lapic *l, uint32_t vector)
{
	if (vector < APIC_FIRST_VECTOR) {
		lapic_error(l, APIC_ESR_SEND_ILLEGAL);
		return;
	}
	if (!lapic_takes_fixed(l))
		return;
	lapic_set_irr(l, (uint8_t)vector, false);
	vcpu_request_self(l->vcpu, VCPU_REQ_EVENT);
}

/*
 * SDM, "Message Address Register Format": bits 19:12 destination, bit 3
 * redirection hint, bit 2 destination mode.
 */
void lapic_deliver_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	uint32_t dest = (uint32_t)(address >> 12) & 0xff;
	struct apic_msg m = {
		.vector = (uint8_t)data,
		.mode = data >> 8 & 7,
		.logical = address >> 2 & 1,
		.level = data >> 15 & 1,
	};

	m.dest = dest == 0xff && !m.logical ? APIC_DEST_ALL : dest;
	/* Not everything a device writes is for an APIC. */
	if (address >> 20 != APIC_DEFAULT_PAGE >> 20)
		return;
	if (m.mode == APIC_DM_SIPI)
		return;
	send(vm, &m, NULL);
}
