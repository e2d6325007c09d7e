/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulated accesses to device memory: results and flags against the processor
 * that runs the test, which executes the same bytes on a variable.
 *
 * Sources: vmx/mmio.c vmx/decode.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
/* cmocka.h needs the first four */
#include <cmocka.h>

#include "fake_vcpu.h"
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/mmio.h"

#define DEVICE	  0xd0000000ull
#define FLAGS	  0x8d5ull /* OF SF ZF AF PF CF */
#define DF	  0x400ull
#define NR_ROUNDS 200

static const struct config_vm cfg = { .name = "fake" };
static struct vm the_vm = { .cfg = &cfg };
static struct vcpu cpu = { .vm = &the_vm };
static uint8_t device[4096];
static unsigned nr_reads, nr_writes;
static bool nobody_home;
static uint8_t guest_ram[4096];
static int operand_err;

bool devices_mmio_read(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t *val)
{
	(void)v;
	nr_reads++;
	*val = nbytes == 8 ? ~0ull : BIT(nbytes * 8) - 1;
	if (nobody_home)
		return false;
	*val = 0;
	memcpy(val, &device[a.raw - DEVICE], nbytes);
	return true;
}

bool devices_mmio_write(struct vcpu *v, gpa_t a, unsigned nbytes, uint64_t val)
{
	(void)v;
	nr_writes++;
	/* No bits beyond the operand. */
	assert_true(nbytes == 8 || val < BIT(nbytes * 8));
	if (nobody_home)
		return false;
	memcpy(&device[a.raw - DEVICE], &val, nbytes);
	return true;
}

int vcpu_read_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		      void *dst, unsigned nbytes)
{
	(void)v;
	assert_int_equal(seg, SEG_DS);
	if (!operand_err)
		memcpy(dst, &guest_ram[offset], nbytes);
	return operand_err;
}

int vcpu_ready_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		       unsigned nbytes)
{
	(void)v;
	(void)offset;
	(void)nbytes;
	assert_int_equal(seg, SEG_ES);
	return operand_err;
}

int vcpu_write_operand(struct vcpu *v, enum insn_seg seg, uint64_t offset,
		       const void *src, unsigned nbytes)
{
	(void)v;
	assert_int_equal(seg, SEG_ES);
	if (!operand_err)
		memcpy(&guest_ram[offset], src, nbytes);
	return operand_err;
}

/* ---- the processor as the reference ---- */

struct native {
	uint64_t rax, rcx, rbx, flags, mem;
};

/* Page with: `code` on memory at (%rdi), then RET. */
static void (*trampoline)(struct native *n, uint64_t *mem);

/*
 * The code around the instruction under test: loads RAX, RCX, RBX and the
 * flags from *rdi's struct, points RDI at the operand, and stores all back.
 */
static void build(const uint8_t *insn, unsigned n)
{
	static const uint8_t before[] = {
		0x53,			/* push %rbx */
		0x57,			/* push %rdi */
		0x48, 0x8b, 0x07,	/* mov (%rdi),%rax */
		0x48, 0x8b, 0x4f, 0x08, /* mov 8(%rdi),%rcx */
		0x48, 0x8b, 0x5f, 0x10, /* mov 16(%rdi),%rbx */
		0xff, 0x77, 0x18,	/* push 24(%rdi) */
		0x48, 0x89, 0xf7,	/* mov %rsi,%rdi */
		0x9d,			/* popf */
	};
	static const uint8_t after[] = {
		0x9c,			/* pushf */
		0x5e,			/* pop %rsi */
		0x5f,			/* pop %rdi */
		0x48, 0x89, 0x07,	/* mov %rax,(%rdi) */
		0x48, 0x89, 0x4f, 0x08, /* mov %rcx,8(%rdi) */
		0x48, 0x89, 0x5f, 0x10, /* mov %rbx,16(%rdi) */
		0x48, 0x89, 0x77, 0x18, /* mov %rsi,24(%rdi) */
		0x5b,			/* pop %rbx */
		0xc3,			/* ret */
	};
	uint8_t *p = (uint8_t *)(uintptr_t)trampoline;

	memcpy(p, before, sizeof(before));
	memcpy(p + sizeof(before), insn, n);
	memcpy(p + sizeof(before) + n, after, sizeof(after));
}

