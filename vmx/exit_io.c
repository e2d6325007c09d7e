/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port I/O. Source: SDM Vol. 3, "Exit Qualification for I/O Instructions" and
 * "VM-Exit Instruction-Information Field as Used for INS and OUTS".
 */
#include "kernel/lib/errno.h"
#include "vmx/devices/devices.h"
#include "vmx/exit_fast.h"
#include "vmx/mmio.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define IO_SIZE	  0x7u /* bytes less one */
#define IO_IN	  BIT(3)
#define IO_STRING BIT(4)
#define IO_REP	  BIT(5)

static uint64_t size_mask(unsigned nbytes)
{
	return nbytes >= 8 ? ~0ull : (1ull << (8 * nbytes)) - 1;
}

/* A 32-bit result clears the upper half, smaller ones merge. */
static void set_reg(struct vcpu *v, enum reg r, uint64_t val, unsigned nbytes)
{
	uint64_t mask = size_mask(nbytes);

	if (nbytes == 4)
		v->gpr[r] = val & mask;
	else
		v->gpr[r] = (v->gpr[r] & ~mask) | (val & mask);
}

static enum exit_action io_register(struct vcpu *v, uint16_t port,
				    unsigned nbytes, bool in)
{
	uint32_t val = (uint32_t)(v->gpr[REG_RAX] & size_mask(nbytes));

	if (in) {
		(void)devices_pio_read(v, port, nbytes, &val);
		set_reg(v, REG_RAX, val, nbytes);
	} else {
		(void)devices_pio_write(v, port, nbytes, val);
	}
	return EXIT_SKIP_INSN;
}

/* A byte to or from one of the PC's old chips: polled by the hundred. */
bool fast_io(struct vcpu *v)
{
	uint64_t q = vmcs_read_here(VMCS_EXIT_QUAL);
	uint8_t val = (uint8_t)v->gpr[REG_RAX];

	if (q & (IO_STRING | IO_SIZE) ||
	    !devices_pio_quick(v, (uint16_t)(q >> 16), (q & IO_IN) != 0, &val))
		return false;
	if (q & IO_IN)
		v->gpr[REG_RAX] = (v->gpr[REG_RAX] & ~0xffull) | val;
	exit_skip_insn(vmcs_read_here(VMCS_EXIT_INSN_LEN));
	return exit_fast_touched(v, REASON_IO);
}

/* One element of INS/OUTS at guest-linear a. As in vmx/mmio.h. */
static int io_element(struct vcpu *v, uint16_t port, unsigned nbytes, bool in,
		      gva_t a)
{
	uint32_t val = 0;
	int err;

	if (!in) {
		err = vcpu_read_linear(v, a, &val, nbytes);
		if (!err)
			(void)devices_pio_write(v, port, nbytes, val);
		return err;
	}
	err = vcpu_ready_linear(v, a, nbytes);
	if (err)
		return err;
	(void)devices_pio_read(v, port, nbytes, &val);
	return vcpu_write_linear(v, a, &val, nbytes);
}

/*
 * Elements for one exit; the rest is done after re-entry (RIP unchanged), where
 * the vCPU gives way. An element that comes from a far page of the guest and
 * goes to a device that sends interrupts costs up to 5,000 ticks, interrupts
 * that come between included.
 */
#define STRING_BATCH 64u

/* Linear addresses of other code than 64-bit code have 32 bits. */
static uint64_t linear_mask(void)
{
	return vcpu_runs_64bit_code() ? ~0ull : size_mask(4);
}

static enum exit_action io_string(struct vcpu *v, uint16_t port,
				  unsigned nbytes, bool in, bool rep)
{
	uint32_t info = vmcs_read32(VMCS_EXIT_INSN_INFO);
	unsigned addr_nbytes = 2u << (info >> 7 & 7);
	uint64_t mask = size_mask(addr_nbytes), linear = linear_mask();
	enum reg index = in ? REG_RDI : REG_RSI;
	uint64_t at = v->gpr[index] & mask;
	uint64_t base = vmcs_read(VMCS_GUEST_LINEAR) - at;
	uint64_t count = rep ? v->gpr[REG_RCX] & mask : 1, done = 0;
	bool down = (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_DF) != 0;
	uint64_t step = down ? -(uint64_t)nbytes : nbytes;
	int err = 0;

	while (done < count && done < STRING_BATCH) {
		err = io_element(v, port, nbytes, in,
				 (gva_t){ (base + at) & linear });
		if (err)
			break;
		at = (at + step) & mask;
		done++;
	}
	if (done)
		set_reg(v, index, at, addr_nbytes);
	if (done && rep)
		set_reg(v, REG_RCX, count - done, addr_nbytes);
	if (err == -EOPNOTSUPP) {
		vcpu_crash(v, "INS/OUTS at linear %#lx, where no memory is",
			   (base + at) & linear);
		return EXIT_STOP_VM;
	}
	if (err || done < count)
		return EXIT_RESUME;
	return EXIT_SKIP_INSN;
}

enum exit_action exit_io(struct vcpu *v)
{
	uint64_t q = vmcs_read(VMCS_EXIT_QUAL);
	unsigned nbytes = (unsigned)(q & 7) + 1;
	uint16_t port = (uint16_t)(q >> 16);

	if (!(q & IO_STRING))
		return io_register(v, port, nbytes, (q & IO_IN) != 0);
	if (!vmx_controls.insn_info_io) {
		vcpu_crash(v, "INS/OUTS on a processor that does not "
			      "describe it (IA32_VMX_BASIC bit 54)");
		return EXIT_STOP_VM;
	}
	return io_string(v, port, nbytes, (q & IO_IN) != 0, (q & IO_REP) != 0);
}
