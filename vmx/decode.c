/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instruction decoder for device memory (SDM Vol. 2A, "Instruction Format";
 * Vol. 2D, "Opcode Map"). Two tables say what an opcode is; the rest follows
 * from prefixes and ModRM.
 *
 * The memory operand's address is not computed: the processor reports it with
 * the exit. Only its length in the instruction matters here.
 */
#include "vmx/decode.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

/* Where the operands come from. */
enum form {
	FORM_NONE,
	FORM_RM_REG,	 /* ModRM: memory and a register */
	FORM_RM_IMM8,	 /* ModRM: memory and a sign-extended byte */
	FORM_RM_IMM,	 /* ModRM: memory and an immediate of operand size */
	FORM_MOFFS,	 /* address in the instruction, register is RAX */
	FORM_STRING,	 /* addresses in RSI and RDI, register is RAX */
	FORM_GROUP_ALU8, /* ModRM.reg is the ALU operation; byte immediate */
	FORM_GROUP_ALU,	 /* ... immediate of operand size */
	FORM_GROUP_MOV,	 /* ModRM.reg must be 0; immediate */
	FORM_GROUP3,	 /* TEST imm, NOT, NEG */
	FORM_GROUP4,	 /* INC, DEC */
	FORM_GROUP_BT,	 /* ModRM.reg 4..7 is the bit operation; byte */
	FORM_PREFIX,
};

#define BYTE_OP 0x01u /* operands are bytes */
#define MEM8	0x02u /* the memory operand is one byte ... */
#define MEM16	0x04u /* ... two bytes, whatever the operand size */
#define MODE64	0x08u /* exists in 64-bit mode only */

struct opcode {
	uint8_t op, form, sub, flags;
};

#define ALU_ROW(at, alu)                                                       \
	[at] = { INSN_ALU, FORM_RM_REG, alu, BYTE_OP },                        \
	[(at) + 1] = { INSN_ALU, FORM_RM_REG, alu, 0 },                        \
	[(at) + 2] = { INSN_ALU_REG, FORM_RM_REG, alu, BYTE_OP },              \
	[(at) + 3] = { INSN_ALU_REG, FORM_RM_REG, alu, 0 }

static const struct opcode one_byte[256] = {
	ALU_ROW(0x00, ALU_ADD),
	ALU_ROW(0x08, ALU_OR),
	ALU_ROW(0x10, ALU_ADC),
	ALU_ROW(0x18, ALU_SBB),
	ALU_ROW(0x20, ALU_AND),
	ALU_ROW(0x28, ALU_SUB),
	ALU_ROW(0x30, ALU_XOR),
	ALU_ROW(0x38, ALU_CMP),
	[0x26] = { 0, FORM_PREFIX, 0, 0 },
	[0x2e] = { 0, FORM_PREFIX, 0, 0 },
	[0x36] = { 0, FORM_PREFIX, 0, 0 },
	[0x3e] = { 0, FORM_PREFIX, 0, 0 },
	[0x63] = { INSN_MOVSX, FORM_RM_REG, 0, MODE64 },
	[0x64] = { 0, FORM_PREFIX, 0, 0 },
	[0x65] = { 0, FORM_PREFIX, 0, 0 },
	[0x66] = { 0, FORM_PREFIX, 0, 0 },
	[0x67] = { 0, FORM_PREFIX, 0, 0 },
	[0x80] = { INSN_ALU, FORM_GROUP_ALU8, 0, BYTE_OP },
	[0x81] = { INSN_ALU, FORM_GROUP_ALU, 0, 0 },
	[0x83] = { INSN_ALU, FORM_GROUP_ALU8, 0, 0 },
	[0x84] = { INSN_TEST, FORM_RM_REG, 0, BYTE_OP },
	[0x85] = { INSN_TEST, FORM_RM_REG, 0, 0 },
	[0x86] = { INSN_XCHG, FORM_RM_REG, 0, BYTE_OP },
	[0x87] = { INSN_XCHG, FORM_RM_REG, 0, 0 },
	[0x88] = { INSN_STORE, FORM_RM_REG, 0, BYTE_OP },
	[0x89] = { INSN_STORE, FORM_RM_REG, 0, 0 },
	[0x8a] = { INSN_LOAD, FORM_RM_REG, 0, BYTE_OP },
	[0x8b] = { INSN_LOAD, FORM_RM_REG, 0, 0 },
	[0xa0] = { INSN_LOAD, FORM_MOFFS, 0, BYTE_OP },
	[0xa1] = { INSN_LOAD, FORM_MOFFS, 0, 0 },
	[0xa2] = { INSN_STORE, FORM_MOFFS, 0, BYTE_OP },
	[0xa3] = { INSN_STORE, FORM_MOFFS, 0, 0 },
	[0xa4] = { INSN_MOVS, FORM_STRING, 0, BYTE_OP },
	[0xa5] = { INSN_MOVS, FORM_STRING, 0, 0 },
	[0xaa] = { INSN_STOS, FORM_STRING, 0, BYTE_OP },
	[0xab] = { INSN_STOS, FORM_STRING, 0, 0 },
	[0xac] = { INSN_LODS, FORM_STRING, 0, BYTE_OP },
	[0xad] = { INSN_LODS, FORM_STRING, 0, 0 },
	[0xc6] = { INSN_STORE, FORM_GROUP_MOV, 0, BYTE_OP },
	[0xc7] = { INSN_STORE, FORM_GROUP_MOV, 0, 0 },
	[0xf0] = { 0, FORM_PREFIX, 0, 0 },
	[0xf2] = { 0, FORM_PREFIX, 0, 0 },
	[0xf3] = { 0, FORM_PREFIX, 0, 0 },
	[0xf6] = { INSN_TEST, FORM_GROUP3, 0, BYTE_OP },
	[0xf7] = { INSN_TEST, FORM_GROUP3, 0, 0 },
	[0xfe] = { INSN_INC, FORM_GROUP4, 0, BYTE_OP },
	[0xff] = { INSN_INC, FORM_GROUP4, 0, 0 },
};

