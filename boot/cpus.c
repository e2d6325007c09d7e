// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The list of CPUs: from the ACPI MADT, else from EFI MP Services (some
 * firmware, such as OVMF in Bochs, has no ACPI tables), else this CPU alone.
 */
#include "boot/loader.h"
#include "kernel/lib/acpi_walk.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"

#define CPU_ENABLED 0x1u
#define CPU_BOOT    0x2u
#define SOURCE_NONE 0u
#define SOURCE_MADT 1u
#define SOURCE_MP   2u
#define MAX_LISTED  4096u /* a bound on what broken tables can claim */

/* UEFI PI, "MP Services Protocol"; gnu-efi doesn't declare it. */
#define MP_SERVICES_GUID                                                       \
	{                                                                      \
		0x3fdda605, 0xa76e, 0x4f46,                                    \
		{                                                              \
			0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08         \
		}                                                              \
	}
#define MP_IS_BSP     0x1u
#define MP_IS_ENABLED 0x2u

struct mp_processor {
	UINT64 id; /* the local APIC's */
	UINT32 flags;
	UINT32 package, core, thread;
	UINT64 extended[3]; /* newer versions of the protocol write more */
};

struct mp_services {
	EFI_STATUS(EFIAPI *get_number)
	(struct mp_services *this, UINTN *nr, UINTN *nr_enabled);
	EFI_STATUS(EFIAPI *get_info)
	(struct mp_services *this, UINTN i, struct mp_processor *out);
};

static uint32_t own_apic_id(void)
{
	if (cpuid(0, 0).eax >= 0xb) {
		struct cpuid_regs r = cpuid(0xb, 0);

		/* The x2APIC ID, if the leaf is implemented (EBX != 0). */
		if (r.ebx & 0xffff)
			return r.edx;
	}
	return cpuid(1, 0).ebx >> 24;
}

static int list_alloc(struct boot_info *bi, uint32_t max_cpus)
{
	uint64_t nbytes = max_cpus * sizeof(struct boot_cpu);

	if (loader_alloc(round_up(nbytes, PAGE_SIZE) >> PAGE_SHIFT,
			 BOOT_MEM_LOADER, &bi->cpus)) {
		con_printf("No memory for a list of %u CPUs.\n", max_cpus);
		return -ENOMEM;
	}
	return 0;
}

static void list_add(struct boot_info *bi, uint32_t apic_id, bool enabled)
{
	struct boot_cpu *cpus = loader_ptr(bi->cpus);
	uint32_t i;

	for (i = 0; i < bi->nr_cpus; i++)
		if (cpus[i].apic_id == apic_id)
			return; /* an x2APIC entry may repeat a LAPIC one */
	cpus[bi->nr_cpus++] = (struct boot_cpu){
		.apic_id = apic_id,
		.flags = (enabled ? CPU_ENABLED : 0) |
			 (apic_id == own_apic_id() ? CPU_BOOT : 0),
	};
}

/* ACPI tables may lie in all that firmware maps: what its map lists. */
static const void *map_range(const void *arg, uint64_t pa, uint64_t nbytes)
{
	const struct efi_map *m = arg;
	const EFI_MEMORY_DESCRIPTOR *d;
	UINTN i;

	for (i = 0; (d = efi_map_entry(m, i)); i++) {
		struct boot_mem e = efi_map_believed(d);
		uint64_t size = e.npages << PAGE_SHIFT;

		if (e.type != BOOT_MEM_MMIO && pa >= e.base &&
		    pa - e.base < size && nbytes <= size - (pa - e.base))
			return loader_ptr(pa);
	}
	return NULL;
}

static void madt_entry_add(struct boot_info *bi, const struct madt_entry *e)
{
	const struct madt_x2apic *x2apic = (const void *)e;
	const struct madt_lapic *lapic = (const void *)e;
	uint32_t flags, id;

	if (e->type == MADT_LAPIC && e->nbytes >= sizeof(*lapic)) {
		flags = lapic->flags;
		id = lapic->apic_id;
	} else if (e->type == MADT_X2APIC && e->nbytes >= sizeof(*x2apic)) {
		flags = x2apic->flags;
		id = x2apic->apic_id;
	} else {
		return;
	}
	if (flags & (MADT_ENABLED | MADT_ONLINE_ABLE))
		list_add(bi, id, flags & MADT_ENABLED);
}

static const struct acpi_header *find_madt(uint64_t rsdp)
{
	struct efi_map m = { 0 };
	const struct acpi_walk w = { .map = map_range, .arg = &m };
	struct acpi_root root;

	if (efi_map_alloc(&m) || !acpi_walk_root(&w, rsdp, &root))
		return NULL;
	return acpi_walk_find(&w, &root, ACPI_MADT_SIGNATURE);
}

static int cpus_from_madt(struct boot_info *bi)
{
	const struct acpi_header *madt = find_madt(bi->rsdp);
	const struct madt_entry *e = NULL;
	int err;

	if (!madt)
		return -ENOENT;
	/* No entry of a CPU is shorter. */
	err = list_alloc(bi,
			 min(madt->nbytes / (uint32_t)sizeof(struct madt_lapic),
			     MAX_LISTED));
	if (err)
		return err;
	while (bi->nr_cpus < MAX_LISTED && (e = acpi_madt_next(madt, e)))
		madt_entry_add(bi, e);
	bi->cpu_source = SOURCE_MADT;
	return bi->nr_cpus ? 0 : -ENOENT;
}

static int cpus_from_mp_services(struct boot_info *bi)
{
	EFI_GUID guid = MP_SERVICES_GUID;
	struct mp_processor info;
	struct mp_services *mp;
	UINTN nr, nr_enabled, i;
	void *p;
	int err;

	if (EFI_ERROR(efi_bs->LocateProtocol(&guid, NULL, &p)))
		return -ENOENT;
	mp = p;
	if (EFI_ERROR(mp->get_number(mp, &nr, &nr_enabled)) || nr == 0)
		return -ENOENT;
	nr = min(nr, MAX_LISTED);
	err = list_alloc(bi, (uint32_t)nr);
	if (err)
		return err;
	for (i = 0; i < nr; i++)
		if (!EFI_ERROR(mp->get_info(mp, i, &info)))
			list_add(bi, (uint32_t)info.id,
				 info.flags & MP_IS_ENABLED);
	bi->cpu_source = SOURCE_MP;
	return bi->nr_cpus ? 0 : -ENOENT;
}

int cpus_collect(struct boot_info *bi)
{
	int err = cpus_from_madt(bi);

	if (err == -ENOENT)
		err = cpus_from_mp_services(bi);
	if (err != -ENOENT)
		return err;
	err = list_alloc(bi, 1);
	if (err)
		return err;
	bi->cpu_source = SOURCE_NONE;
	list_add(bi, own_apic_id(), true);
	return 0;
}