static uint64_t random64(void)
{
	static const uint64_t edges[] = { 0,	      1,	  0x7f,
					  0x80,	      0xff,	  0x7fff,
					  0x8000,     0x7fffffff, 0x80000000,
					  0xffffffff, 1ull << 63, ~0ull };

	if (rand() % 2)
		return edges[(unsigned)rand() % ARRAY_SIZE(edges)];
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^
	       (uint64_t)rand();
}

static int emulate(const uint8_t *insn, unsigned n, uint64_t *rflags,
		   bool is_write, bool *done)
{
	struct mmio_access a = {
		.gpa = gpa(DEVICE),
		.is_write = is_write,
		.insn = insn,
		.insn_nbytes = n,
		.mode = INSN_MODE_64,
		.rflags = *rflags,
	};
	int err = mmio_emulate(&cpu, &a);

	*rflags = a.rflags;
	if (done)
		*done = a.done;
	if (!err)
		assert_int_equal(a.length, n);
	return err;
}

/* One round on the same random registers, memory and flags. */
static void compare(const char *name, const uint8_t *insn, unsigned n,
		    uint64_t defined)
{
	struct native nat = { .rax = random64(),
			      .rcx = random64(),
			      .rbx = random64() };
	uint64_t mem = random64(), flags;

	nat.flags = 0x202 | ((uint64_t)rand() & FLAGS);
	cpu.gpr[REG_RAX] = nat.rax;
	cpu.gpr[REG_RCX] = nat.rcx;
	cpu.gpr[REG_RBX] = nat.rbx;
	if (rand() % 4 == 0) /* CMPXCHG should sometimes match */
		mem = nat.rax;
	memcpy(device, &mem, 8);
	flags = nat.flags;
	build(insn, n);
	trampoline(&nat, &mem);
	if (emulate(insn, n, &flags, true, NULL))
		fail_msg("%s: refused", name);
	if (memcmp(device, &mem, 8) || cpu.gpr[REG_RAX] != nat.rax ||
	    cpu.gpr[REG_RCX] != nat.rcx || cpu.gpr[REG_RBX] != nat.rbx ||
	    ((flags ^ nat.flags) & defined))
		fail_msg("%s: mem %#llx not %#llx, rax %#llx not %#llx, "
			 "flags %#llx not %#llx",
			 name, *(unsigned long long *)device,
			 (unsigned long long)mem,
			 (unsigned long long)cpu.gpr[REG_RAX],
			 (unsigned long long)nat.rax, (unsigned long long)flags,
			 (unsigned long long)nat.flags);
}

