// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places the hypervisor, an ELF file inside the loader, into memory. Its
 * segments keep their distances: one physically contiguous image.
 */
#include "boot/loader.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define ELF_MAGIC 0x464c457fu /* "\x7fELF" */
#define EM_X86_64 62u
#define PT_LOAD	  1u

struct elf_header {
	uint32_t magic;
	uint8_t ident[12];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64 file header");

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF-64 program header");

/* boot/image.asm */
extern const uint8_t embedded_elf[];
extern const uint64_t embedded_elf_nbytes;

static bool header_is_good(const struct elf_header *h, uint64_t nbytes)
{
	return nbytes >= sizeof(*h) && h->magic == ELF_MAGIC &&
	       h->machine == EM_X86_64 &&
	       h->phentsize == sizeof(struct elf_segment) &&
	       h->phoff <= nbytes &&
	       h->phnum * sizeof(struct elf_segment) <= nbytes - h->phoff;
}

static bool segment_is_good(const struct elf_segment *s, uint64_t nbytes)
{
	return s->offset <= nbytes && s->filesz <= nbytes - s->offset &&
	       s->filesz <= s->memsz && s->vaddr >= KERNEL_VMA &&
	       s->memsz <= 0 - s->vaddr;
}

/* The virtual range of all segments. -EINVAL: some segment is bad. */
static int image_range(const struct elf_header *h, uint64_t nbytes,
		       uint64_t *start, uint64_t *end)
{
	const struct elf_segment *s = (const void *)(embedded_elf + h->phoff);
	unsigned i;

	*start = UINT64_MAX;
	*end = 0;
	for (i = 0; i < h->phnum; i++, s++) {
		if (s->type != PT_LOAD)
			continue;
		if (!segment_is_good(s, nbytes))
			return -EINVAL;
		*start = min(*start, round_down(s->vaddr, PAGE_SIZE));
		*end = max(*end, round_up(s->vaddr + s->memsz, PAGE_SIZE));
	}
	return *start < *end && h->entry >= *start && h->entry < *end ? 0
								      : -EINVAL;
}

int elf_load_kernel(struct boot_info *bi, uint64_t *entry, uint64_t *vma)
{
	const struct elf_header *h = (const void *)embedded_elf;
	uint64_t nbytes = embedded_elf_nbytes;
	const struct elf_segment *s;
	uint64_t start, end;
	unsigned i;

	if (!header_is_good(h, nbytes) ||
	    image_range(h, nbytes, &start, &end)) {
		con_printf("The hypervisor inside this file is damaged.\n");
		return -EINVAL;
	}
	bi->kernel_nbytes = end - start;
	if (loader_alloc_2m(bi->kernel_nbytes >> PAGE_SHIFT, BOOT_MEM_KERNEL,
			    &bi->kernel_base)) {
		con_printf("No %llu KiB of memory for the hypervisor.\n",
			   (unsigned long long)bi->kernel_nbytes >> 10);
		return -ENOMEM;
	}
	s = (const void *)(embedded_elf + h->phoff);
	for (i = 0; i < h->phnum; i++, s++)
		if (s->type == PT_LOAD)
			memcpy(loader_ptr(bi->kernel_base + s->vaddr - start),
			       embedded_elf + s->offset, s->filesz);
	*entry = h->entry;
	*vma = start;
	return 0;
}
