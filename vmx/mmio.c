/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulation of guest accesses to device memory: what the decoded instruction
 * does, with the device in the place of its memory operand.
 *
 * An access reaches the device exactly once for each time that the processor
 * would have made it: reading has side effects.
 */
#include "vmx/mmio.h"

#include "kernel/lib/errno.h"
#include "kernel/sync/log.h"
#include "vmx/devices/devices.h"
#include "vmx/vcpu.h"

#define FLAG_CF	  0x001ull
#define FLAG_PF	  0x004ull
#define FLAG_AF	  0x010ull
#define FLAG_ZF	  0x040ull
#define FLAG_SF	  0x080ull
#define FLAG_DF	  0x400ull
#define FLAG_OF	  0x800ull
#define FLAGS_ALU (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* Elements of a REP that are done without going back to the guest. */
#define REP_BATCH 64u

static uint64_t mask_of(unsigned nbytes)
{
	return nbytes == 8 ? ~0ull : BIT(nbytes * 8) - 1;
}

static uint64_t sign_of(unsigned nbytes)
{
	return BIT(nbytes * 8 - 1);
}

/* ---- the device ---- */

static void log_nobody(struct vcpu *v, gpa_t at, const char *what,
		       unsigned nbytes)
{
	struct vm *vm = vcpu_vm(v);

	log_guest(&vm->log, LOG_WARN, "mmio",
		  "vm=%s gpa=%#llx %s nbytes=%u: no device", vm->cfg->name,
		  (unsigned long long)at.raw, what, nbytes);
}

static uint64_t device_read(struct vcpu *v, gpa_t at, unsigned nbytes)
{
	uint64_t val;

	if (!devices_mmio_read(v, at, nbytes, &val))
		log_nobody(v, at, "read", nbytes);
	return val;
}

static void device_write(struct vcpu *v, gpa_t at, unsigned nbytes,
			 uint64_t val)
{
	if (!devices_mmio_write(v, at, nbytes, val & mask_of(nbytes)))
		log_nobody(v, at, "write", nbytes);
}

/* ---- registers ---- */

static uint64_t reg_get(struct vcpu *v, const struct insn *i)
{
	uint64_t val = vcpu_get_reg(v, (enum reg)i->reg);

	if (i->high_byte)
		val >>= 8;
	return val & mask_of(i->reg_nbytes);
}

/* 32-bit results clear the upper half; smaller ones leave the rest alone. */
static void reg_put(struct vcpu *v, enum reg reg, unsigned nbytes,
		    bool high_byte, uint64_t val)
{
	unsigned shift = high_byte ? 8 : 0;
	uint64_t mask = mask_of(nbytes) << shift;

	if (nbytes < 4)
		val = (vcpu_get_reg(v, reg) & ~mask) | (val << shift & mask);
	else
		val &= mask;
	vcpu_set_reg(v, reg, val);
}

static void reg_set(struct vcpu *v, const struct insn *i, uint64_t val)
{
	reg_put(v, (enum reg)i->reg, i->reg_nbytes, i->high_byte, val);
}

static uint64_t source(struct vcpu *v, const struct insn *i)
{
	return i->has_imm ? i->imm & mask_of(i->mem_nbytes) : reg_get(v, i);
}

/* ---- arithmetic ---- */

static uint64_t flags_of_result(uint64_t r, unsigned nbytes)
{
	uint64_t f = 0;

	if (!(r & mask_of(nbytes)))
		f |= FLAG_ZF;
	if (r & sign_of(nbytes))
		f |= FLAG_SF;
	if (!(__builtin_popcount((unsigned)r & 0xff) & 1))
		f |= FLAG_PF;
	return f;
}

/* a + b + carry; a and b are already masked. */
static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned nbytes,
		    uint64_t *flags)
{
	uint64_t r = (a + b + carry) & mask_of(nbytes);
	uint64_t f = flags_of_result(r, nbytes);

	if (r < a || (carry && r == a))
		f |= FLAG_CF;
	if ((a ^ b ^ r) & 0x10)
		f |= FLAG_AF;
	if (~(a ^ b) & (a ^ r) & sign_of(nbytes))
		f |= FLAG_OF;
	*flags = f;
	return r;
}

static uint64_t sub(uint64_t a, uint64_t b, uint64_t borrow, unsigned nbytes,
		    uint64_t *flags)
{
	uint64_t r = (a - b - borrow) & mask_of(nbytes);
	uint64_t f = flags_of_result(r, nbytes);

	if (a < b || (borrow && a == b))
		f |= FLAG_CF;
	if ((a ^ b ^ r) & 0x10)
		f |= FLAG_AF;
	if ((a ^ b) & (a ^ r) & sign_of(nbytes))
		f |= FLAG_OF;
	*flags = f;
	return r;
}