/* Instructions on (%rdi); ModRM 0f: register RCX, 1f: RBX, 07: RAX. */
static const struct {
	const char *name;
	uint8_t bytes[8];
	unsigned n;
	uint64_t defined; /* flags that the instruction defines or keeps */
} fixed[] = {
	{ "notb", { 0xf6, 0x17 }, 2, FLAGS },
	{ "notq", { 0x48, 0xf7, 0x17 }, 3, FLAGS },
	{ "negb", { 0xf6, 0x1f }, 2, FLAGS },
	{ "negl", { 0xf7, 0x1f }, 2, FLAGS },
	{ "incb", { 0xfe, 0x07 }, 2, FLAGS },
	{ "incq", { 0x48, 0xff, 0x07 }, 3, FLAGS },
	{ "decw", { 0x66, 0xff, 0x0f }, 3, FLAGS },
	{ "xchg %ecx", { 0x87, 0x0f }, 2, FLAGS },
	{ "xchg %ch", { 0x86, 0x2f }, 2, FLAGS },
	{ "lock xadd %ecx", { 0xf0, 0x0f, 0xc1, 0x0f }, 4, FLAGS },
	{ "xadd %rbx", { 0x48, 0x0f, 0xc1, 0x1f }, 4, FLAGS },
	{ "cmpxchg %cl", { 0x0f, 0xb0, 0x0f }, 3, FLAGS },
	{ "cmpxchg %ecx", { 0x0f, 0xb1, 0x0f }, 3, FLAGS },
	{ "lock cmpxchg %rbx", { 0xf0, 0x48, 0x0f, 0xb1, 0x1f }, 5, FLAGS },
	{ "testb imm", { 0xf6, 0x07, 0x81 }, 3, FLAGS & ~0x10ull },
	{ "testq %rcx", { 0x48, 0x85, 0x0f }, 3, FLAGS & ~0x10ull },
	{ "bt imm", { 0x0f, 0xba, 0x27, 0x1f }, 4, 1 },
	{ "bts imm", { 0x0f, 0xba, 0x2f, 0x05 }, 4, 1 },
	{ "btrq imm", { 0x48, 0x0f, 0xba, 0x37, 0x3f }, 5, 1 },
	{ "btcw imm", { 0x66, 0x0f, 0xba, 0x3f, 0x0f }, 5, 1 },
	{ "movzbw", { 0x66, 0x0f, 0xb6, 0x0f }, 4, FLAGS },
	{ "movzbl", { 0x0f, 0xb6, 0x0f }, 3, FLAGS },
	{ "movsbw", { 0x66, 0x0f, 0xbe, 0x0f }, 4, FLAGS },
	{ "movswl", { 0x0f, 0xbf, 0x0f }, 3, FLAGS },
	{ "movswq", { 0x48, 0x0f, 0xbf, 0x0f }, 4, FLAGS },
	{ "movslq", { 0x48, 0x63, 0x0f }, 3, FLAGS },
	{ "movslq without REX.W", { 0x63, 0x0f }, 2, FLAGS },
	{ "movb %bh", { 0x88, 0x3f }, 2, FLAGS },
	{ "movb to %ah", { 0x8a, 0x27 }, 2, FLAGS },
	{ "movw to %cx", { 0x66, 0x8b, 0x0f }, 3, FLAGS },
	{ "movl to %ecx", { 0x8b, 0x0f }, 2, FLAGS },
	{ "movb imm", { 0xc6, 0x07, 0x99 }, 3, FLAGS },
	{ "movl imm", { 0xc7, 0x07, 0x78, 0x56, 0x34, 0x92 }, 6, FLAGS },
	{ "movq imm", { 0x48, 0xc7, 0x07, 0x78, 0x56, 0x34, 0x92 }, 7, FLAGS },
	{ "movntiq", { 0x48, 0x0f, 0xc3, 0x0f }, 4, FLAGS },
};

static void fixed_instructions_agree_with_the_processor(void **state)
{
	(void)state;
	srand(5);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		for (unsigned k = 0; k < NR_ROUNDS; k++)
			compare(fixed[i].name, fixed[i].bytes, fixed[i].n,
				fixed[i].defined);
}

/* Logical operations leave AF undefined. */
static uint64_t alu_flags(unsigned op)
{
	return op == ALU_AND || op == ALU_OR || op == ALU_XOR ? FLAGS & ~0x10ull
							      : FLAGS;
}

/* Every ALU operation, width and direction, with register RCX. */
static void alu_agrees_with_the_processor(void **state)
{
	static const uint8_t prefix[] = { 0, 0x66, 0x48 };

	(void)state;
	srand(6);
	for (unsigned op = 0; op < 8; op++)
		for (unsigned form = 0; form < 4; form++)
			for (unsigned p = 0; p < 3; p++) {
				uint8_t insn[4];
				unsigned n = 0;

				if (prefix[p])
					insn[n++] = prefix[p];
				insn[n++] = (uint8_t)(op * 8 + form);
				insn[n++] = 0x0f;
				for (unsigned k = 0; k < NR_ROUNDS; k++)
					compare("alu", insn, n, alu_flags(op));
			}
}

