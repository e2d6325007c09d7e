// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies of vCPUs at rest; see vmx/vcpu_snapshot.h. */
#include "vmx/vcpu_snapshot.h"

#include "kernel/lib/lib.h"
#include "vmx/guest_walk.h"
#include "vmx/vcpu_priv.h"

static void take_registers(struct vcpu *v, struct vcpu_snapshot *s)
{
	memcpy(s->gpr, v->gpr, sizeof(s->gpr));
	s->gpr[REG_RSP] = vmcs_read(VMCS_GUEST_RSP);
	s->rip = vmcs_read(VMCS_GUEST_RIP);
	s->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	guest_paging_take(&s->paging);
	s->cr2 = read_cr2();
	s->fs_base = vmcs_read(VMCS_GUEST_FS_BASE);
	s->gs_base = vmcs_read(VMCS_GUEST_GS_BASE);
	s->gdt_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	s->idt_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	s->cs = (struct vcpu_segment){ (uint16_t)vmcs_read(VMCS_GUEST_CS_SEL),
				       vmcs_read32(VMCS_GUEST_CS_AR),
				       vmcs_read(VMCS_GUEST_CS_BASE) };
	s->ss = (struct vcpu_segment){ (uint16_t)vmcs_read(VMCS_GUEST_SS_SEL),
				       vmcs_read32(VMCS_GUEST_SS_AR),
				       vmcs_read(VMCS_GUEST_SS_BASE) };
}

uint64_t vm_snapshot_read(struct vm *vm, const struct vcpu_snapshot *s, gva_t a,
			  void *dst, uint64_t nbytes)
{
	uint64_t done = 0;

	while (done < nbytes) {
		gva_t at = { a.raw + done };
		uint64_t in_page = PAGE_SIZE - (at.raw & PAGE_MASK);
		uint64_t n = min(in_page, nbytes - done);
		gpa_t g;

		if (guest_peek(vm->gs, &s->paging, at, &g) ||
		    guest_read(vm->gs, g, (char *)dst + done, n))
			break;
		done += n;
	}
	return done;
}

uint64_t vm_read_physical(struct vm *vm, gpa_t a, void *dst, uint64_t nbytes)
{
	uint64_t done = 0;

	while (done < nbytes) {
		gpa_t at = gpa(a.raw + done);
		uint64_t in_page = PAGE_SIZE - (at.raw & PAGE_MASK);
		uint64_t n = min(in_page, nbytes - done);

		if (guest_read(vm->gs, at, (char *)dst + done, n))
			break;
		done += n;
	}
	return done;
}

/* Real and protected mode: linear addresses begin at the segment's base. */
static gva_t linear(const struct vcpu_segment *seg, uint64_t offset)
{
	return (gva_t){ seg->base + offset };
}

void vcpu_snapshot_take(struct vcpu *v)
{
	struct vcpu_snapshot *s = &v->snapshot;

	memset(s, 0, sizeof(*s));
	s->halted = v->halted;
	s->wait_sipi = v->wait_sipi;
	s->exit_reason = v->exit_reason;
	take_registers(v, s);
	s->nr_code = (uint32_t)vm_snapshot_read(
		v->vm, s, linear(&s->cs, s->rip), s->code, sizeof(s->code));
	s->nr_stack =
		(uint32_t)(vm_snapshot_read(v->vm, s,
					    linear(&s->ss, s->gpr[REG_RSP]),
					    s->stack, sizeof(s->stack)) /
			   sizeof(s->stack[0]));
	s->taken = true;
}

bool vm_snapshot(struct vm *vm, uint32_t index, struct vcpu_snapshot *out)
{
	if (index >= READ_ONCE(vm->nr_vcpus))
		return false;
	*out = vm->vcpus[index]->snapshot;
	return out->taken;
}
