/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 loader (Multiboot Specification 0.6.96): 32-bit ELF images and
 * flat images with address fields. The information structure, its strings
 * and the GDT form one block in low memory, clear of image and modules.
 *
 * Invariant: the image is untrusted; every offset is checked against the
 * file, every address against guest RAM, and no two parts overlap. Guest RAM is
 * fresh (hollow, reads zero), so that bss needs no write, only a free place.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/heap.h"
#include "vmx/loader_priv.h"

#define MB_HEADER_MAGIC	 0x1badb002u
#define MB_LOADER_MAGIC	 0x2badb002u
#define MB_SEARCH_NBYTES 8192u
#define MB_HEADER_NBYTES 12u /* magic, flags, checksum */
#define MB_AOUT_NBYTES	 32u /* with the address fields */

/* Header flags; bits 3..15 are requirements unknown to this loader. */
#define MB_F_UNKNOWN 0xfff8u
#define MB_F_AOUT    0x10000u

/* Offsets in the header. */
#define MB_FLAGS	 4u
#define MB_CHECKSUM	 8u
#define MB_HEADER_ADDR	 12u
#define MB_LOAD_ADDR	 16u
#define MB_LOAD_END_ADDR 20u
#define MB_BSS_END_ADDR	 24u
#define MB_ENTRY_ADDR	 28u

/* Information flags. */
#define MB_INFO_MEM	0x001u
#define MB_INFO_CMDLINE 0x004u
#define MB_INFO_MODS	0x008u
#define MB_INFO_MMAP	0x040u
#define MB_INFO_LOADER	0x200u

#define ELF_MAGIC     0x464c457fu
#define ELF_CLASS_32  1u
#define ELF_DATA_LSB  1u
#define ELF_TYPE_EXEC 2u
#define ELF_EM_386    3u
#define ELF_EHDR_SIZE 52u
#define ELF_PHDR_SIZE 32u
#define ELF_PT_LOAD   1u
#define ELF_MAX_PHDRS 16u
#define ELF_CLASS     4u
#define ELF_DATA      5u
#define ELF_TYPE      16u
#define ELF_MACHINE   18u
#define ELF_ENTRY     24u
#define ELF_PHOFF     28u
#define ELF_PHENTSIZE 42u
#define ELF_PHNUM     44u

#define MB_MAX_MODULES (CONFIG_MAX_MODULES + 1u) /* and the initrd */
#define MB_MAX_MMAP    8u
#define MB_MOD_STRING  (2 * CONFIG_PATH_MAX)

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device;
	uint32_t cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr, config_table;
	uint32_t boot_loader_name, apm_table;
} PACKED;

struct mb_mmap {
	uint32_t nbytes; /* of the rest of this entry */
	uint64_t base, length;
	uint32_t type; /* 1: RAM, 2: reserved */
} PACKED;

struct mb_module {
	uint32_t start, end, string, reserved;
} PACKED;

struct mb_block {
	uint64_t gdt[LOADER_GDT_NBYTES / 8];
	struct mb_info info;
	struct mb_mmap mmap[MB_MAX_MMAP];
	struct mb_module mods[MB_MAX_MODULES];
	char loader_name[16];
	char cmdline[CONFIG_PATH_MAX + CONFIG_CMDLINE_MAX];
	char strings[MB_MAX_MODULES][MB_MOD_STRING];
} PACKED;

/* One piece of the image: file_nbytes from the file, zero up to nbytes. */
struct mb_segment {
	uint64_t at, nbytes;
	uint64_t file_at, file_nbytes;
};

/* The header's offset in the file, or -1. */
static int64_t find_header(const struct bootfile *f)
{
	uint64_t end = min(f->nbytes, (uint64_t)MB_SEARCH_NBYTES);

	for (uint64_t at = 0; at + MB_HEADER_NBYTES <= end; at += 4) {
		const uint8_t *h = f->data + at;
		uint32_t sum = MB_HEADER_MAGIC + loader_le32(h + MB_FLAGS) +
			       loader_le32(h + MB_CHECKSUM);

		if (loader_le32(h) == MB_HEADER_MAGIC && !sum)
			return (int64_t)at;
	}
	return -1;
}

