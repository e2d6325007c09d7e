/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux bzImage loader by the 64-bit boot protocol (Linux
 * Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"): kernel at its
 * preferred address, initrd as high as it may lie, zero page, command line,
 * identity page tables and GDT in the first 64 KiB, which Linux itself
 * leaves alone.
 *
 * Invariant: the setup header comes from an untrusted file; every offset
 * taken from it is checked against the file and against guest RAM.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/pte_format.h"
#include "mm/heap.h"
#include "vmx/loader_priv.h"

/* Offsets in the image, "The Real-Mode Kernel Header". */
#define HDR_SETUP_SECTS	 0x1f1u
#define HDR_SYSSIZE	 0x1f4u
#define HDR_BOOT_FLAG	 0x1feu
#define HDR_JUMP_LEN	 0x201u
#define HDR_MAGIC	 0x202u
#define HDR_VERSION	 0x206u
#define HDR_LOADER_TYPE	 0x210u
#define HDR_RAMDISK	 0x218u
#define HDR_RAMDISK_SIZE 0x21cu
#define HDR_CMDLINE_PTR	 0x228u
#define HDR_INITRD_MAX	 0x22cu
#define HDR_ALIGNMENT	 0x230u
#define HDR_RELOCATABLE	 0x234u
#define HDR_XLOADFLAGS	 0x236u
#define HDR_CMDLINE_SIZE 0x238u
#define HDR_SETUP_DATA	 0x250u
#define HDR_PREF_ADDRESS 0x258u
#define HDR_INIT_SIZE	 0x260u
#define HDR_MIN_NBYTES	 0x264u

#define BOOT_FLAG	  0xaa55u
#define HEADER_MAGIC	  0x53726448u /* "HdrS" */
#define MIN_VERSION	  0x020cu     /* xloadflags */
#define XLF_KERNEL_64	  0x0001u
#define LOADER_TYPE_OTHER 0xffu /* no assigned boot loader ID */
#define ENTRY_64	  0x200u
#define SECTOR		  512u

/* Offsets in the zero page (struct boot_params). */
#define ZP_ACPI_RSDP	0x070u
#define ZP_E820_ENTRIES 0x1e8u
#define ZP_HDR		HDR_SETUP_SECTS
#define ZP_E820_TABLE	0x2d0u
#define ZP_E820_MAX	128u
#define ZP_HDR_END	0x290u /* edd buffers follow */

struct e820_entry {
	uint64_t base, nbytes;
	uint32_t type;
} PACKED;
#define E820_RAM      1u
#define E820_RESERVED 2u

/* Low memory, all below the 64 KiB that Linux reserves by default. */
#define AT_GDT	       0x1000ull
#define AT_PAGE_TABLES 0x2000ull /* PML4, PDPT, 4 page directories */
#define AT_ZERO_PAGE   0x8000ull
#define AT_CMDLINE     0x9000ull
#define AT_STACK_TOP   0xb000ull
#define NR_PD	       4u /* 4 GiB identity-mapped in 2 MiB pages */

#define PTE_PRESENT_WRITE (PTE_PRESENT | PTE_WRITE)

struct linux_image {
	const uint8_t *data;
	uint32_t setup_nbytes;
	uint64_t kernel_nbytes;
	uint32_t init_nbytes, cmdline_max;
	uint64_t initrd_end; /* first address that the initrd may not use */
	uint64_t pref, align;
	bool relocatable;
	uint64_t base; /* where it was placed */
};

bool loader_is_linux(const struct bootfile *f)
{
	return f->nbytes >= HDR_MIN_NBYTES &&
	       loader_le16(f->data + HDR_BOOT_FLAG) == BOOT_FLAG &&
	       loader_le32(f->data + HDR_MAGIC) == HEADER_MAGIC;
}

static int check_identity(struct load *l)
{
	const char *name = loader_file_name(l->image);
	const uint8_t *d = l->image->data;

	if (l->image->nbytes < HDR_MIN_NBYTES)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated: %llu bytes, a bzImage "
				   "header needs %u",
				   name, (unsigned long long)l->image->nbytes,
				   HDR_MIN_NBYTES);
	if (!loader_is_linux(l->image))
		return loader_fail(l, -EINVAL,
				   "%s: not a bzImage (no \"HdrS\" header)",
				   name);
	if (loader_le16(d + HDR_VERSION) < MIN_VERSION)
		return loader_fail(
			l, -EINVAL, "%s: boot protocol %#x, need %#x or later",
			name, loader_le16(d + HDR_VERSION), MIN_VERSION);
	if (!(loader_le16(d + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return loader_fail(l, -EINVAL, "%s: not a 64-bit kernel", name);
	return 0;
}

/* Reads the header once into *k and checks the sizes that it claims. */
static int parse_header(struct load *l, struct linux_image *k)
{
	const char *name = loader_file_name(l->image);
	const uint8_t *d = l->image->data;
	uint64_t total;

	k->data = d;
	/* Zero means four, for kernels from before the field. */
	k->setup_nbytes =
		((d[HDR_SETUP_SECTS] ? d[HDR_SETUP_SECTS] : 4u) + 1) * SECTOR;
	k->kernel_nbytes = (uint64_t)loader_le32(d + HDR_SYSSIZE) * 16;
	k->init_nbytes = loader_le32(d + HDR_INIT_SIZE);
	k->cmdline_max = loader_le32(d + HDR_CMDLINE_SIZE);
	k->initrd_end = (uint64_t)loader_le32(d + HDR_INITRD_MAX) + 1;
	k->pref = loader_le64(d + HDR_PREF_ADDRESS);
	k->align = loader_le32(d + HDR_ALIGNMENT);
	k->relocatable = d[HDR_RELOCATABLE] != 0;

	total = k->setup_nbytes + k->kernel_nbytes;
	if (l->image->nbytes < total)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated: header says %llu bytes, "
				   "file has %llu",
				   name, (unsigned long long)total,
				   (unsigned long long)l->image->nbytes);
	if (k->kernel_nbytes <= ENTRY_64 || k->init_nbytes < k->kernel_nbytes)
		return loader_fail(l, -EINVAL,
				   "%s: bad header: kernel %llu bytes, "
				   "init_size %u",
				   name, (unsigned long long)k->kernel_nbytes,
				   k->init_nbytes);
	if (!k->align || (k->align & (k->align - 1)))
		return loader_fail(l, -EINVAL,
				   "%s: bad header: kernel_alignment %#llx",
				   name, (unsigned long long)k->align);
	return 0;
}

/*
 * At its preferred address, or, if it is relocatable, at the lowest place
 * above: a kernel that starts below its preferred address moves itself up to
 * it, so lower places gain nothing.
 */
static int place_kernel(struct load *l, struct linux_image *k)
{
	struct placer *p = &l->placer;
	int err;

	k->base = k->pref;
	err = placer_take(p, k->base, k->init_nbytes);
	if (err && k->relocatable)
		err = placer_take_low(p, k->pref, LOADER_MMIO, k->init_nbytes,
				      k->align, &k->base);
	if (err)
		return loader_fail(l, -ENOSPC,
				   "%s: needs %u KiB of RAM at %#llx: raise "
				   "mem.boot",
				   loader_file_name(l->image),
				   k->init_nbytes / 1024,
				   (unsigned long long)k->pref);
	return loader_put(l, k->base, k->data + k->setup_nbytes,
			  k->kernel_nbytes, "kernel");
}

/* Leaves *at and *nbytes 0 if the VM has no initrd. */
static int put_initrd(struct load *l, const struct linux_image *k, uint64_t *at,
		      uint64_t *nbytes)
{
	const struct bootfile *f;
	int err;

	*at = *nbytes = 0;
	if (!l->vm->cfg->initrd[0])
		return 0;
	err = loader_get_file(l, l->vm->cfg->initrd, &f);
	if (err)
		return err;
	if (!f->nbytes)
		return loader_fail(l, -EBADMSG, "%s: empty initrd",
				   loader_file_name(f));
	err = placer_take_high(&l->placer, LOADER_HIGH,
			       min(k->initrd_end, LOADER_MMIO), f->nbytes,
			       PAGE_SIZE, at);
	if (err)
		return loader_fail(l, -ENOSPC,
				   "%s: no room for %llu KiB beside the "
				   "kernel: raise mem.boot",
				   loader_file_name(f),
				   (unsigned long long)f->nbytes / 1024);
	*nbytes = f->nbytes;
	return loader_put(l, *at, f->data, f->nbytes, "initrd");
}

static int put_cmdline(struct load *l, const struct linux_image *k)
{
	const char *s = l->vm->cfg->cmdline;
	size_t n = strnlen(s, CONFIG_CMDLINE_MAX);

	if (n == CONFIG_CMDLINE_MAX || n > k->cmdline_max)
		return loader_fail(l, -E2BIG,
				   "%s: command line of %zu bytes, this "
				   "kernel takes %u",
				   loader_file_name(l->image), n,
				   k->cmdline_max);
	return loader_put(l, AT_CMDLINE, s, n + 1, "command line");
}

static uint8_t fill_e820(struct gspace *gs, uint8_t *table)
{
	struct e820_entry e = { LOADER_BIOS, LOADER_HIGH - LOADER_BIOS,
				E820_RESERVED };
	bool bios_done = false;
	uint8_t n = 0;

	for (unsigned i = 0; n < ZP_E820_MAX - 1; i++) {
		struct e820_entry r = { .type = E820_RAM };
		uint64_t base, nbytes;

		if (!loader_usable_range(gs, i, &base, &nbytes))
			break;
		if (!nbytes)
			continue;
		if (base >= LOADER_HIGH && !bios_done) {
			memcpy(table + sizeof(e) * n++, &e, sizeof(e));
			bios_done = true;
		}
		r.base = base;
		r.nbytes = nbytes;
		memcpy(table + sizeof(r) * n++, &r, sizeof(r));
	}
	return n;
}

static void store32(uint8_t *p, uint64_t v)
{
	uint32_t low = (uint32_t)v;

	memcpy(p, &low, sizeof(low));
}

/* Fills the zero page; zp is one zeroed page. */
static void fill_zero_page(struct load *l, const struct linux_image *k,
			   uint64_t initrd, uint64_t initrd_nbytes, uint8_t *zp)
{
	const uint64_t rsdp = LOADER_BIOS;
	/* The header ends where the jump over it lands. */
	uint32_t hdr_end = HDR_MAGIC + k->data[HDR_JUMP_LEN];

	hdr_end = max(hdr_end, HDR_MIN_NBYTES);
	hdr_end = min(hdr_end, ZP_HDR_END);
	memcpy(zp + ZP_HDR, k->data + ZP_HDR, hdr_end - ZP_HDR);
	zp[HDR_LOADER_TYPE] = LOADER_TYPE_OTHER;
	store32(zp + HDR_RAMDISK, initrd);
	store32(zp + HDR_RAMDISK_SIZE, initrd_nbytes);
	store32(zp + HDR_CMDLINE_PTR, AT_CMDLINE);
	memset(zp + HDR_SETUP_DATA, 0, 8);
	memcpy(zp + ZP_ACPI_RSDP, &rsdp, sizeof(rsdp));
	zp[ZP_E820_ENTRIES] = fill_e820(l->placer.gs, zp + ZP_E820_TABLE);
}

/* Page directory number pd of the identity map. */
static void fill_page_directory(uint64_t *table, unsigned pd)
{
	for (unsigned i = 0; i < 512; i++)
		table[i] =
			(pd * 512ull + i) << 21 | PTE_LARGE | PTE_PRESENT_WRITE;
}

static int put_page_tables(struct load *l, uint64_t *page)
{
	uint64_t at = AT_PAGE_TABLES;
	int err;

	page[0] = (at + PAGE_SIZE) | PTE_PRESENT_WRITE;
	err = loader_put(l, at, page, PAGE_SIZE, "page tables");
	if (err)
		return err;
	at += PAGE_SIZE;
	for (unsigned i = 0; i < NR_PD; i++)
		page[i] = (at + (i + 1) * PAGE_SIZE) | PTE_PRESENT_WRITE;
	err = loader_put(l, at, page, PAGE_SIZE, "page tables");
	for (unsigned i = 0; i < NR_PD && !err; i++) {
		at += PAGE_SIZE;
		fill_page_directory(page, i);
		err = loader_put(l, at, page, PAGE_SIZE, "page tables");
	}
	l->out->cr3 = AT_PAGE_TABLES;
	return err;
}

static int put_tables(struct load *l, const struct linux_image *k,
		      uint64_t initrd, uint64_t initrd_nbytes)
{
	uint8_t *page = kzalloc(PAGE_SIZE);
	int err;

	if (!page)
		return loader_fail(l, -ENOMEM, "%s: out of host memory",
				   loader_file_name(l->image));
	fill_zero_page(l, k, initrd, initrd_nbytes, page);
	err = loader_put(l, AT_ZERO_PAGE, page, PAGE_SIZE, "zero page");
	if (err)
		goto free_page;
	err = loader_put_gdt(l, AT_GDT, LOADER_SEG_CODE64);
	if (err)
		goto free_page;
	memset(page, 0, PAGE_SIZE);
	err = put_page_tables(l, (uint64_t *)page);
free_page:
	kfree(page);
	return err;
}

int loader_load_linux(struct load *l)
{
	struct linux_image k = { 0 };
	uint64_t initrd, initrd_nbytes;
	int err;

	err = check_identity(l);
	if (err)
		return err;
	err = parse_header(l, &k);
	if (err)
		return err;
	/* Low memory is the loader's; a kernel wanting it can't be served. */
	err = placer_take(&l->placer, 0, AT_STACK_TOP);
	if (err)
		return loader_fail(l, err, "guest has no low memory");
	err = place_kernel(l, &k);
	if (err)
		return err;
	err = put_initrd(l, &k, &initrd, &initrd_nbytes);
	if (err)
		return err;
	err = put_cmdline(l, &k);
	if (err)
		return err;
	err = put_tables(l, &k, initrd, initrd_nbytes);
	if (err)
		return err;
	l->out->mode = START_LONG64;
	l->out->rip = k.base + ENTRY_64;
	l->out->rsi = AT_ZERO_PAGE;
	l->out->rsp = AT_STACK_TOP;
	return 0;
}
