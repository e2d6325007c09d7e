/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction decoder: a table of what software uses on devices, lengths
 * against objdump on random code, and random bytes under the sanitizers.
 *
 * Sources: vmx/decode.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h needs the first four */
#include <cmocka.h>

#include "kernel/lib/errno.h"
#include "vmx/decode.h"
#include "vmx/vcpu.h"

struct decode_case {
	const char *name;
	const char *bytes; /* hex */
	enum insn_mode mode;
	int err;
	struct insn want; /* nbytes 0: as long as `bytes` */
};

#define M64	  INSN_MODE_64
#define M32	  INSN_MODE_32
#define M16	  INSN_MODE_16
#define REFUSED	  -EOPNOTSUPP
#define TOO_SHORT -EINVAL

static const struct decode_case cases[] = {
	/* What Linux's readl, writel and APIC accessors compile to. */
	{ "mov (%rax),%eax",
	  "8b00",
	  M64,
	  0,
	  { .op = INSN_LOAD, .mem_nbytes = 4, .reg_nbytes = 4 } },
	{ "mov %esi,-0x801000(%rdi)",
	  "89b700f07fff",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 4, .reg = REG_RSI } },
	{ "mov abs disp32 via SIB",
	  "8b0425b0f05fff",
	  M64,
	  0,
	  { .op = INSN_LOAD, .mem_nbytes = 4, .reg = REG_RAX } },
	{ "movl $0,(rip+disp32)",
	  "c7051234567800000000",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 4, .has_imm = true, .imm = 0 } },
	{ "xchg %eax,(%rdi): the APIC write workaround",
	  "8707",
	  M64,
	  0,
	  { .op = INSN_XCHG, .mem_nbytes = 4, .reg = REG_RAX } },
	{ "mov %r15,(%r8,%r9,4)",
	  "4f893c88",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 8, .reg = REG_R15 } },
	{ "movq $-1,0x10(%rax): imm32 sign-extended",
	  "48c74010ffffffff",
	  M64,
	  0,
	  { .op = INSN_STORE,
	    .mem_nbytes = 8,
	    .has_imm = true,
	    .imm = ~0ull } },
	{ "movzbl (%rax),%edx",
	  "0fb610",
	  M64,
	  0,
	  { .op = INSN_MOVZX,
	    .mem_nbytes = 1,
	    .reg_nbytes = 4,
	    .reg = REG_RDX } },
	{ "movswq (%rax),%rcx",
	  "480fbf08",
	  M64,
	  0,
	  { .op = INSN_MOVSX,
	    .mem_nbytes = 2,
	    .reg_nbytes = 8,
	    .reg = REG_RCX } },
	{ "movslq (%rax),%rcx",
	  "486308",
	  M64,
	  0,
	  { .op = INSN_MOVSX,
	    .mem_nbytes = 4,
	    .reg_nbytes = 8,
	    .reg = REG_RCX } },
	{ "mov %ah,(%rbx): a high byte",
	  "8823",
	  M64,
	  0,
	  { .op = INSN_STORE,
	    .mem_nbytes = 1,
	    .reg = REG_RAX,
	    .high_byte = true } },
	{ "mov %spl,(%rbx): the same with REX",
	  "408823",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 1, .reg = REG_RSP } },
	{ "orl $0x100,(%rax)",
	  "810800010000",
	  M64,
	  0,
	  { .op = INSN_ALU,
	    .sub = ALU_OR,
	    .mem_nbytes = 4,
	    .has_imm = true,
	    .imm = 0x100 } },
	{ "andw $-2,(%rax)",
	  "668320fe",
	  M64,
	  0,
	  { .op = INSN_ALU,
	    .sub = ALU_AND,
	    .mem_nbytes = 2,
	    .has_imm = true,
	    .imm = ~1ull } },
	{ "cmp (%rdi),%eax",
	  "3b07",
	  M64,
	  0,
	  { .op = INSN_ALU_REG, .sub = ALU_CMP, .mem_nbytes = 4 } },
	{ "testb $0,(%rdi)",
	  "f60700",
	  M64,
	  0,
	  { .op = INSN_TEST, .mem_nbytes = 1, .has_imm = true } },
	{ "notl (%rdi)", "f717", M64, 0, { .op = INSN_NOT, .mem_nbytes = 4 } },
	{ "decq (%rdi)",
	  "48ff0f",
	  M64,
	  0,
	  { .op = INSN_DEC, .mem_nbytes = 8 } },
	{ "lock cmpxchg %ecx,(%rdi)",
	  "f00fb10f",
	  M64,
	  0,
	  { .op = INSN_CMPXCHG, .mem_nbytes = 4, .reg = REG_RCX } },
	{ "lock btsl $5,(%rdi)",
	  "f00fba2f05",
	  M64,
	  0,
	  { .op = INSN_BT,
	    .sub = BIT_SET,
	    .mem_nbytes = 4,
	    .has_imm = true,
	    .imm = 5 } },
	{ "movnti %eax,(%rdi)",
	  "0fc307",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 4 } },
	{ "movabs 0xfee00020,%eax",
	  "a12000e0fe00000000",
	  M64,
	  0,
	  { .op = INSN_LOAD, .mem_nbytes = 4 } },
	{ "mov %eax,0xfee000b0 (32 bit)",
	  "a3b000e0fe",
	  M32,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 4 } },
	{ "mov %al,moffs16",
	  "a21234",
	  M16,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 1 } },
	{ "rep stosl",
	  "f3ab",
	  M64,
	  0,
	  { .op = INSN_STOS, .mem_nbytes = 4, .rep = true } },
	{ "rep movsq from %gs",
	  "65f348a5",
	  M64,
	  0,
	  { .op = INSN_MOVS, .mem_nbytes = 8, .rep = true, .seg = SEG_GS } },
	{ "lodsb with 32-bit addresses",
	  "67ac",
	  M64,
	  0,
	  { .op = INSN_LODS, .mem_nbytes = 1, .addr_nbytes = 4 } },
	/* 16-bit code and addressing. */
	{ "mov %ax,(%bx)",
	  "8907",
	  M16,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 2 } },
	{ "mov %eax,disp16",
	  "6689061234",
	  M16,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 4 } },
	{ "mov (%bp+disp8),%cx",
	  "8b4e10",
	  M16,
	  0,
	  { .op = INSN_LOAD, .mem_nbytes = 2, .reg = REG_RCX } },
	{ "mov (%eax),%ecx in 16-bit code",
	  "66678b08",
	  M16,
	  0,
	  { .op = INSN_LOAD, .mem_nbytes = 4, .reg = REG_RCX } },
	{ "inc-like byte 0x48 is no REX in 32-bit code",
	  "48",
	  M32,
	  REFUSED,
	  { 0 } },
	/* A REX that a legacy prefix follows is ignored. */
	{ "rex.w, data16, mov",
	  "486689 07",
	  M64,
	  0,
	  { .op = INSN_STORE, .mem_nbytes = 2 } },
	/* Refused. */
	{ "register to register", "89c0", M64, REFUSED, { 0 } },
	{ "push (%rax)", "ff30", M64, REFUSED, { 0 } },
	{ "call *(%rax)", "ff10", M64, REFUSED, { 0 } },
	{ "pop (%rax)", "8f00", M64, REFUSED, { 0 } },
	{ "mul (%rax)", "f720", M64, REFUSED, { 0 } },
	{ "bt group, reserved", "0fba0705", M64, REFUSED, { 0 } },
	{ "c7 /1", "c70800000000", M64, REFUSED, { 0 } },
	{ "movdqu (%rax),%xmm0", "f30f6f00", M64, REFUSED, { 0 } },
	{ "VEX", "c5f96f00", M64, REFUSED, { 0 } },
	{ "nop", "90", M64, REFUSED, { 0 } },
	/* Cut off. */
	{ "nothing", "", M64, TOO_SHORT, { 0 } },
	{ "only prefixes",
	  "666666666666666666666666666666",
	  M64,
	  TOO_SHORT,
	  { 0 } },
	{ "no ModRM", "8b", M64, TOO_SHORT, { 0 } },
	{ "no SIB", "8b04", M64, TOO_SHORT, { 0 } },
	{ "half a displacement", "8b801234", M64, TOO_SHORT, { 0 } },
	{ "half an immediate", "c700123456", M64, TOO_SHORT, { 0 } },
	{ "longer than 15 bytes",
	  "66666666666666666666666666c7001234",
	  M64,
	  TOO_SHORT,
	  { 0 } },
};