bool loader_is_multiboot(const struct bootfile *f)
{
	return find_header(f) >= 0;
}

static int put_segment(struct load *l, const struct mb_segment *s)
{
	const char *name = loader_file_name(l->image);
	int err;

	if (s->file_at > l->image->nbytes ||
	    s->file_nbytes > l->image->nbytes - s->file_at)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated: segment at %llu of %llu "
				   "bytes, file has %llu",
				   name, (unsigned long long)s->file_at,
				   (unsigned long long)s->file_nbytes,
				   (unsigned long long)l->image->nbytes);
	if (s->file_nbytes > s->nbytes)
		return loader_fail(l, -EINVAL,
				   "%s: segment at %#llx: file size over "
				   "memory size",
				   name, (unsigned long long)s->at);
	err = placer_take(&l->placer, s->at, s->nbytes);
	if (err == -EEXIST)
		return loader_fail(l, -EINVAL, "%s: segments overlap at %#llx",
				   name, (unsigned long long)s->at);
	if (err)
		return loader_fail(l, -ENOSPC,
				   "%s: no guest RAM for %llu bytes at %#llx",
				   name, (unsigned long long)s->nbytes,
				   (unsigned long long)s->at);
	if (!s->file_nbytes)
		return 0;
	return loader_put(l, s->at, l->image->data + s->file_at, s->file_nbytes,
			  "segment");
}

static int load_aout(struct load *l, uint64_t header_at)
{
	const char *name = loader_file_name(l->image);
	const uint8_t *h = l->image->data + header_at;
	uint64_t header_addr, load_addr, load_end, bss_end;
	struct mb_segment s;

	if (l->image->nbytes - header_at < MB_AOUT_NBYTES)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated in its Multiboot header",
				   name);
	header_addr = loader_le32(h + MB_HEADER_ADDR);
	load_addr = loader_le32(h + MB_LOAD_ADDR);
	load_end = loader_le32(h + MB_LOAD_END_ADDR);
	bss_end = loader_le32(h + MB_BSS_END_ADDR);
	if (load_addr > header_addr || header_addr - load_addr > header_at)
		return loader_fail(l, -EINVAL,
				   "%s: load address %#llx does not fit header "
				   "address %#llx",
				   name, (unsigned long long)load_addr,
				   (unsigned long long)header_addr);
	s.at = load_addr;
	s.file_at = header_at - (header_addr - load_addr);
	if (!load_end) /* "the whole file" */
		load_end = load_addr + (l->image->nbytes - s.file_at);
	bss_end = max(bss_end, load_end);
	if (load_end < load_addr)
		return loader_fail(l, -EINVAL,
				   "%s: load end %#llx below load address",
				   name, (unsigned long long)load_end);
	s.file_nbytes = load_end - load_addr;
	s.nbytes = bss_end - load_addr;
	l->out->rip = loader_le32(h + MB_ENTRY_ADDR);
	return put_segment(l, &s);
}

static int check_elf(struct load *l)
{
	const char *name = loader_file_name(l->image);
	const uint8_t *d = l->image->data;
	uint64_t phdrs_end;

	if (l->image->nbytes < ELF_EHDR_SIZE)
		return loader_fail(l, -EBADMSG, "%s: truncated: %llu bytes",
				   name, (unsigned long long)l->image->nbytes);
	if (loader_le32(d) != ELF_MAGIC)
		return loader_fail(l, -EINVAL,
				   "%s: Multiboot image is neither ELF nor has "
				   "address fields",
				   name);
	if (d[ELF_CLASS] != ELF_CLASS_32)
		return loader_fail(l, -EINVAL,
				   "%s: 64-bit ELF; Multiboot 1 takes 32-bit "
				   "(objcopy -O elf32-i386)",
				   name);
	if (d[ELF_DATA] != ELF_DATA_LSB ||
	    loader_le16(d + ELF_TYPE) != ELF_TYPE_EXEC ||
	    loader_le16(d + ELF_MACHINE) != ELF_EM_386 ||
	    loader_le16(d + ELF_PHENTSIZE) != ELF_PHDR_SIZE ||
	    loader_le16(d + ELF_PHNUM) > ELF_MAX_PHDRS)
		return loader_fail(l, -EINVAL,
				   "%s: not an i386 executable ELF with up to "
				   "%u segments",
				   name, ELF_MAX_PHDRS);
	phdrs_end = (uint64_t)loader_le32(d + ELF_PHOFF) +
		    loader_le16(d + ELF_PHNUM) * ELF_PHDR_SIZE;
	if (phdrs_end > l->image->nbytes)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated: program headers end at "
				   "%llu, file has %llu",
				   name, (unsigned long long)phdrs_end,
				   (unsigned long long)l->image->nbytes);
	return 0;
}