static void alu_immediates_agree_with_the_processor(void **state)
{
	(void)state;
	srand(7);
	for (unsigned op = 0; op < 8; op++)
		for (unsigned k = 0; k < NR_ROUNDS; k++) {
			uint8_t modrm = (uint8_t)(op << 3 | 7);
			uint8_t i8 = (uint8_t)rand();
			uint8_t b80[] = { 0x80, modrm, i8 };
			uint8_t b81[] = { 0x81, modrm, i8, (uint8_t)rand(),
					  0x80, 0xff };
			uint8_t b83[] = { 0x48, 0x83, modrm, i8 };

			compare("80", b80, sizeof(b80), alu_flags(op));
			compare("81", b81, sizeof(b81), alu_flags(op));
			compare("83", b83, sizeof(b83), alu_flags(op));
		}
}

/* ---- accesses ---- */

static void a_device_is_touched_exactly_once(void **state)
{
	static const uint8_t load[] = { 0x8b, 0x0f }, store[] = { 0x89, 0x0f },
			     add[] = { 0x01, 0x0f }, cmp[] = { 0x39, 0x0f };
	uint64_t flags = 2;

	(void)state;
	nr_reads = nr_writes = 0;
	assert_int_equal(emulate(load, 2, &flags, false, NULL), 0);
	assert_int_equal(nr_reads * 10 + nr_writes, 10);
	assert_int_equal(emulate(store, 2, &flags, true, NULL), 0);
	assert_int_equal(nr_reads * 10 + nr_writes, 11);
	assert_int_equal(emulate(add, 2, &flags, true, NULL), 0);
	assert_int_equal(nr_reads * 10 + nr_writes, 22);
	assert_int_equal(emulate(cmp, 2, &flags, false, NULL), 0);
	assert_int_equal(nr_reads * 10 + nr_writes, 32);
}

static void unknown_instructions_change_nothing(void **state)
{
	static const uint8_t movdqu[] = { 0xf3, 0x0f, 0x6f, 0x07 };
	uint64_t flags = 2;

	(void)state;
	nr_reads = nr_writes = 0;
	assert_int_equal(emulate(movdqu, 4, &flags, false, NULL), -EOPNOTSUPP);
	assert_int_equal(emulate(movdqu, 1, &flags, false, NULL), -EINVAL);
	assert_int_equal(nr_reads + nr_writes, 0);
	assert_int_equal(flags, 2);
}

static void where_nobody_is_all_bits_are_one(void **state)
{
	static const uint8_t load[] = { 0x8b, 0x0f }, store[] = { 0x89, 0x0f };
	unsigned before = fake_log_count[LOG_WARN];
	uint64_t flags = 2;

	(void)state;
	nobody_home = true;
	assert_int_equal(emulate(load, 2, &flags, false, NULL), 0);
	assert_int_equal(cpu.gpr[REG_RCX], 0xffffffff);
	assert_int_equal(emulate(store, 2, &flags, true, NULL), 0);
	nobody_home = false;
	assert_int_equal(fake_log_count[LOG_WARN], before + 2);
	assert_non_null(strstr(fake_log_last, "vm=fake gpa=0xd0000000"));
}

/* ---- strings ---- */

static void rep_stos_in_batches(void **state)
{
	static const uint8_t rep_stosl[] = { 0xf3, 0xab };
	uint64_t flags = 2;
	bool done;

	(void)state;
	memset(device, 0, sizeof(device));
	cpu.gpr[REG_RAX] = 0x11223344;
	cpu.gpr[REG_RCX] = 100;
	cpu.gpr[REG_RDI] = 0x5000;
	nr_writes = 0;
	assert_int_equal(emulate(rep_stosl, 2, &flags, true, &done), 0);
	assert_false(done);
	assert_int_equal(nr_writes, 64);
	assert_int_equal(cpu.gpr[REG_RCX], 36);
	assert_int_equal(cpu.gpr[REG_RDI], 0x5100);
	assert_int_equal(emulate(rep_stosl, 2, &flags, true, &done), 0);
	assert_true(done);
	assert_int_equal(nr_writes, 100);
	assert_int_equal(cpu.gpr[REG_RCX], 0);
	/* RCX = 0: nothing. */
	assert_int_equal(emulate(rep_stosl, 2, &flags, true, &done), 0);
	assert_true(done);
	assert_int_equal(nr_writes, 100);
}