static unsigned from_hex(const char *hex, uint8_t *out)
{
	unsigned n = 0, v;

	while (*hex) {
		while (*hex == ' ')
			hex++;
		if (sscanf(hex, "%2x", &v) != 1)
			break;
		out[n++] = (uint8_t)v;
		hex += 2;
	}
	return n;
}

/* In a buffer of exactly that size, so that the sanitizer sees overreads. */
static int decode_exact(const uint8_t *bytes, unsigned n, enum insn_mode mode,
			struct insn *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	err = insn_decode(copy, n, mode, out);
	free(copy);
	return err;
}

static void check_case(const struct decode_case *c)
{
	const struct insn *w = &c->want;
	uint8_t bytes[32];
	unsigned n = from_hex(c->bytes, bytes);
	struct insn i;
	int err = decode_exact(bytes, n, c->mode, &i);

	if (err != c->err)
		fail_msg("%s: %d, not %d", c->name, err, c->err);
	if (err)
		return;
	if (i.nbytes != n || i.op != w->op || i.mem_nbytes != w->mem_nbytes ||
	    i.sub != w->sub || i.reg != w->reg || i.high_byte != w->high_byte ||
	    i.has_imm != w->has_imm || i.imm != w->imm || i.rep != w->rep)
		fail_msg("%s: length %u op %d size %u sub %u reg %u imm %#llx",
			 c->name, i.nbytes, i.op, i.mem_nbytes, i.sub, i.reg,
			 (unsigned long long)i.imm);
	if (w->reg_nbytes && i.reg_nbytes != w->reg_nbytes)
		fail_msg("%s: register size %u", c->name, i.reg_nbytes);
	if (w->addr_nbytes && i.addr_nbytes != w->addr_nbytes)
		fail_msg("%s: address size %u", c->name, i.addr_nbytes);
	if (w->seg && i.seg != w->seg)
		fail_msg("%s: segment %d", c->name, i.seg);
}