static int load_elf(struct load *l)
{
	const uint8_t *d = l->image->data;
	const uint8_t *ph;
	uint32_t entry;
	int err;

	err = check_elf(l);
	if (err)
		return err;
	ph = d + loader_le32(d + ELF_PHOFF);
	entry = loader_le32(d + ELF_ENTRY);
	l->out->rip = entry;
	for (unsigned i = loader_le16(d + ELF_PHNUM); i; i--) {
		struct mb_segment s = { loader_le32(ph + 12), /* p_paddr */
					loader_le32(ph + 20), /* p_memsz */
					loader_le32(ph + 4),  /* p_offset */
					loader_le32(ph + 16) /* p_filesz */ };
		uint32_t vaddr = loader_le32(ph + 8);

		if (loader_le32(ph) == ELF_PT_LOAD && s.nbytes) {
			err = put_segment(l, &s);
			if (err)
				return err;
			/* Entry is virtual; paging is still off. */
			if (entry - vaddr < s.nbytes)
				l->out->rip = (uint32_t)s.at + (entry - vaddr);
		}
		ph += ELF_PHDR_SIZE;
	}
	return 0;
}

static int put_module(struct load *l, struct mb_block *b, uint64_t block_at,
		      const char *path, const char *args)
{
	uint32_t i = b->info.mods_count;
	const struct bootfile *f;
	uint64_t at;
	int err;

	err = loader_get_file(l, path, &f);
	if (err)
		return err;
	err = placer_take_low(&l->placer, LOADER_HIGH, LOADER_MMIO,
			      max(f->nbytes, (uint64_t)1), PAGE_SIZE, &at);
	if (err)
		return loader_fail(l, -ENOSPC,
				   "%s: no room for module of %llu KiB: raise "
				   "mem.boot",
				   loader_file_name(f),
				   (unsigned long long)f->nbytes / 1024);
	snprintf(b->strings[i], MB_MOD_STRING, "%s%s%s", path,
		 args[0] ? " " : "", args);
	b->mods[i].start = (uint32_t)at;
	b->mods[i].end = (uint32_t)(at + f->nbytes);
	b->mods[i].string =
		(uint32_t)(block_at + offsetof(struct mb_block, strings) +
			   i * MB_MOD_STRING);
	b->info.mods_count++;
	return f->nbytes ? loader_put(l, at, f->data, f->nbytes, "module") : 0;
}

static int put_modules(struct load *l, struct mb_block *b, uint64_t block_at)
{
	const struct config_vm *cfg = l->vm->cfg;
	int err = 0;

	if (cfg->initrd[0])
		err = put_module(l, b, block_at, cfg->initrd, "");
	for (uint32_t i = 0; i < cfg->nr_modules && !err; i++)
		err = put_module(l, b, block_at, cfg->modules[i],
				 cfg->module_args[i]);
	return err;
}

static void add_mmap(struct mb_block *b, uint64_t base, uint64_t nbytes,
		     uint32_t type)
{
	struct mb_mmap *e;

	e = &b->mmap[b->info.mmap_length / sizeof(*e)];
	e->nbytes = sizeof(*e) - sizeof(e->nbytes);
	e->base = base;
	e->length = nbytes;
	e->type = type;
	b->info.mmap_length += (uint32_t)sizeof(*e);
}

