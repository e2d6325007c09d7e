/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds ACPI tables; pure code, used by the loader and by the hypervisor. The
 * tables are untrusted bytes: nothing is read before map() agreed to the whole
 * range, and a table counts only with a sane length and a right checksum.
 */
#ifndef KERNEL_ACPI_WALK_H
#define KERNEL_ACPI_WALK_H

#include "kernel/lib/acpi_format.h"

struct acpi_walk {
	/* [pa, pa + nbytes) if all of it may be read, else NULL. */
	const void *(*map)(const void *arg, uint64_t pa, uint64_t nbytes);
	const void *arg; /* of map() */
	/* Told of each wanted table that is there and not sound; or NULL. */
	void (*damaged)(uint64_t pa);
};

struct acpi_root {
	const struct acpi_header *table; /* XSDT or RSDT */
	uint32_t entry_nbytes;
};

/* The root table of the RSDP at pa, the XSDT if there is a sound one. */
bool acpi_walk_root(const struct acpi_walk *w, uint64_t pa,
		    struct acpi_root *out);

/* The table at pa, if it has the signature and is sound, else NULL. */
const struct acpi_header *acpi_walk_table(const struct acpi_walk *w,
					  uint64_t pa, const char *signature);

/* The first sound table with the signature that the root names, or NULL. */
const struct acpi_header *acpi_walk_find(const struct acpi_walk *w,
					 const struct acpi_root *root,
					 const char *signature);

/*
 * `nbytes` (up to 8) at offset `off` of a table as a number; 0 if the table
 * ends before.
 */
uint64_t acpi_field(const struct acpi_header *t, uint32_t off, uint32_t nbytes);

/*
 * The entry of a sound MADT behind prev (NULL: the first), or NULL behind the
 * last. It lies in the table with all its nbytes, which are 2 or more; the
 * caller compares them with what its type needs.
 */
const struct madt_entry *acpi_madt_next(const struct acpi_header *madt,
					const struct madt_entry *prev);

#endif