static void decodes_what_software_uses_on_devices(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_case(&cases[i]);
}

static uint64_t rng = 88172645463325252ull;

static uint8_t random_byte(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint8_t)(rng >> 24);
}

static void random_bytes_never_hurt(void **state)
{
	uint8_t bytes[20];
	struct insn i;

	(void)state;
	for (unsigned round = 0; round < 300000; round++) {
		unsigned n = random_byte() % 20;
		enum insn_mode mode = (enum insn_mode)(random_byte() % 3);

		for (unsigned k = 0; k < n; k++)
			bytes[k] = random_byte();
		if (decode_exact(bytes, n, mode, &i))
			continue;
		assert_in_range(i.nbytes, 1, min(n, INSN_MAX_NBYTES));
		assert_int_not_equal(i.op, INSN_NONE);
		assert_in_range(i.reg, 0, REG_COUNT - 1);
		assert_true(i.mem_nbytes == 1 || i.mem_nbytes == 2 ||
			    i.mem_nbytes == 4 || i.mem_nbytes == 8);
		/* A shorter buffer must never decode to the same thing. */
		assert_int_equal(insn_decode(bytes, i.nbytes - 1u, mode, &i),
				 -EINVAL);
	}
}

/* ---- against objdump ---- */

#define CODE_BYTES 60000u

/* Random code with many prefixes, and opcodes that the decoder knows. */
static void random_code(uint8_t *code)
{
	static const uint8_t known[] = {
		0x01, 0x0b, 0x23, 0x29, 0x33, 0x39, 0x63, 0x80, 0x81,
		0x83, 0x84, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xa0,
		0xa1, 0xa3, 0xa4, 0xa5, 0xaa, 0xad, 0xc6, 0xc7, 0xf6,
		0xf7, 0xfe, 0xff, 0x48, 0x4c, 0x41, 0x66, 0x67, 0x65,
	};
	static const uint8_t known_0f[] = { 0xa3, 0xab, 0xb0, 0xb1, 0xb6, 0xb7,
					    0xba, 0xbe, 0xbf, 0xc1, 0xc3 };
	unsigned i = 0;

	while (i < CODE_BYTES - 16) {
		unsigned kind = random_byte() % 4;

		if (kind == 0)
			code[i++] = random_byte();
		if (kind == 1) {
			code[i++] = 0x0f;
			code[i++] = known_0f[random_byte() % sizeof(known_0f)];
		}
		if (kind >= 2)
			code[i++] = known[random_byte() % sizeof(known)];
		for (unsigned k = random_byte() % 10; k; k--)
			code[i++] = random_byte();
	}
	memset(code + i, 0x90, CODE_BYTES - i);
}

/* Where objdump prints a prefix as an instruction of its own. */
static bool is_incomparable(const char *text)
{
	static const char *const words[] = {
		"rex",	  "data16",   "addr",	  "repz", "repnz", "lock",
		"cs",	  "ds",	      "es",	  "ss",	  "fs",	   "gs",
		"data32", "xacquire", "xrelease", "(bad)"
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strncmp(text, words[i], strlen(words[i])))
			return true;
	return strstr(text, "(bad)") != NULL;
}

