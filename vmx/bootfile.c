/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that the boot loader read: kept for ever, because every start of
 * a VM loads them again.
 */
#include "kernel/lib/boot_info.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "mm/heap.h"
#include "vmx/loader.h"

static struct bootfile *files;
static uint32_t nr_files;

int bootfiles_init(const struct boot_file *from, uint32_t nr)
{
	uint32_t i;

	if (!nr)
		return 0;
	files = kzalloc(nr * sizeof(*files));
	if (!files)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		const char *path = hpa_to_ptr(hpa(from[i].path));
		size_t n = strnlen(path, 255) + 1;
		char *copy = kmalloc(n);

		if (!copy)
			return -ENOMEM;
		(void)str_copy(copy, path, n);
		files[i] = (struct bootfile){
			.path = copy,
			.data = hpa_to_ptr(hpa(from[i].base)),
			.nbytes = from[i].nbytes,
			.status = from[i].status,
			.expected_nbytes = from[i].expected_nbytes,
		};
		nr_files = i + 1;
	}
	return 0;
}

const struct bootfile *bootfile_find(const char *path)
{
	uint32_t i;

	for (i = 0; i < nr_files; i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