static void set_flags(uint64_t *rflags, uint64_t which, uint64_t flags)
{
	*rflags = (*rflags & ~which) | (flags & which);
}

static uint64_t alu(enum insn_alu op, uint64_t a, uint64_t b, unsigned nbytes,
		    uint64_t *rflags)
{
	uint64_t carry = *rflags & FLAG_CF ? 1 : 0;
	uint64_t r, f;

	switch (op) {
	case ALU_ADD: r = add(a, b, 0, nbytes, &f); break;
	case ALU_ADC: r = add(a, b, carry, nbytes, &f); break;
	case ALU_SBB: r = sub(a, b, carry, nbytes, &f); break;
	case ALU_SUB:
	case ALU_CMP: r = sub(a, b, 0, nbytes, &f); break;
	case ALU_OR:
		r = a | b;
		f = flags_of_result(r, nbytes);
		break;
	case ALU_AND:
		r = a & b;
		f = flags_of_result(r, nbytes);
		break;
	default:
		r = a ^ b;
		f = flags_of_result(r, nbytes);
		break;
	}
	set_flags(rflags, FLAGS_ALU, f);
	return r;
}

/* ---- one instruction ---- */

static void do_alu(struct vcpu *v, struct mmio_access *a, const struct insn *i)
{
	enum insn_alu op = (enum insn_alu)i->sub;
	unsigned n = i->mem_nbytes;
	uint64_t mem = device_read(v, a->gpa, n);
	uint64_t src = source(v, i);
	bool to_reg = i->op == INSN_ALU_REG;
	uint64_t r;

	r = to_reg ? alu(op, src, mem, n, &a->rflags)
		   : alu(op, mem, src, n, &a->rflags);
	if (op == ALU_CMP)
		return;
	if (to_reg)
		reg_set(v, i, r);
	else
		device_write(v, a->gpa, n, r);
}

static void do_unary(struct vcpu *v, struct mmio_access *a,
		     const struct insn *i)
{
	unsigned n = i->mem_nbytes;
	uint64_t mem = device_read(v, a->gpa, n);
	uint64_t f, r;

	switch (i->op) {
	case INSN_INC:
		r = add(mem, 1, 0, n, &f);
		set_flags(&a->rflags, FLAGS_ALU & ~FLAG_CF, f);
		break;
	case INSN_DEC:
		r = sub(mem, 1, 0, n, &f);
		set_flags(&a->rflags, FLAGS_ALU & ~FLAG_CF, f);
		break;
	case INSN_NEG:
		r = sub(0, mem, 0, n, &f);
		set_flags(&a->rflags, FLAGS_ALU, f);
		break;
	default: r = ~mem; break;
	}
	device_write(v, a->gpa, n, r);
}

static void do_exchange(struct vcpu *v, struct mmio_access *a,
			const struct insn *i)
{
	unsigned n = i->mem_nbytes;
	uint64_t mem = device_read(v, a->gpa, n);
	uint64_t src = reg_get(v, i);

	if (i->op == INSN_XADD)
		device_write(v, a->gpa, n,
			     alu(ALU_ADD, mem, src, n, &a->rflags));
	else
		device_write(v, a->gpa, n, src);
	reg_set(v, i, mem);
}

static void do_cmpxchg(struct vcpu *v, struct mmio_access *a,
		       const struct insn *i)
{
	unsigned n = i->mem_nbytes;
	uint64_t mem = device_read(v, a->gpa, n);
	uint64_t acc = vcpu_get_reg(v, REG_RAX) & mask_of(n);

	(void)alu(ALU_CMP, acc, mem, n, &a->rflags);
	/* The processor writes in both cases (SDM, "CMPXCHG"). */
	device_write(v, a->gpa, n, acc == mem ? reg_get(v, i) : mem);
	if (acc != mem)
		reg_put(v, REG_RAX, n, false, mem);
}

static void do_bit(struct vcpu *v, struct mmio_access *a, const struct insn *i)
{
	unsigned n = i->mem_nbytes;
	uint64_t mem = device_read(v, a->gpa, n);
	/* The processor has added the whole words to the address already. */
	uint64_t bit = BIT(source(v, i) & (n * 8 - 1));

	set_flags(&a->rflags, FLAG_CF, mem & bit ? FLAG_CF : 0);
	switch ((enum insn_bit)i->sub) {
	case BIT_SET: mem |= bit; break;
	case BIT_RESET: mem &= ~bit; break;
	case BIT_COMPLEMENT: mem ^= bit; break;
	default: return;
	}
	device_write(v, a->gpa, n, mem);
}