static const struct opcode two_byte[256] = {
	[0xa3] = { INSN_BT, FORM_RM_REG, BIT_TEST, 0 },
	[0xab] = { INSN_BT, FORM_RM_REG, BIT_SET, 0 },
	[0xb0] = { INSN_CMPXCHG, FORM_RM_REG, 0, BYTE_OP },
	[0xb1] = { INSN_CMPXCHG, FORM_RM_REG, 0, 0 },
	[0xb3] = { INSN_BT, FORM_RM_REG, BIT_RESET, 0 },
	[0xb6] = { INSN_MOVZX, FORM_RM_REG, 0, MEM8 },
	[0xb7] = { INSN_MOVZX, FORM_RM_REG, 0, MEM16 },
	[0xba] = { INSN_BT, FORM_GROUP_BT, 0, 0 },
	[0xbb] = { INSN_BT, FORM_RM_REG, BIT_COMPLEMENT, 0 },
	[0xbe] = { INSN_MOVSX, FORM_RM_REG, 0, MEM8 },
	[0xbf] = { INSN_MOVSX, FORM_RM_REG, 0, MEM16 },
	[0xc0] = { INSN_XADD, FORM_RM_REG, 0, BYTE_OP },
	[0xc1] = { INSN_XADD, FORM_RM_REG, 0, 0 },
	[0xc3] = { INSN_STORE, FORM_RM_REG, 0, 0 }, /* MOVNTI */
};

#define REX_W 0x8u
#define REX_R 0x4u

/* The instruction being decoded. */
struct cursor {
	const uint8_t *p, *end;
	enum insn_mode mode;
	bool opsize_prefix, addrsize_prefix;
	bool has_rex;
	uint8_t rex;
	uint8_t op_nbytes; /* operand size */
	uint8_t modrm;
};

static bool take(struct cursor *c, uint8_t *byte)
{
	if (c->p == c->end)
		return false;
	*byte = *c->p++;
	return true;
}

static bool skip(struct cursor *c, unsigned n)
{
	if ((size_t)(c->end - c->p) < n)
		return false;
	c->p += n;
	return true;
}

/* An immediate of n bytes, sign-extended. */
static bool take_imm(struct cursor *c, unsigned n, uint64_t *out)
{
	uint64_t v = 0;
	uint8_t byte;

	for (unsigned i = 0; i < n; i++) {
		if (!take(c, &byte))
			return false;
		v |= (uint64_t)byte << i * 8;
	}
	*out = (uint64_t)((int64_t)(v << (64 - n * 8)) >> (64 - n * 8));
	return true;
}

