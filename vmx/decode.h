/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoder of the x86 instructions that software uses on device memory. Pure:
 * bytes in, a description out; no guest state is looked at. What it does not
 * know it refuses, it never guesses.
 */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "kernel/lib/compiler.h"

#define INSN_MAX_NBYTES 15u

enum insn_mode { INSN_MODE_16, INSN_MODE_32, INSN_MODE_64 };

/* "mem" is the memory operand, "src" the register or immediate. */
enum insn_op {
	INSN_NONE,
	INSN_LOAD,    /* reg = mem */
	INSN_STORE,   /* mem = src */
	INSN_MOVZX,   /* reg = mem, zero-extended */
	INSN_MOVSX,   /* reg = mem, sign-extended */
	INSN_ALU,     /* mem = mem alu src; flags */
	INSN_ALU_REG, /* reg = reg alu mem; flags */
	INSN_TEST,    /* flags of mem & src */
	INSN_NOT,     /* mem = ~mem */
	INSN_NEG,     /* mem = -mem; flags */
	INSN_INC,     /* mem = mem + 1; flags but CF */
	INSN_DEC,
	INSN_XCHG,    /* mem <-> reg */
	INSN_XADD,    /* reg = mem, mem = mem + reg; flags */
	INSN_CMPXCHG, /* RAX == mem ? mem = reg : RAX = mem; flags */
	INSN_BT,      /* CF = bit src of mem; BTS, BTR, BTC also change it */
	INSN_MOVS,
	INSN_STOS,
	INSN_LODS,
};

/* In the order of the opcode's or ModRM's three bits. */
enum insn_alu {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP,
};
/* For INSN_BT, likewise. */
enum insn_bit { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

struct insn {
	uint8_t nbytes;	     /* length of the instruction */
	uint8_t mem_nbytes;  /* of the memory operand: 1, 2, 4, 8 */
	uint8_t reg_nbytes;  /* of the register operand */
	uint8_t addr_nbytes; /* address size: 2, 4, 8 */
	enum insn_op op;
	uint8_t sub;	   /* enum insn_alu or enum insn_bit */
	uint8_t reg;	   /* enum reg */
	bool high_byte;	   /* reg is AH, CH, DH or BH (reg: RAX..RBX) */
	bool has_imm;	   /* src is imm, not reg */
	bool rep;	   /* string operation repeated RCX times */
	enum insn_seg seg; /* of MOVS' and LODS' source */
	uint64_t imm;	   /* sign-extended to 64 bits */
};

/*
 * Decodes the instruction at the start of bytes. 0; -EOPNOTSUPP (not one of
 * the above, or without memory operand), -EINVAL (more than n bytes long).
 */
MUST_CHECK int insn_decode(const uint8_t *bytes, unsigned n,
			   enum insn_mode mode, struct insn *out);

/*
 * For the exit fast path: the length of a MOV of 32 bits from a register or an
 * immediate to memory in 64-bit mode, without prefixes but REX. 0: it is
 * something else. bytes: INSN_MAX_NBYTES of them.
 */
unsigned insn_mov_store32_nbytes(const uint8_t *bytes);

#endif
