// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INS and OUTS: what a device gives is never lost, whatever the memory side
 * comes to.
 * Sources: vmx/exit_io.c vmx/mmio_operand.c vmx/stay_timer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "mm/gspace.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define LIN 0x5000ull

struct vmx_controls vmx_controls;
static struct vcpu v;
static uint8_t memory[8];
static int access_err;	     /* of the memory side */
static uint32_t access_code; /* of its page fault, if it is one */
static bool has_code;
static unsigned nr_port_reads, nr_port_writes, nr_waits, nr_crashes;
static int faulted; /* vector, 0: none */
static uint32_t fault_code;

static int access_memory(gva_t a, gva_t *fault, uint32_t *code)
{
	*fault = a;
	if (access_err == -EFAULT && has_code)
		*code = access_code;
	return access_err;
}

int guest_read_linear(struct vcpu *vcpu, gva_t a, void *dst, unsigned nbytes,
		      gva_t *fault, uint32_t *code)
{
	(void)vcpu;
	memcpy(dst, memory, nbytes);
	return access_memory(a, fault, code);
}

int guest_commit_linear(struct vcpu *vcpu, gva_t a, unsigned nbytes,
			gva_t *fault, uint32_t *code)
{
	(void)vcpu;
	(void)nbytes;
	return access_memory(a, fault, code);
}

int guest_write_linear(struct vcpu *vcpu, gva_t a, const void *src,
		       unsigned nbytes, gva_t *fault, uint32_t *code)
{
	int err = access_memory(a, fault, code);

	(void)vcpu;
	if (!err)
		memcpy(memory, src, nbytes);
	return err;
}

void gspace_wait_memory(struct gspace *gs, bool (*stop)(void *arg), void *arg)
{
	(void)gs;
	assert_ptr_equal(stop, vcpu_is_called);
	assert_ptr_equal(arg, &v);
	nr_waits++;
}

void timer_hold_hardware(bool hold)
{
	(void)hold;
}

void timer_run_due(void)
{
}

bool vcpu_is_called(void *vcpu)
{
	(void)vcpu;
	return false;
}

bool devices_pio_read(struct vcpu *vcpu, uint16_t port, unsigned nbytes,
		      uint32_t *val)
{
	(void)vcpu;
	assert_int_equal(port, 0x60);
	assert_int_equal(nbytes, 1);
	*val = 0x40 + nr_port_reads++;
	return true;
}

bool devices_pio_write(struct vcpu *vcpu, uint16_t port, unsigned nbytes,
		       uint32_t val)
{
	(void)vcpu;
	(void)port;
	(void)nbytes;
	(void)val;
	nr_port_writes++;
	return true;
}

bool devices_pio_quick(struct vcpu *vcpu, uint16_t port, bool in, uint8_t *val)
{
	(void)vcpu;
	(void)port;
	(void)in;
	(void)val;
	return false;
}

void inject_exception_code(struct vcpu *vcpu, unsigned vector, uint32_t code)
{
	(void)vcpu;
	faulted = (int)vector;
	fault_code = code;
}

void vcpu_crash(struct vcpu *vcpu, const char *fmt, ...)
{
	(void)vcpu;
	(void)fmt;
	nr_crashes++;
}

static enum exit_action string_io(bool in, int err)
{
	memset(&v, 0, sizeof(v));
	v.gpr[REG_RDI] = v.gpr[REG_RSI] = LIN;
	vmx_controls.insn_info_io = true;
	access_err = err;
	has_code = false;
	nr_port_reads = nr_port_writes = nr_waits = nr_crashes = 0;
	faulted = 0;
	memset(memory, 0, sizeof(memory));
	vmcs_write(VMCS_EXIT_QUAL, 0x60ull << 16 | BIT(4) | (in ? BIT(3) : 0));
	vmcs_write(VMCS_EXIT_INSN_INFO, 2u << 7); /* 64-bit addresses */
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_LINEAR, LIN);
	return exit_io(&v);
}

static void an_element_moves(void **state)
{
	(void)state;
	assert_int_equal(string_io(true, 0), EXIT_SKIP_INSN);
	assert_int_equal(memory[0], 0x40);
	assert_int_equal(v.gpr[REG_RDI], LIN + 1);
	assert_int_equal(string_io(false, 0), EXIT_SKIP_INSN);
	assert_int_equal(nr_port_writes, 1);
	assert_int_equal(v.gpr[REG_RSI], LIN + 1);
}

static void memory_is_waited_for_before_the_port_is_read(void **state)
{
	(void)state;
	for (int in = 0; in < 2; in++) {
		assert_int_equal(string_io(in, -ENOMEM), EXIT_RESUME);
		assert_int_equal(nr_waits, 1);
		assert_int_equal(nr_port_reads + nr_port_writes, 0);
		assert_int_equal(faulted, 0);
		assert_int_equal(v.gpr[REG_RDI], LIN);
		assert_int_equal(v.gpr[REG_RSI], LIN);
	}
}

static void only_a_walk_that_fails_is_a_page_fault(void **state)
{
	(void)state;
	for (int in = 0; in < 2; in++) {
		/* Through the tables to where no memory is. */
		assert_int_equal(string_io(in, -EFAULT), EXIT_STOP_VM);
		assert_int_equal(nr_crashes, 1);
		assert_int_equal(faulted, 0);
		assert_int_equal(nr_port_reads + nr_port_writes, 0);
	}
	assert_int_equal(string_io(true, -EINVAL), EXIT_RESUME);
	assert_int_equal(faulted, 13);
	assert_int_equal(nr_port_reads, 0);
}

static void a_page_fault_comes_before_the_port_is_read(void **state)
{
	enum exit_action action;

	(void)state;
	(void)string_io(true, 0);
	access_err = -EFAULT;
	has_code = true;
	access_code = 2;
	nr_port_reads = 0;
	action = exit_io(&v);
	assert_int_equal(action, EXIT_RESUME);
	assert_int_equal(faulted, 14);
	assert_int_equal(fault_code, 2);
	assert_int_equal(v.lazy.cr2, LIN);
	assert_int_equal(nr_port_reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_element_moves),
		cmocka_unit_test(memory_is_waited_for_before_the_port_is_read),
		cmocka_unit_test(only_a_walk_that_fails_is_a_page_fault),
		cmocka_unit_test(a_page_fault_comes_before_the_port_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
