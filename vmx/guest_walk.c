/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-linear memory, by walking the guest's own page tables: for fetching
 * an instruction that has to be emulated and for string I/O. Read once, used
 * from the copy.
 *
 * Source: SDM Vol. 3, "Paging". Accessed and dirty bits are not set: the only
 * users re-run or have just run the access on the processor.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/vcpu_priv.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE   BIT(1)
#define PTE_USER    BIT(2)
#define PTE_LARGE   BIT(7)
#define PTE_ADDR    0x000ffffffffff000ull

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER	   4u

/* How one paging mode walks: levels, bits of index, size of an entry. */
struct paging {
	unsigned levels, index_bits, entry_nbytes;
	bool pse;
};

static bool paging_mode(struct paging *p)
{
	uint64_t cr0 = vmcs_read(VMCS_GUEST_CR0);
	uint64_t cr4 = vmcs_read(VMCS_GUEST_CR4);

	if (!(cr0 & CR0_PG))
		return false;
	if (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA)
		*p = (struct paging){ 4, 9, 8, true };
	else if (cr4 & CR4_PAE)
		*p = (struct paging){ 3, 9, 8, true };
	else
		*p = (struct paging){ 2, 10, 4, (cr4 & CR4_PSE) != 0 };
	return true;
}

static gpa_t leaf_address(uint64_t e, unsigned level, const struct paging *p,
			  uint64_t lin)
{
	unsigned shift = PAGE_SHIFT + (level - 1) * p->index_bits;
	uint64_t offset = lin & ((1ull << shift) - 1);
	uint64_t base = e & PTE_ADDR & ~((1ull << shift) - 1);

	/* 4 MiB pages keep address bits 39:32 in entry bits 20:13. */
	if (p->entry_nbytes == 4 && level == 2)
		base = (e & 0xffc00000u) | (e >> 13 & 0xff) << 32;
	return gpa(base | offset);
}

int guest_translate(struct vcpu *v, gva_t a, bool write, gpa_t *out,
		    uint32_t *error_code)
{
	unsigned user = vcpu_cpl() == 3 ? PF_USER : 0;
	struct paging p;
	uint64_t table, e = 0;
	unsigned level;

	*error_code = user | (write ? PF_WRITE : 0);
	if (!paging_mode(&p)) {
		*out = gpa(a.raw & 0xffffffffu);
		return 0;
	}
	table = vmcs_read(VMCS_GUEST_CR3) &
		(p.levels == 3 ? 0xffffffe0u : PTE_ADDR);
	for (level = p.levels; level; level--) {
		unsigned shift = PAGE_SHIFT + (level - 1) * p.index_bits;
		uint64_t i = a.raw >> shift & ((1u << p.index_bits) - 1);
		bool pdpte = p.levels == 3 && level == 3;

		if (pdpte)
			i &= 3;
		e = 0;
		if (guest_read(v->gs, gpa(table + i * p.entry_nbytes), &e,
			       p.entry_nbytes))
			return -EFAULT;
		if (!(e & PTE_PRESENT))
			return -EFAULT;
		if (!pdpte && ((user && !(e & PTE_USER)) ||
			       (write && user && !(e & PTE_WRITE)))) {
			*error_code |= PF_PRESENT;
			return -EFAULT;
		}
		if (level == 1 ||
		    (level <= 3 && (e & PTE_LARGE) && p.pse && !pdpte))
			break;
		table = e & PTE_ADDR;
	}
	*out = leaf_address(e, level, &p, a.raw);
	return 0;
}

/* One page's part of an access of nbytes at a. */
static unsigned part_of(gva_t a, unsigned nbytes)
{
	unsigned left = (unsigned)(PAGE_SIZE - (a.raw & PAGE_MASK));

	return min(left, nbytes);
}

int guest_read_linear(struct vcpu *v, gva_t a, void *dst, unsigned nbytes,
		      gva_t *fault, uint32_t *error_code)
{
	uint8_t *d = dst;
	gpa_t at;
	int err;

	while (nbytes) {
		unsigned n = part_of(a, nbytes);

		*fault = a;
		err = guest_translate(v, a, false, &at, error_code);
		if (!err)
			err = guest_read(v->gs, at, d, n);
		if (err)
			return err;
		a.raw += n;
		d += n;
		nbytes -= n;
	}
	return 0;
}

int guest_write_linear(struct vcpu *v, gva_t a, const void *src,
		       unsigned nbytes, gva_t *fault, uint32_t *error_code)
{
	const uint8_t *s = src;
	gpa_t at;
	int err;

	while (nbytes) {
		unsigned n = part_of(a, nbytes);

		*fault = a;
		err = guest_translate(v, a, true, &at, error_code);
		if (!err)
			err = guest_write(v->gs, at, s, n);
		if (err)
			return err;
		a.raw += n;
		s += n;
		nbytes -= n;
	}
	return 0;
}