/* ---- strings ---- */

/* Adds to a register as wide as the address size. */
static void reg_add(struct vcpu *v, enum reg reg, unsigned nbytes, uint64_t d)
{
	reg_put(v, reg, nbytes, false, vcpu_get_reg(v, reg) + d);
}

static int movs_element(struct vcpu *v, const struct insn *i, gpa_t at,
			bool to_device)
{
	uint64_t amask = mask_of(i->addr_nbytes);
	unsigned n = i->mem_nbytes;
	uint64_t val = 0, to;
	int err;

	if (to_device) {
		err = vcpu_read_operand(
			v, i->seg, vcpu_get_reg(v, REG_RSI) & amask, &val, n);
		if (!err)
			device_write(v, at, n, val);
		return err;
	}
	to = vcpu_get_reg(v, REG_RDI) & amask;
	err = vcpu_ready_operand(v, SEG_ES, to, n);
	if (err)
		return err;
	val = device_read(v, at, n);
	return vcpu_write_operand(v, SEG_ES, to, &val, n);
}

static int string_element(struct vcpu *v, const struct insn *i, gpa_t at,
			  bool is_write, uint64_t step)
{
	unsigned n = i->mem_nbytes;
	int err = 0;

	if (i->op == INSN_MOVS)
		err = movs_element(v, i, at, is_write);
	else if (i->op == INSN_STOS)
		device_write(v, at, n, vcpu_get_reg(v, REG_RAX));
	else
		reg_put(v, REG_RAX, n, false, device_read(v, at, n));
	if (err)
		return err;
	if (i->op != INSN_STOS)
		reg_add(v, REG_RSI, i->addr_nbytes, step);
	if (i->op != INSN_LODS)
		reg_add(v, REG_RDI, i->addr_nbytes, step);
	return 0;
}

/* Elements in one page of the device; the next page is another exit. */
static int do_string(struct vcpu *v, struct mmio_access *a,
		     const struct insn *i)
{
	uint64_t amask = mask_of(i->addr_nbytes);
	uint64_t step = i->mem_nbytes;
	gpa_t at = a->gpa;

	if (a->rflags & FLAG_DF)
		step = -step;
	for (unsigned done = 0; done < REP_BATCH; done++) {
		int err;

		if (i->rep && !(vcpu_get_reg(v, REG_RCX) & amask))
			return 0;
		if ((at.raw ^ a->gpa.raw) & ~PAGE_MASK)
			break;
		err = string_element(v, i, at, a->is_write, step);
		if (err == -EAGAIN)
			break;
		if (err)
			return err;
		if (!i->rep)
			return 0;
		reg_add(v, REG_RCX, i->addr_nbytes, ~0ull);
		at.raw += step;
	}
	a->done = i->rep && !(vcpu_get_reg(v, REG_RCX) & amask);
	return 0;
}

static uint64_t sign_extend(uint64_t v, unsigned nbytes)
{
	return (uint64_t)((int64_t)(v << (64 - nbytes * 8)) >>
			  (64 - nbytes * 8));
}

static void do_simple(struct vcpu *v, struct mmio_access *a,
		      const struct insn *i)
{
	unsigned n = i->mem_nbytes;

	switch (i->op) {
	case INSN_LOAD:
	case INSN_MOVZX: reg_set(v, i, device_read(v, a->gpa, n)); break;
	case INSN_MOVSX:
		reg_set(v, i, sign_extend(device_read(v, a->gpa, n), n));
		break;
	case INSN_TEST:
		(void)alu(ALU_AND, device_read(v, a->gpa, n), source(v, i), n,
			  &a->rflags);
		break;
	default: device_write(v, a->gpa, n, source(v, i)); break;
	}
}

int mmio_emulate(struct vcpu *v, struct mmio_access *a)
{
	struct insn i;
	int err = insn_decode(a->insn, a->insn_nbytes, a->mode, &i);

	if (err)
		return err;
	a->length = i.nbytes;
	a->done = true;
	switch (i.op) {
	case INSN_ALU:
	case INSN_ALU_REG: do_alu(v, a, &i); return 0;
	case INSN_NOT:
	case INSN_NEG:
	case INSN_INC:
	case INSN_DEC: do_unary(v, a, &i); return 0;
	case INSN_XCHG:
	case INSN_XADD: do_exchange(v, a, &i); return 0;
	case INSN_CMPXCHG: do_cmpxchg(v, a, &i); return 0;
	case INSN_BT: do_bit(v, a, &i); return 0;
	case INSN_MOVS:
	case INSN_STOS:
	case INSN_LODS: return do_string(v, a, &i);
	default: do_simple(v, a, &i); return 0;
	}
}
