// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Port I/O: when the exit fast path gives way to what a port has set off, and
 * what string instructions do to their registers (SDM Vol. 1, "Address-Size in
 * 64-Bit Mode"; Vol. 2, "INS" and "OUTS").
 *
 * Sources: vmx/exit_io.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <string.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define PORT	  0x40u
#define OUT_BYTE  (PORT << 16)
#define STRING	  0x10u
#define REP	  0x20u
#define INSN_LEN  2u
#define MAX_TRAIL 8u

struct vmx_controls vmx_controls = { .pin = PIN_PREEMPTION_TIMER,
				     .insn_info_io = true };
static struct vm the_vm;
static struct vcpu v;
static uint64_t arms; /* deadline that the port's device sets */
static bool wakes;    /* it wakes a thread that preempts */
static uint64_t trail[MAX_TRAIL];
static unsigned nr_elements;
static unsigned fault_at; /* element that faults */

void timer_hold_hardware(bool hold)
{
	(void)hold;
}

void timer_run_due(void)
{
}

bool devices_pio_quick(struct vcpu *vcpu, uint16_t port, bool in, uint8_t *val)
{
	(void)vcpu;
	(void)in;
	(void)val;
	assert_int_equal(port, PORT);
	this_cpu()->timer_next = arms;
	this_cpu()->need_resched = wakes;
	return true;
}

bool devices_pio_read(struct vcpu *vcpu, uint16_t port, unsigned nbytes,
		      uint32_t *val)
{
	(void)vcpu;
	(void)port;
	(void)nbytes;
	*val = 0;
	return true;
}

bool devices_pio_write(struct vcpu *vcpu, uint16_t port, unsigned nbytes,
		       uint32_t val)
{
	(void)vcpu;
	(void)port;
	(void)nbytes;
	(void)val;
	return true;
}

static int element(gva_t a)
{
	if (nr_elements == fault_at)
		return -EAGAIN;
	if (nr_elements < MAX_TRAIL)
		trail[nr_elements] = a.raw;
	nr_elements++;
	return 0;
}

int vcpu_ready_linear(struct vcpu *vcpu, gva_t a, unsigned nbytes)
{
	(void)vcpu;
	(void)a;
	(void)nbytes;
	return 0;
}

int vcpu_read_linear(struct vcpu *vcpu, gva_t a, void *dst, unsigned nbytes)
{
	(void)vcpu;
	memset(dst, 0, nbytes);
	return element(a);
}

int vcpu_write_linear(struct vcpu *vcpu, gva_t a, const void *src,
		      unsigned nbytes)
{
	(void)vcpu;
	(void)src;
	(void)nbytes;
	return element(a);
}

void vcpu_crash(struct vcpu *vcpu, const char *fmt, ...)
{
	(void)vcpu;
	fail_msg("%s", fmt);
}

static int setup(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	v.vm = &the_vm;
	fake_tsc = 1000000;
	this_cpu()->timer_next = arms = UINT64_MAX;
	this_cpu()->need_resched = wakes = false;
	nr_elements = 0;
	fault_at = ~0u;
	vmcs_write(VMCS_GUEST_RIP, 0x1000);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_EXIT_INSN_LEN, INSN_LEN);
	vmcs_write(VMCS_GUEST_EFER, EFER_LMA | EFER_LME);
	vmcs_write(VMCS_GUEST_CS_AR, AR_LONG);
	return 0;
}

/* ---- the fast path ---- */

static void timer_that_a_port_arms_ends_the_stay(void **state)
{
	(void)state;
	assert_true(stay_timer_begin(&v));
	vmcs_write(VMCS_EXIT_QUAL, OUT_BYTE);
	arms = fake_tsc + 500;
	assert_true(fast_io(&v));
	assert_int_equal(vmcs_read(VMCS_PREEMPTION_TIMER), 500);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x1000 + INSN_LEN);
}

