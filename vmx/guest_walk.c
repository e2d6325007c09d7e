/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-linear memory, by walking the guest's own page tables: for fetching
 * an instruction that has to be emulated, and for the memory operands of what
 * is emulated. Read once, used from the copy.
 *
 * The walk does what the processor's would: rights, reserved bits, accessed
 * and dirty bits. Source: SDM Vol. 3, "Paging". Left out are protection keys,
 * which only guard user memory from its own program. guest_peek() looks
 * without being a guest's access: no rights, no flags.
 */
#include "vmx/guest_walk.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/pte_format.h"
#include "vmx/vcpu_priv.h"

/* Error codes of page faults: SDM Vol. 3, "Page-Fault Exceptions". */
#define PF_PRESENT  0x01u
#define PF_WRITE    0x02u
#define PF_USER	    0x04u
#define PF_RESERVED 0x08u
#define PF_FETCH    0x10u

#define MAX_LEVELS 5u
/* Another vCPU may change an entry while its accessed bit is being set. */
#define RETRIES 8u

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

/* How one paging mode walks. */
struct paging {
	unsigned levels, index_bits, entry_nbytes;
	unsigned largest; /* level of the largest pages */
	bool pdptes;	  /* level 3 is in the VMCS */
	bool nx;	  /* bit 63 is no-execute, else reserved */
};

struct walk {
	struct vcpu *v; /* NULL: guest_peek() */
	struct gspace *gs;
	gva_t lin;
	enum access access;
	struct guest_paging regs;
	struct paging p;
	uint32_t code;			/* of the page fault, if it is one */
	unsigned leaf;			/* its level */
	uint64_t entry[MAX_LEVELS + 1]; /* by level, as read */
	gpa_t at[MAX_LEVELS + 1];
};

void guest_paging_take(struct guest_paging *out)
{
	*out = (struct guest_paging){
		.cr0 = vmcs_read(VMCS_GUEST_CR0),
		.cr3 = vmcs_read(VMCS_GUEST_CR3),
		.cr4 = vmcs_read(VMCS_GUEST_CR4),
		.efer = vmcs_read(VMCS_GUEST_EFER),
		.pdpte = { vmcs_read(VMCS_GUEST_PDPTE0),
			   vmcs_read(VMCS_GUEST_PDPTE1),
			   vmcs_read(VMCS_GUEST_PDPTE2),
			   vmcs_read(VMCS_GUEST_PDPTE3) },
	};
}

static struct paging paging_mode(const struct guest_paging *regs)
{
	uint64_t cr4 = regs->cr4;
	bool nx = (regs->efer & EFER_NXE) != 0;

	if (regs->efer & EFER_LMA)
		return (struct paging){
			cr4 & CR4_LA57 ? 5 : 4, 9, 8, 3, false, nx
		};
	if (cr4 & CR4_PAE)
		return (struct paging){ 3, 9, 8, 2, true, nx };
	return (struct paging){ 2, 10, 4, cr4 & CR4_PSE ? 2 : 1, false, false };
}

static unsigned shift_of(const struct paging *p, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * p->index_bits;
}

static bool is_leaf(const struct walk *w, unsigned level, uint64_t e)
{
	return level == 1 || (level <= w->p.largest && (e & PTE_LARGE));
}

/* ---- one entry ---- */

static int read_entry(struct walk *w, unsigned level, uint64_t table)
{
	const struct paging *p = &w->p;
	uint64_t i =
		w->lin.raw >> shift_of(p, level) & ((1u << p->index_bits) - 1);

	w->entry[level] = 0;
	if (p->pdptes && level == 3) {
		w->entry[level] = w->regs.pdpte[i & 3];
		return 0;
	}
	w->at[level] = gpa(table + i * p->entry_nbytes);
	return guest_read(w->gs, w->at[level], &w->entry[level],
			  p->entry_nbytes);
}

/* Bits that must be 0 in a present entry. */
static uint64_t reserved_bits(const struct walk *w, unsigned level, uint64_t e)
{
	const struct paging *p = &w->p;
	uint64_t bits;

	if (p->pdptes && level == 3)
		return 0;	  /* checked when they were loaded */
	if (p->entry_nbytes == 4) /* bits 20:13 of a 4 MiB page: address */
		return level == 2 && is_leaf(w, level, e) ? BIT(21) : 0;
	/* Bits 62:52 are the guest's own, and its keys' in a leaf. */
	bits = cpuid_policy_no_address(w->v) & PTE_ADDR;
	bits |= p->nx ? 0 : PTE_NX;
	if (p->pdptes)
		bits |= ~PTE_NX & ~(BIT(52) - 1); /* "Using 62:52": reserved */
	if (level > w->p.largest && level > 1)
		bits |= PTE_LARGE;
	else if (level > 1 && (e & PTE_LARGE))
		/* The address begins at its own size; bit 12 is PAT. */
		bits |= (BIT(shift_of(p, level)) - 1) & ~(BIT(13) - 1);
	return bits;
}

