// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `vm dump`: registers, stack, code and memory of a VM that stands still. All
 * is copied first and printed then; a VM that goes on meanwhile is said so.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/admin/admin_priv.h"
#include "vmx/vcpu_snapshot.h"

#define DUMP_MAX     4096u
#define DUMP_DEFAULT 128u
#define DUMP_ROW     16u

/* What is asked for; `at` only if has_address. */
struct dump_query {
	uint32_t vcpu;
	bool has_vcpu;
	bool has_address;
	bool physical;
	uint64_t at, nbytes;
};

static bool parse_vcpu(const char *word, struct dump_query *q)
{
	static const char option[] = "--vcpu=";
	size_t n = sizeof(option) - 1;
	uint64_t value;

	if (strncmp(word, option, n) != 0 ||
	    str_to_u64(word + n, &value) != 0 || value >= CONFIG_MAX_VCPUS)
		return false;
	q->vcpu = (uint32_t)value;
	q->has_vcpu = true;
	return true;
}

/* vm dump NAME [--vcpu=N] [--phys] [ADDRESS [LENGTH]] */
static int parse_query(const struct shell_args *a, struct dump_query *q)
{
	int nr_numbers = 0;

	*q = (struct dump_query){ .nbytes = DUMP_DEFAULT };
	for (int i = 3; i < a->argc; i++) {
		uint64_t *number = nr_numbers ? &q->nbytes : &q->at;

		if (strcmp(a->argv[i], "--phys") == 0)
			q->physical = true;
		else if (a->argv[i][0] == '-') {
			if (!parse_vcpu(a->argv[i], q))
				return -EINVAL;
		} else if (nr_numbers++ == 2 ||
			   str_to_u64(a->argv[i], number) != 0)
			return -EINVAL;
	}
	q->has_address = nr_numbers > 0;
	if (!q->nbytes || q->nbytes > DUMP_MAX ||
	    (q->physical && !q->has_address))
		return -EINVAL;
	return 0;
}

static bool stands_still(struct vm *vm)
{
	enum vm_state s = READ_ONCE(vm->state);

	return s == VM_PAUSED || s == VM_CRASHED || s == VM_OFF;
}

/* ---- registers ---- */

#define NR_REGISTERS 26

struct reg_value {
	const char *name;
	uint64_t value;
};

static void list_registers(const struct vcpu_snapshot *s, struct reg_value *out)
{
	static const char *const names[REG_COUNT] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};
	const struct reg_value rest[NR_REGISTERS - REG_COUNT] = {
		{ "cr0", s->paging.cr0 },   { "cr2", s->cr2 },
		{ "cr3", s->paging.cr3 },   { "cr4", s->paging.cr4 },
		{ "efer", s->paging.efer }, { "rflags", s->rflags },
		{ "fs", s->fs_base },	    { "gs", s->gs_base },
		{ "gdt", s->gdt_base },	    { "idt", s->idt_base },
	};

	for (unsigned i = 0; i < REG_COUNT; i++)
		out[i] = (struct reg_value){ names[i], s->gpr[i] };
	memcpy(out + REG_COUNT, rest, sizeof(rest));
}

static unsigned privilege(const struct vcpu_snapshot *s)
{
	return s->ss.access >> 5 & 3; /* SS.DPL */
}

static void text_registers(const struct vcpu_snapshot *s, uint32_t index)
{
	struct reg_value r[NR_REGISTERS];

	list_registers(s, r);
	out_printf("vcpu %u  rip %04x:%016lx  cpl %u  last exit %s%s\n", index,
		   s->cs.selector, s->rip, privilege(s),
		   vmx_reason_name(s->exit_reason & 0xffff),
		   s->wait_sipi ? ", not started"
		   : s->halted	? ", halted"
				: "");
	for (unsigned i = 0; i < NR_REGISTERS; i++)
		out_printf("%s%-6s %016lx%s", i % 3 ? "   " : "  ", r[i].name,
			   r[i].value,
			   i % 3 == 2 || i == NR_REGISTERS - 1 ? "\n" : "");
	out_str("  code  ");
	for (uint32_t i = 0; i < s->nr_code; i++)
		out_printf("%s%02x",
			   i == SNAPSHOT_CODE / 2 ? "\n         " : " ",
			   s->code[i]);
	out_str(s->nr_code ? "\n  stack " : " not mapped\n  stack ");
	for (uint32_t i = 0; i < s->nr_stack; i++)
		out_printf("%s%016lx", i && i % 4 == 0 ? "\n         " : " ",
			   s->stack[i]);
	out_str(s->nr_stack ? "\n" : " not mapped\n");
}

static void json_hex(struct json *j, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%#lx", value);
	json_str(j, name, text);
}