static void note_prefix(struct cursor *c, uint8_t byte, struct insn *out)
{
	switch (byte) {
	case 0x26: out->seg = SEG_ES; break;
	case 0x2e: out->seg = SEG_CS; break;
	case 0x36: out->seg = SEG_SS; break;
	case 0x3e: out->seg = SEG_DS; break;
	case 0x64: out->seg = SEG_FS; break;
	case 0x65: out->seg = SEG_GS; break;
	case 0x66: c->opsize_prefix = true; break;
	case 0x67: c->addrsize_prefix = true; break;
	case 0xf2:
	case 0xf3: out->rep = true; break;
	default: break; /* LOCK: one vCPU at a time reaches a device */
	}
}

/* Consumes prefixes and the first opcode byte. */
static int take_prefixes(struct cursor *c, struct insn *out, uint8_t *opcode)
{
	uint8_t byte;

	for (;;) {
		if (!take(c, &byte))
			return -EINVAL;
		if (c->mode == INSN_MODE_64 && byte >> 4 == 4) {
			c->has_rex = true;
			c->rex = byte;
			continue;
		}
		if (one_byte[byte].form != FORM_PREFIX)
			break;
		/* A REX counts only right before the opcode. */
		c->has_rex = false;
		c->rex = 0;
		note_prefix(c, byte, out);
	}
	*opcode = byte;
	return 0;
}

static void set_sizes(struct cursor *c, struct insn *out)
{
	switch (c->mode) {
	case INSN_MODE_64:
		c->op_nbytes = c->opsize_prefix ? 2 : 4;
		if (c->rex & REX_W)
			c->op_nbytes = 8;
		out->addr_nbytes = c->addrsize_prefix ? 4 : 8;
		break;
	case INSN_MODE_32:
		c->op_nbytes = c->opsize_prefix ? 2 : 4;
		out->addr_nbytes = c->addrsize_prefix ? 2 : 4;
		break;
	default:
		c->op_nbytes = c->opsize_prefix ? 4 : 2;
		out->addr_nbytes = c->addrsize_prefix ? 4 : 2;
		break;
	}
}

/* Bytes of displacement with 16-bit addressing. */
static unsigned disp16_nbytes(unsigned mod, unsigned rm)
{
	if (mod == 0)
		return rm == 6 ? 2 : 0;
	return mod;
}

/* ModRM, SIB and displacement. */
static int take_modrm(struct cursor *c, const struct insn *out)
{
	unsigned mod, rm, disp;
	uint8_t sib;

	if (!take(c, &c->modrm))
		return -EINVAL;
	mod = c->modrm >> 6;
	rm = c->modrm & 7;
	if (mod == 3)
		return -EOPNOTSUPP; /* no memory operand */
	if (out->addr_nbytes == 2)
		return skip(c, disp16_nbytes(mod, rm)) ? 0 : -EINVAL;
	if (rm == 4) {
		if (!take(c, &sib))
			return -EINVAL;
		rm = sib & 7;
	}
	if (mod == 0)
		disp = rm == 5 ? 4 : 0;
	else
		disp = mod == 1 ? 1 : 4;
	return skip(c, disp) ? 0 : -EINVAL;
}

static unsigned modrm_reg(const struct cursor *c)
{
	return c->modrm >> 3 & 7;
}

static void set_register(const struct cursor *c, struct insn *out)
{
	unsigned reg = modrm_reg(c) | (c->rex & REX_R ? 8 : 0);

	/* Without REX, byte registers 4..7 are AH, CH, DH, BH. */
	if (out->reg_nbytes == 1 && !c->has_rex && reg >= 4) {
		out->high_byte = true;
		reg -= 4;
	}
	out->reg = (uint8_t)reg;
}

static int set_imm(struct cursor *c, struct insn *out, unsigned n)
{
	out->has_imm = true;
	return take_imm(c, n, &out->imm) ? 0 : -EINVAL;
}

/* Immediates of 64-bit operations have 32 bits. */
static unsigned imm_nbytes(const struct insn *out)
{
	return out->mem_nbytes == 8 ? 4 : out->mem_nbytes;
}

static int group3(struct cursor *c, struct insn *out)
{
	switch (modrm_reg(c)) {
	case 0: return set_imm(c, out, imm_nbytes(out)); /* TEST */
	case 2: out->op = INSN_NOT; return 0;
	case 3: out->op = INSN_NEG; return 0;
	default: return -EOPNOTSUPP;
	}
}

static int group4(struct cursor *c, struct insn *out)
{
	if (modrm_reg(c) > 1)
		return -EOPNOTSUPP; /* CALL, JMP, PUSH */
	out->op = modrm_reg(c) ? INSN_DEC : INSN_INC;
	return 0;
}