static void rep_stops_at_the_page(void **state)
{
	static const uint8_t rep_stosq[] = { 0xf3, 0x48, 0xab };
	struct mmio_access a = {
		.gpa = gpa(DEVICE + 4080),
		.is_write = true,
		.insn = rep_stosq,
		.insn_nbytes = 3,
		.mode = INSN_MODE_64,
		.rflags = 2,
	};

	(void)state;
	cpu.gpr[REG_RCX] = 10;
	nr_writes = 0;
	assert_int_equal(mmio_emulate(&cpu, &a), 0);
	assert_false(a.done);
	assert_int_equal(nr_writes, 2);
	assert_int_equal(cpu.gpr[REG_RCX], 8);
}

static void movs_both_ways(void **state)
{
	static const uint8_t rep_movsb[] = { 0xf3, 0xa4 };
	static const uint8_t movsl[] = { 0xa5 };
	uint64_t flags = 2 | DF;
	bool done;

	(void)state;
	memcpy(guest_ram, "guest memory", 12);
	flags = 2;
	cpu.gpr[REG_RCX] = 12;
	cpu.gpr[REG_RSI] = 0;
	cpu.gpr[REG_RDI] = 0x7000;
	assert_int_equal(emulate(rep_movsb, 2, &flags, true, &done), 0);
	assert_true(done);
	assert_memory_equal(device, "guest memory", 12);
	assert_int_equal(cpu.gpr[REG_RSI], 12);
	assert_int_equal(cpu.gpr[REG_RDI], 0x700c);
	/* From the device, downwards. */
	flags = 2 | DF;
	cpu.gpr[REG_RSI] = 0x7000;
	cpu.gpr[REG_RDI] = 100;
	assert_int_equal(emulate(movsl, 1, &flags, false, &done), 0);
	assert_true(done);
	assert_memory_equal(guest_ram + 100, "gues", 4);
	assert_int_equal(cpu.gpr[REG_RDI], 96);
	assert_int_equal(cpu.gpr[REG_RSI], 0x6ffc);
	/* The other side faults: nothing moved, RIP stays. */
	operand_err = -EAGAIN;
	assert_int_equal(emulate(movsl, 1, &flags, true, &done), 0);
	assert_false(done);
	assert_int_equal(cpu.gpr[REG_RDI], 96);
	/* Nor has the device been read: what it gave would be lost. */
	nr_reads = 0;
	assert_int_equal(emulate(movsl, 1, &flags, false, &done), 0);
	assert_false(done);
	assert_int_equal(nr_reads, 0);
	operand_err = 0;
}

static void lods_reads_a_device(void **state)
{
	static const uint8_t lodsb[] = { 0xac };
	uint64_t flags = 2;

	(void)state;
	device[0] = 0x42;
	cpu.gpr[REG_RAX] = 0x1111;
	cpu.gpr[REG_RSI] = 5;
	assert_int_equal(emulate(lodsb, 1, &flags, false, NULL), 0);
	assert_int_equal(cpu.gpr[REG_RAX], 0x1142);
	assert_int_equal(cpu.gpr[REG_RSI], 6);
}

static int group_setup(void **state)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	trampoline = (void (*)(struct native *, uint64_t *))(uintptr_t)page;
	return page == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_instructions_agree_with_the_processor),
		cmocka_unit_test(alu_agrees_with_the_processor),
		cmocka_unit_test(alu_immediates_agree_with_the_processor),
		cmocka_unit_test(a_device_is_touched_exactly_once),
		cmocka_unit_test(unknown_instructions_change_nothing),
		cmocka_unit_test(where_nobody_is_all_bits_are_one),
		cmocka_unit_test(rep_stos_in_batches),
		cmocka_unit_test(rep_stops_at_the_page),
		cmocka_unit_test(movs_both_ways),
		cmocka_unit_test(lods_reads_a_device),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