/* ---- rights ---- */

/* SDM, "Determination of Access Rights"; all = what every level allows. */
static bool is_allowed(const struct walk *w, uint64_t all, bool nx)
{
	uint64_t cr0 = vmcs_read(VMCS_GUEST_CR0);
	uint64_t cr4 = vmcs_read(VMCS_GUEST_CR4);
	bool user_page = (all & PTE_USER) != 0;

	if (w->access == ACCESS_FETCH && nx)
		return false;
	if (vcpu_cpl() == 3)
		return user_page &&
		       (w->access != ACCESS_WRITE || (all & PTE_WRITE));
	if (w->access == ACCESS_FETCH)
		return !user_page || !(cr4 & CR4_SMEP);
	if (user_page && (cr4 & CR4_SMAP) &&
	    !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_AC))
		return false;
	return w->access != ACCESS_WRITE || (all & PTE_WRITE) ||
	       !(cr0 & CR0_WP);
}

static uint32_t access_bits(const struct walk *w)
{
	bool shows_fetch = w->p.nx || (vmcs_read(VMCS_GUEST_CR4) & CR4_SMEP);
	uint32_t code = vcpu_cpl() == 3 ? PF_USER : 0;

	if (w->access == ACCESS_WRITE)
		code |= PF_WRITE;
	if (w->access == ACCESS_FETCH && shows_fetch)
		code |= PF_FETCH;
	return code;
}

/* ---- the walk ---- */

static uint64_t table_of(const struct walk *w)
{
	return w->regs.cr3 & (w->p.entry_nbytes == 4 ? 0xfffff000u : PTE_ADDR);
}

/* Down to the leaf. 0; -EFAULT: w->code says why; -ENOMEM. */
static int descend(struct walk *w)
{
	uint64_t table = table_of(w);
	uint64_t all = PTE_USER | PTE_WRITE;
	bool nx = false;

	w->code = access_bits(w);
	for (w->leaf = w->p.levels;; w->leaf--) {
		bool has_rights = !(w->p.pdptes && w->leaf == 3);
		int err = read_entry(w, w->leaf, table);
		uint64_t e = w->entry[w->leaf];

		if (err)
			return err;
		if (!(e & PTE_PRESENT))
			return -EFAULT;
		if (e & reserved_bits(w, w->leaf, e)) {
			w->code |= PF_PRESENT | PF_RESERVED;
			return -EFAULT;
		}
		if (has_rights) {
			all &= e;
			nx |= w->p.nx && (e & PTE_NX);
		}
		if (is_leaf(w, w->leaf, e))
			break;
		table = e & PTE_ADDR;
	}
	w->code |= PF_PRESENT;
	return is_allowed(w, all, nx) ? 0 : -EFAULT;
}

/*
 * SDM, "Accessed and Dirty Flags". -EAGAIN: an entry has changed since it
 * was read.
 */
static int set_flags(struct walk *w)
{
	for (unsigned l = w->p.levels; l >= w->leaf; l--) {
		uint64_t old = w->entry[l], new = old | PTE_ACCESSED;
		int err;

		if (w->p.pdptes && l == 3)
			continue; /* they have none */
		if (l == w->leaf && w->access == ACCESS_WRITE)
			new |= PTE_DIRTY;
		if (new == old)
			continue;
		err = guest_cmpxchg(w->gs, w->at[l], w->p.entry_nbytes, old,
				    new);
		if (err)
			return err;
	}
	return 0;
}

static gpa_t leaf_address(const struct walk *w)
{
	uint64_t size = BIT(shift_of(&w->p, w->leaf));
	uint64_t e = w->entry[w->leaf];
	uint64_t base = e & PTE_ADDR & ~(size - 1);

	/* 4 MiB pages keep address bits 39:32 in entry bits 20:13 (PSE-36). */
	if (w->p.entry_nbytes == 4 && w->leaf == 2)
		base = (e & 0xffc00000u) | (e >> 13 & 0xff) << 32;
	return gpa(base | (w->lin.raw & (size - 1)));
}

static bool is_canonical(gva_t a, const struct paging *p)
{
	unsigned unused = 64 - shift_of(p, p->levels + 1);

	return (uint64_t)((int64_t)(a.raw << unused) >> unused) == a.raw;
}