static unsigned hex_bytes(const char *s)
{
	unsigned n = 0, v;
	int used;

	while (sscanf(s, " %2x%n", &v, &used) == 1) {
		s += used;
		n++;
	}
	return n;
}

/* Compares one line "  addr:\tbytes\ttext"; true if there was something to. */
static bool compare_line(const uint8_t *code, char *line, enum insn_mode mode)
{
	char *bytes = strchr(line, '\t');
	char *text = bytes ? strchr(bytes + 1, '\t') : NULL;
	unsigned long at = strtoul(line, NULL, 16);
	struct insn i;
	unsigned n;

	if (!text)
		return false;
	*text++ = '\0';
	n = hex_bytes(bytes + 1);
	if (is_incomparable(text) || at + 16 > CODE_BYTES)
		return false;
	if (insn_decode(code + at, 15, mode, &i))
		return false;
	if (i.nbytes != n)
		fail_msg("%s %s: %u bytes", bytes + 1, text, i.nbytes);
	return true;
}

static void compare_with_objdump(enum insn_mode mode, const char *machine)
{
	char path[] = "/tmp/decode-XXXXXX";
	static uint8_t code[CODE_BYTES];
	unsigned compared = 0;
	char line[512];
	FILE *f;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	random_code(code);
	assert_int_equal(write(fd, code, CODE_BYTES), CODE_BYTES);
	close(fd);
	snprintf(line, sizeof(line),
		 "objdump -D -b binary -m %s -w --insn-width=16 %s", machine,
		 path);
	f = popen(line, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		compared += compare_line(code, line, mode);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	/* Enough of it must have been memory instructions that are known. */
	assert_in_range(compared, 1000, CODE_BYTES);
}

static void lengths_agree_with_objdump(void **state)
{
	(void)state;
	compare_with_objdump(INSN_MODE_64, "i386:x86-64");
	compare_with_objdump(INSN_MODE_32, "i386");
	compare_with_objdump(INSN_MODE_16, "i8086");
}

/* The quick look says what the decoder says, or nothing; never too much. */
static void the_quick_store_agrees_with_the_decoder(void **state)
{
	static const uint8_t first[] = { 0x89, 0xc7, 0x41, 0x44, 0x45,
					 0x48, 0x66, 0x88, 0xf0 };
	unsigned seen = 0;

	(void)state;
	for (unsigned k = 0; k < 400000; k++) {
		uint8_t b[INSN_MAX_NBYTES];
		struct insn i;
		unsigned n;

		for (unsigned j = 0; j < sizeof(b); j++)
			b[j] = (uint8_t)rand();
		b[0] = first[k % ARRAY_SIZE(first)];
		if ((b[0] & 0xf0) == 0x40)
			b[1] = first[rand() % 2];
		n = insn_mov_store32_nbytes(b);
		if (!n)
			continue;
		seen++;
		assert_int_equal(insn_decode(b, sizeof(b), INSN_MODE_64, &i),
				 0);
		assert_int_equal(i.nbytes, n);
		assert_int_equal(i.op, INSN_STORE);
		assert_int_equal(i.mem_nbytes, 4);
	}
	assert_true(seen > 20000);
}

/* What compilers and kernels write for an EOI is recognized. */
static void the_quick_store_knows_an_eoi(void **state)
{
	static const struct {
		uint8_t b[INSN_MAX_NBYTES];
		unsigned nbytes;
	} stores[] = {
		{ { 0xc7, 0x04, 0x25, 0xb0, 0x00, 0xe0, 0xfe }, 11 },
		{ { 0xc7, 0x80, 0xb0, 0, 0, 0, 0, 0, 0, 0 }, 10 },
		{ { 0xc7, 0x05, 1, 2, 3, 4, 0, 0, 0, 0 }, 10 },
		{ { 0xc7, 0x00, 0, 0, 0, 0 }, 6 },
		{ { 0x89, 0x07 }, 2 },
		{ { 0x41, 0x89, 0x45, 0x10 }, 4 },
		{ { 0x89, 0x04, 0x25, 0xb0, 0xb0, 0x5f, 0xff }, 7 },
		{ { 0x89, 0x44, 0x24, 0x08 }, 4 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(stores); i++)
		assert_int_equal(insn_mov_store32_nbytes(stores[i].b),
				 stores[i].nbytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_software_uses_on_devices),
		cmocka_unit_test(random_bytes_never_hurt),
		cmocka_unit_test(lengths_agree_with_objdump),
		cmocka_unit_test(the_quick_store_agrees_with_the_decoder),
		cmocka_unit_test(the_quick_store_knows_an_eoi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