static void thread_that_a_port_wakes_gets_the_cpu(void **state)
{
	(void)state;
	assert_true(stay_timer_begin(&v));
	vmcs_write(VMCS_EXIT_QUAL, OUT_BYTE);
	wakes = true;
	/* Out of the stay, and the instruction has been carried out. */
	assert_false(fast_io(&v));
	assert_int_equal(v.exit_reason, REASON_HANDLED);
	assert_int_equal(v.exits[REASON_IO], 1);
	assert_int_equal(vmcs_read(VMCS_GUEST_RIP), 0x1000 + INSN_LEN);
}

/* ---- strings ---- */

#define HIGH 0xabcd000000000000ull
#define REAL 0x10000000ull /* stands for a segment's base */

static const struct {
	const char *what;
	unsigned addr; /* address size: 0: 16 bits, 1: 32, 2: 64 */
	bool long_mode, down;
	uint64_t base, index, count;
	unsigned fault_at;
	uint64_t index_after, count_after, second; /* second element's place */
} strings[] = {
	{ "64 bits", 2, true, false, 0, HIGH | 0xffffffff, 2, ~0u,
	  HIGH + 0x100000001, 0, HIGH + 0x100000000 },
	{ "32 bits in 64-bit code clear the upper half", 1, true, false, 0,
	  HIGH | 0x1000, HIGH | 3, ~0u, 0x1003, 0, 0x1001 },
	{ "32 bits wrap", 1, true, false, 0, HIGH | 0xffffffff, HIGH | 2, ~0u,
	  1, 0, 0 },
	{ "32 bits wrap behind a segment's base", 1, true, false, REAL,
	  0xffffffff, 2, ~0u, 1, 0, REAL },
	{ "16 bits keep the rest", 0, false, false, REAL, 0xfff000, 0x550002,
	  ~0u, 0xfff002, 0x550000, REAL + 0xf001 },
	{ "16 bits wrap", 0, false, false, REAL, 0x12ffff, 3, ~0u, 0x120002, 0,
	  REAL },
	{ "16 bits wrap downwards", 0, false, true, REAL, 0, 2, ~0u, 0xfffe, 0,
	  REAL + 0xffff },
	{ "legacy code stays below 4 GiB", 1, false, false, 0xffff0000, 0xffff,
	  2, ~0u, 0x10001, 0, 0 },
	{ "nothing to do: nothing changes", 1, true, false, 0, HIGH | 0x1000,
	  HIGH, ~0u, HIGH | 0x1000, HIGH, 0 },
	{ "a fault at once changes nothing", 1, true, false, 0, HIGH | 0x1000,
	  HIGH | 3, 0, HIGH | 0x1000, HIGH | 3, 0 },
	{ "a fault later", 1, true, false, 0, HIGH | 0x1000, HIGH | 3, 2,
	  0x1002, 1, 0x1001 },
};

static void strings_move_as_wide_as_the_address(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		static const uint64_t masks[] = { 0xffff, 0xffffffff, ~0ull };
		uint64_t linear = strings[i].base +
				  (strings[i].index & masks[strings[i].addr]);

		setup(state);
		print_message("%s\n", strings[i].what);
		fault_at = strings[i].fault_at;
		if (!strings[i].long_mode) {
			vmcs_write(VMCS_GUEST_CS_AR, 0);
			linear &= 0xffffffff;
		}
		vmcs_write(VMCS_GUEST_RFLAGS, strings[i].down ? 0x402 : 2);
		vmcs_write(VMCS_EXIT_QUAL, OUT_BYTE | STRING | REP);
		vmcs_write(VMCS_EXIT_INSN_INFO, strings[i].addr << 7);
		vmcs_write(VMCS_GUEST_LINEAR, linear);
		v.gpr[REG_RSI] = strings[i].index;
		v.gpr[REG_RCX] = strings[i].count;
		assert_int_equal(exit_io(&v), fault_at == ~0u ? EXIT_SKIP_INSN
							      : EXIT_RESUME);
		assert_int_equal(v.gpr[REG_RSI], strings[i].index_after);
		assert_int_equal(v.gpr[REG_RCX], strings[i].count_after);
		if (nr_elements > 1)
			assert_int_equal(trail[1], strings[i].second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup(fn, setup)
		T(timer_that_a_port_arms_ends_the_stay),
		T(thread_that_a_port_wakes_gets_the_cpu),
		T(strings_move_as_wide_as_the_address),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