static void json_bytes(struct json *j, const char *name, const uint8_t *bytes,
		       uint64_t nbytes)
{
	static char text[2 * DUMP_MAX + 1];

	text[0] = '\0';
	for (uint64_t i = 0; i < nbytes; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	json_str(j, name, text);
}

/* Addresses and registers are texts: a JSON number may not hold 64 bits. */
static void json_registers(struct json *j, const struct vcpu_snapshot *s,
			   uint32_t index)
{
	struct reg_value r[NR_REGISTERS];

	list_registers(s, r);
	json_open_object(j, NULL);
	json_u64(j, "vcpu", index);
	json_str(j, "last_exit", vmx_reason_name(s->exit_reason & 0xffff));
	json_bool(j, "halted", s->halted);
	json_bool(j, "started", !s->wait_sipi);
	json_u64(j, "cpl", privilege(s));
	json_hex(j, "cs", s->cs.selector);
	json_hex(j, "rip", s->rip);
	for (unsigned i = 0; i < NR_REGISTERS; i++)
		json_hex(j, r[i].name, r[i].value);
	json_bytes(j, "code", s->code, s->nr_code);
	json_open_array(j, "stack");
	for (uint32_t i = 0; i < s->nr_stack; i++)
		json_hex(j, NULL, s->stack[i]);
	json_close_array(j);
	json_close_object(j);
}

/* False: there is no such vCPU, and that is said. */
static bool dump_registers(const struct shell_args *a, struct vm *vm,
			   const struct dump_query *q)
{
	uint32_t first = q->has_vcpu ? q->vcpu : 0;
	uint32_t end = q->has_vcpu ? q->vcpu + 1 : CONFIG_MAX_VCPUS;
	static struct vcpu_snapshot s; /* too large for the stack */
	struct json *j;

	if (!vm_snapshot(vm, first, &s))
		return false;
	j = out_list(a);
	for (uint32_t i = first; i < end && vm_snapshot(vm, i, &s); i++) {
		if (j)
			json_registers(j, &s, i);
		else
			text_registers(&s, i);
	}
	out_list_end(j);
	return true;
}

/* ---- memory ---- */

static void text_row(uint64_t at, const uint8_t *b, uint64_t n)
{
	char text[DUMP_ROW + 1];

	out_printf("%016lx ", at);
	for (uint64_t i = 0; i < DUMP_ROW; i++) {
		if (i < n)
			out_printf(" %02x", b[i]);
		else
			out_str("   ");
		text[i] = i < n && b[i] >= ' ' && b[i] <= '~' ? (char)b[i]
			  : i < n			      ? '.'
							      : '\0';
	}
	text[DUMP_ROW] = '\0';
	out_printf("  %s\n", text);
}

static void text_memory(const struct dump_query *q, const uint8_t *b,
			uint64_t got)
{
	for (uint64_t i = 0; i < got; i += DUMP_ROW)
		text_row(q->at + i, b + i, min(got - i, (uint64_t)DUMP_ROW));
	if (got < q->nbytes)
		out_printf("%016lx  %s\n", q->at + got,
			   q->physical ? "not RAM" : "not mapped, or not RAM");
}

static bool dump_memory(const struct shell_args *a, struct vm *vm,
			const struct dump_query *q)
{
	static uint8_t bytes[DUMP_MAX];
	static struct vcpu_snapshot s;
	uint64_t got = 0;
	struct json *j;

	if (!vm_snapshot(vm, q->vcpu, &s))
		return false;
	if (q->physical)
		got = vm_read_physical(vm, gpa(q->at), bytes, q->nbytes);
	else
		got = vm_snapshot_read(vm, &s, (gva_t){ q->at }, bytes,
				       q->nbytes);
	if (!a->json) {
		text_memory(q, bytes, got);
		return true;
	}
	j = out_json();
	json_open_object(j, NULL);
	json_hex(j, "address", q->at);
	json_u64(j, "nbytes", got);
	json_bytes(j, "bytes", bytes, got);
	json_close_object(j);
	out_json_end(j);
	return true;
}

/* ---- the command ---- */

int vm_dump(const struct shell_args *a)
{
	struct dump_query q;
	struct vm_view v;
	struct vm *vm;

	if (a->argc < 3 || parse_query(a, &q) != 0)
		return -EINVAL;
	vm = cmd_find_vm(a, a->argv[2]);
	if (!vm)
		return 0;
	vm_view_take(vm, &v);
	if (!stands_still(vm)) {
		out_fail(a, "vm dump %s: it is %s; `vm pause %s` first",
			 v.cfg->name, vm_state_name(v.state), v.cfg->name);
	} else if (q.has_address && !v.has_memory) {
		out_fail(a,
			 "vm dump %s: it is %s and its memory is gone; "
			 "`set %s on_crash pause` keeps it",
			 v.cfg->name, vm_state_name(v.state), v.cfg->name);
	} else if (!(q.has_address ? dump_memory(a, vm, &q)
				   : dump_registers(a, vm, &q))) {
		out_fail(a, "vm dump %s: vCPU %u was never started",
			 v.cfg->name, q.vcpu);
	} else if (!stands_still(vm) && !a->json) {
		out_str("(it goes on by now)\n");
	}
	return 0;
}
