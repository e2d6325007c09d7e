// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk from the RSDP to a table, and through the entries of the MADT. */
#include "kernel/lib/acpi_walk.h"

#include "kernel/lib/lib.h"

#define TABLE_MAX (16u << 20) /* longer is nonsense */
#define TABLES	  1024u	      /* and so is a root that names more */

static bool sums_to_zero(const void *p, uint32_t nbytes)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < nbytes; i++)
		sum = (uint8_t)(sum + b[i]);
	return sum == 0;
}

uint64_t acpi_field(const struct acpi_header *t, uint32_t off, uint32_t nbytes)
{
	uint64_t v = 0;

	if (off <= t->nbytes && nbytes <= t->nbytes - off)
		memcpy(&v, (const uint8_t *)t + off, nbytes);
	return v;
}

const struct acpi_header *acpi_walk_table(const struct acpi_walk *w,
					  uint64_t pa, const char *signature)
{
	const struct acpi_header *t =
		pa ? w->map(w->arg, pa, sizeof(*t)) : NULL;

	if (!t || memcmp(t->signature, signature, 4) != 0)
		return NULL;
	if (t->nbytes >= sizeof(*t) && t->nbytes <= TABLE_MAX) {
		t = w->map(w->arg, pa, t->nbytes);
		if (t && sums_to_zero(t, t->nbytes))
			return t;
	}
	if (w->damaged)
		w->damaged(pa);
	return NULL;
}

bool acpi_walk_root(const struct acpi_walk *w, uint64_t pa,
		    struct acpi_root *out)
{
	const uint32_t nbytes_v1 = offsetof(struct acpi_rsdp, nbytes);
	const struct acpi_rsdp *r = pa ? w->map(w->arg, pa, nbytes_v1) : NULL;

	out->table = NULL;
	if (!r || memcmp(r->signature, ACPI_RSDP_SIGNATURE, 8) != 0 ||
	    !sums_to_zero(r, nbytes_v1))
		return false;
	out->entry_nbytes = 8;
	if (r->revision >= 2 && w->map(w->arg, pa, sizeof(*r)))
		out->table = acpi_walk_table(w, r->xsdt, ACPI_XSDT_SIGNATURE);
	if (!out->table) {
		out->entry_nbytes = 4;
		out->table = acpi_walk_table(w, r->rsdt, ACPI_RSDT_SIGNATURE);
	}
	return out->table != NULL;
}

const struct acpi_header *acpi_walk_find(const struct acpi_walk *w,
					 const struct acpi_root *root,
					 const char *signature)
{
	const struct acpi_header *t = NULL;
	uint32_t off = sizeof(*root->table);
	uint32_t end =
		min(root->table->nbytes, (uint32_t)sizeof(*root->table) +
						 TABLES * root->entry_nbytes);

	for (; !t && off + root->entry_nbytes <= end; off += root->entry_nbytes)
		t = acpi_walk_table(
			w, acpi_field(root->table, off, root->entry_nbytes),
			signature);
	return t;
}

const struct madt_entry *acpi_madt_next(const struct acpi_header *madt,
					const struct madt_entry *prev)
{
	const uint8_t *first = (const uint8_t *)madt;
	const struct madt_entry *e;
	uint64_t off = sizeof(struct acpi_madt_header);

	if (prev)
		off = (uint64_t)((const uint8_t *)prev - first) + prev->nbytes;
	if (off + sizeof(*e) > madt->nbytes)
		return NULL;
	e = (const void *)(first + off);
	return e->nbytes >= sizeof(*e) && e->nbytes <= madt->nbytes - off
		       ? e
		       : NULL;
}