static void fill_memory_map(struct gspace *gs, struct mb_block *b)
{
	uint64_t base, nbytes;

	for (unsigned i = 0; i < MB_MAX_MMAP - 1; i++) {
		if (!loader_usable_range(gs, i, &base, &nbytes))
			break;
		if (!nbytes)
			continue;
		if (!base)
			b->info.mem_lower = (uint32_t)(nbytes / 1024);
		if (base == LOADER_HIGH) {
			add_mmap(b, LOADER_BIOS, LOADER_HIGH - LOADER_BIOS, 2);
			b->info.mem_upper = (uint32_t)(nbytes / 1024);
		}
		add_mmap(b, base, nbytes, 1);
	}
}

static void fill_info(struct load *l, struct mb_block *b, uint64_t at)
{
	const struct config_vm *cfg = l->vm->cfg;
	uint32_t base = (uint32_t)at; /* below LOADER_MMIO */

	b->gdt[LOADER_CS / 8] = LOADER_SEG_CODE32;
	b->gdt[LOADER_DS / 8] = LOADER_SEG_DATA;
	b->info.flags = MB_INFO_MEM | MB_INFO_CMDLINE | MB_INFO_MODS |
			MB_INFO_MMAP | MB_INFO_LOADER;
	fill_memory_map(l->placer.gs, b);
	/* By custom the first word is the image's own path. */
	snprintf(b->cmdline, sizeof(b->cmdline), "%s%s%s", cfg->kernel,
		 cfg->cmdline[0] ? " " : "", cfg->cmdline);
	snprintf(b->loader_name, sizeof(b->loader_name), "Aerostat");
	b->info.cmdline = base + (uint32_t)offsetof(struct mb_block, cmdline);
	b->info.mods_addr = base + (uint32_t)offsetof(struct mb_block, mods);
	b->info.mmap_addr = base + (uint32_t)offsetof(struct mb_block, mmap);
	b->info.boot_loader_name =
		base + (uint32_t)offsetof(struct mb_block, loader_name);
}

/* Everything besides the image: modules, information, GDT, stack pointer. */
static int put_block(struct load *l)
{
	struct mb_block *b;
	uint64_t at;
	int err;

	err = placer_take_low(&l->placer, PAGE_SIZE, LOADER_MMIO, sizeof(*b),
			      PAGE_SIZE, &at);
	if (err)
		return loader_fail(l, -ENOSPC, "%s: no room for boot data",
				   loader_file_name(l->image));
	b = kzalloc(sizeof(*b));
	if (!b)
		return loader_fail(l, -ENOMEM, "%s: out of host memory",
				   loader_file_name(l->image));
	err = put_modules(l, b, at);
	if (err)
		goto free_block;
	fill_info(l, b, at);
	err = loader_put(l, at, b, sizeof(*b), "boot data");
	l->out->ebx = (uint32_t)(at + offsetof(struct mb_block, info));
	l->out->gdt_base = at + offsetof(struct mb_block, gdt);
	l->out->gdt_limit = LOADER_GDT_NBYTES - 1;
	l->out->cs = LOADER_CS;
	l->out->ds = LOADER_DS;
free_block:
	kfree(b);
	return err;
}

int loader_load_multiboot(struct load *l)
{
	const char *name = loader_file_name(l->image);
	int64_t at = find_header(l->image);
	uint32_t flags;
	int err;

	if (at < 0)
		return loader_fail(l, -EINVAL,
				   "%s: no Multiboot 1 header in the first "
				   "%u bytes",
				   name, MB_SEARCH_NBYTES);
	flags = loader_le32(l->image->data + at + MB_FLAGS);
	if (flags & MB_F_UNKNOWN)
		return loader_fail(l, -EINVAL,
				   "%s: requires unknown Multiboot features "
				   "(flags %#x)",
				   name, flags);
	err = flags & MB_F_AOUT ? load_aout(l, (uint64_t)at) : load_elf(l);
	if (err)
		return err;
	err = put_block(l);
	if (err)
		return err;
	l->out->mode = START_PROT32;
	l->out->eax = MB_LOADER_MAGIC;
	return 0;
}