/* 1: the tables tell; 0: no paging, lin is the address; -EINVAL. */
static int begin(struct walk *w, gva_t a)
{
	bool is_long = (w->regs.efer & EFER_LMA) != 0;

	w->lin = (gva_t){ is_long ? a.raw : a.raw & 0xffffffffu };
	if (!(w->regs.cr0 & CR0_PG))
		return 0;
	w->p = paging_mode(&w->regs);
	return is_long && !is_canonical(a, &w->p) ? -EINVAL : 1;
}

int guest_peek(struct gspace *gs, const struct guest_paging *regs, gva_t a,
	       gpa_t *out)
{
	struct walk w = { .gs = gs, .regs = *regs };
	int err = begin(&w, a);
	uint64_t table;

	*out = gpa(w.lin.raw);
	if (err <= 0)
		return err;
	table = table_of(&w);
	for (w.leaf = w.p.levels;; w.leaf--) {
		err = read_entry(&w, w.leaf, table);
		if (err || !(w.entry[w.leaf] & PTE_PRESENT))
			return -EFAULT;
		if (is_leaf(&w, w.leaf, w.entry[w.leaf]))
			break;
		table = w.entry[w.leaf] & PTE_ADDR;
	}
	*out = leaf_address(&w);
	return 0;
}

static int translate(struct vcpu *v, gva_t a, enum access access, gpa_t *out,
		     uint32_t *code)
{
	struct walk w = { .v = v, .gs = v->gs, .access = access };
	int err;

	guest_paging_take(&w.regs);
	err = begin(&w, a);
	if (err <= 0) {
		*out = gpa(w.lin.raw);
		return err;
	}
	err = -EAGAIN;
	for (unsigned i = 0; i < RETRIES && err == -EAGAIN; i++) {
		err = descend(&w);
		if (!err)
			err = set_flags(&w);
	}
	/* Changed all the time: a fault that the guest finds to be none. */
	if (err == -EAGAIN)
		err = -EFAULT;
	if (err == -EFAULT)
		*code = w.code;
	*out = leaf_address(&w);
	return err;
}

/* ---- copies ---- */

/* One page's part of an access of nbytes at a. */
static unsigned part_of(gva_t a, unsigned nbytes)
{
	unsigned left = (unsigned)(PAGE_SIZE - (a.raw & PAGE_MASK));

	return min(left, nbytes);
}

static int read_as(struct vcpu *v, enum access access, gva_t a, void *dst,
		   unsigned nbytes, gva_t *fault, uint32_t *error_code)
{
	uint8_t *d = dst;
	gpa_t at;
	int err;

	while (nbytes) {
		unsigned n = part_of(a, nbytes);

		*fault = a;
		err = translate(v, a, access, &at, error_code);
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

int guest_read_linear(struct vcpu *v, gva_t a, void *dst, unsigned nbytes,
		      gva_t *fault, uint32_t *error_code)
{
	return read_as(v, ACCESS_READ, a, dst, nbytes, fault, error_code);
}

unsigned guest_fetch_linear(struct vcpu *v, gva_t a, uint8_t *dst,
			    unsigned nbytes)
{
	unsigned first = part_of(a, nbytes);
	uint32_t code;
	gva_t fault;

	if (read_as(v, ACCESS_FETCH, a, dst, first, &fault, &code))
		return 0;
	a.raw += first;
	if (first < nbytes && read_as(v, ACCESS_FETCH, a, dst + first,
				      nbytes - first, &fault, &code))
		return first;
	return nbytes;
}

/* Without s only makes ready what would be written. */
static int write_at(struct vcpu *v, gva_t a, const uint8_t *s, unsigned nbytes,
		    gva_t *fault, uint32_t *error_code)
{
	gpa_t at;
	int err;

	while (nbytes) {
		unsigned n = part_of(a, nbytes);

		*fault = a;
		err = translate(v, a, ACCESS_WRITE, &at, error_code);
		if (!err)
			err = s ? guest_write(v->gs, at, s, n)
				: guest_commit(v->gs, at, n);
		if (err)
			return err;
		a.raw += n;
		s = s ? s + n : NULL;
		nbytes -= n;
	}
	return 0;
}

int guest_write_linear(struct vcpu *v, gva_t a, const void *src,
		       unsigned nbytes, gva_t *fault, uint32_t *error_code)
{
	return write_at(v, a, src, nbytes, fault, error_code);
}

int guest_commit_linear(struct vcpu *v, gva_t a, unsigned nbytes, gva_t *fault,
			uint32_t *error_code)
{
	return write_at(v, a, NULL, nbytes, fault, error_code);
}