static int group_bt(struct cursor *c, struct insn *out)
{
	if (modrm_reg(c) < 4)
		return -EOPNOTSUPP;
	out->sub = modrm_reg(c) & 3;
	return set_imm(c, out, 1);
}

/* What follows ModRM. */
static int take_operands(struct cursor *c, const struct opcode *o,
			 struct insn *out)
{
	switch ((enum form)o->form) {
	case FORM_RM_REG: set_register(c, out); return 0;
	case FORM_GROUP_ALU8:
		out->sub = (uint8_t)modrm_reg(c);
		return set_imm(c, out, 1);
	case FORM_GROUP_ALU:
		out->sub = (uint8_t)modrm_reg(c);
		return set_imm(c, out, imm_nbytes(out));
	case FORM_GROUP_MOV:
		if (modrm_reg(c))
			return -EOPNOTSUPP;
		return set_imm(c, out, imm_nbytes(out));
	case FORM_GROUP3: return group3(c, out);
	case FORM_GROUP4: return group4(c, out);
	case FORM_GROUP_BT: return group_bt(c, out);
	default: return -EOPNOTSUPP;
	}
}

static void set_operand_sizes(const struct cursor *c, const struct opcode *o,
			      struct insn *out)
{
	out->reg_nbytes = o->flags & BYTE_OP ? 1 : c->op_nbytes;
	out->mem_nbytes = out->reg_nbytes;
	if (o->flags & MEM8)
		out->mem_nbytes = 1;
	if (o->flags & MEM16)
		out->mem_nbytes = 2;
	/* MOVSXD reads 32 bits, fewer if the register is smaller. */
	if (o->flags & MODE64)
		out->mem_nbytes = c->op_nbytes == 8 ? 4 : c->op_nbytes;
}

static int decode_operands(struct cursor *c, const struct opcode *o,
			   struct insn *out)
{
	int err;

	if (o->form == FORM_STRING)
		return 0;
	/* A repeat prefix on anything else selects another instruction or
	 * means nothing; neither is used on devices. */
	out->rep = false;
	if (o->form == FORM_MOFFS)
		return skip(c, out->addr_nbytes) ? 0 : -EINVAL;
	err = take_modrm(c, out);
	if (err)
		return err;
	return take_operands(c, o, out);
}

int insn_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode,
		struct insn *out)
{
	struct cursor c = { .p = bytes, .mode = mode };
	const struct opcode *o;
	uint8_t byte;
	int err;

	memset(out, 0, sizeof(*out));
	out->seg = SEG_DS;
	c.end = bytes + min(n, INSN_MAX_NBYTES);
	err = take_prefixes(&c, out, &byte);
	if (err)
		return err;
	o = &one_byte[byte];
	if (byte == 0x0f) {
		if (!take(&c, &byte))
			return -EINVAL;
		o = &two_byte[byte];
	}
	if (o->form == FORM_NONE ||
	    ((o->flags & MODE64) && mode != INSN_MODE_64))
		return -EOPNOTSUPP;
	set_sizes(&c, out);
	out->op = (enum insn_op)o->op;
	out->sub = o->sub;
	set_operand_sizes(&c, o, out);
	err = decode_operands(&c, o, out);
	if (err)
		return err;
	out->nbytes = (uint8_t)(c.p - bytes);
	return 0;
}

/* ---- one instruction, quickly ---- */

unsigned insn_mov_store32_nbytes(const uint8_t *b)
{
	const uint8_t *modrm;
	unsigned n, mod, base;

	/* MOV r/m32, r32 and MOV r/m32, imm32, with REX or without. */
	modrm = (b[0] & 0xf0) == 0x40 && !(b[0] & REX_W) ? b + 2 : b + 1;
	if (modrm[-1] != 0x89 && (modrm[-1] != 0xc7 || modrm[0] & 0x38))
		return 0;
	mod = modrm[0] >> 6;
	base = modrm[0] & 7;
	if (mod == 3)
		return 0;
	n = (unsigned)(modrm + 1 - b) + (modrm[-1] == 0xc7 ? 4 : 0);
	if (base == 4) { /* SIB */
		base = modrm[1] & 7;
		n++;
	}
	/* Base 5 without displacement means one of 32 bits, and no base. */
	if (mod == 0)
		return base == 5 ? n + 4 : n;
	return n + (mod == 1 ? 1 : 4);
}
