// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads \aerostat\aerostat.conf and the files that it names from the volume
 * that the loader was started from. A file named several times is read once.
 * A relative path starts in \aerostat\; slashes may lean either way.
 */
#include "boot/loader.h"
#include "kernel/lib/conf.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"

#define CONFIG_PATH "\\aerostat\\aerostat.conf"
#define BASE_DIR    "\\aerostat\\"
/* Long reads, since each costs a seek; short enough for a bar that moves. */
#define READ_CHUNK (1024u * 1024u)

struct file_list {
	struct boot_file *files;
	char (*paths)[CONF_PATH_MAX];
	uint32_t nr;
	EFI_FILE_PROTOCOL *root; /* NULL: the volume can't be read */
};

static int status_to_errno(EFI_STATUS s)
{
	switch (s) {
	case EFI_NOT_FOUND: return -ENOENT;
	case EFI_OUT_OF_RESOURCES: return -ENOMEM;
	default: return -EIO;
	}
}

/* The root directory of the volume that this program came from. */
static EFI_FILE_PROTOCOL *open_volume(void)
{
	EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *fs;
	EFI_FILE_PROTOCOL *root = NULL;
	EFI_LOADED_IMAGE *image;
	EFI_STATUS s;
	void *p = NULL;

	s = efi_bs->HandleProtocol(loader_image, &image_guid, &p);
	image = p;
	if (!EFI_ERROR(s)) {
		s = efi_bs->HandleProtocol(image->DeviceHandle, &fs_guid, &p);
		fs = p;
		if (!EFI_ERROR(s))
			s = fs->OpenVolume(fs, &root);
	}
	if (EFI_ERROR(s)) {
		con_printf("The boot volume can't be opened: %s.\n",
			   con_efi_error(s));
		return NULL;
	}
	return root;
}

/* The path in the form that firmware wants. */
static void to_efi_path(const char *path, CHAR16 *out)
{
	const char *prefix = BASE_DIR;

	if (*path == '\\' || *path == '/')
		prefix = "";
	while (*prefix)
		*out++ = (CHAR16)*prefix++;
	for (; *path; path++)
		*out++ = *path == '/' ? '\\' : (CHAR16)(unsigned char)*path;
	*out = 0;
}

static EFI_STATUS file_nbytes(EFI_FILE_PROTOCOL *f, uint64_t *nbytes)
{
	EFI_GUID guid = EFI_FILE_INFO_ID;
	EFI_FILE_INFO *info;
	union {
		EFI_FILE_INFO info;
		uint8_t room[sizeof(EFI_FILE_INFO) + 512];
	} buf;
	UINTN n = sizeof(buf);
	EFI_STATUS s = f->GetInfo(f, &guid, &n, &buf);

	if (EFI_ERROR(s))
		return s;
	info = &buf.info;
	if (info->Attribute & EFI_FILE_DIRECTORY)
		return EFI_ACCESS_DENIED;
	*nbytes = info->FileSize;
	return EFI_SUCCESS;
}

/* Reads up to bf->expected_nbytes to bf->base with a bar; sets bf->nbytes. */
static EFI_STATUS read_content(EFI_FILE_PROTOCOL *f, struct boot_file *bf)
{
	const char *path = loader_ptr(bf->path);
	EFI_STATUS s;
	UINTN n;

	con_progress(path, 0, bf->expected_nbytes);
	while (bf->nbytes < bf->expected_nbytes) {
		n = min(bf->expected_nbytes - bf->nbytes, READ_CHUNK);
		s = f->Read(f, &n, loader_ptr(bf->base + bf->nbytes));
		if (EFI_ERROR(s) || n == 0)
			return EFI_ERROR(s) ? s : EFI_VOLUME_CORRUPTED;
		bf->nbytes += n;
		con_progress(path, bf->nbytes, bf->expected_nbytes);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS load_open_file(EFI_FILE_PROTOCOL *f, struct boot_file *bf)
{
	uint64_t npages;
	EFI_STATUS s;

	s = file_nbytes(f, &bf->expected_nbytes);
	if (EFI_ERROR(s))
		return s;
	/* An empty file has a page too, so that base says where it is. */
	npages = bf->expected_nbytes / PAGE_SIZE + 1;
	if (loader_alloc(npages, BOOT_MEM_FILE, &bf->base))
		return EFI_OUT_OF_RESOURCES;
	return read_content(f, bf);
}

/* Adds a file to the list and loads it; the result is in its status. */
static void file_load(struct file_list *l, const char *path)
{
	CHAR16 efi_path[sizeof(BASE_DIR) + CONF_PATH_MAX];
	struct boot_file *bf = &l->files[l->nr];
	EFI_FILE_PROTOCOL *f;
	EFI_STATUS s;

	str_copy(l->paths[l->nr], path, CONF_PATH_MAX);
	bf->path = (uint64_t)l->paths[l->nr++];
	bf->status = -EIO;
	if (!l->root)
		return;
	to_efi_path(path, efi_path);
	s = l->root->Open(l->root, &f, efi_path, EFI_FILE_MODE_READ, 0);
	if (!EFI_ERROR(s)) {
		s = load_open_file(f, bf);
		f->Close(f);
	}
	bf->status = EFI_ERROR(s) ? status_to_errno(s) : 0;
	if (EFI_ERROR(s)) {
		bf->base = 0;
		con_printf("\n%s: %s\n", path, con_efi_error(s));
	}
}

/* Loads a file unless it was already. */
static void file_load_once(struct file_list *l, const char *path)
{
	uint32_t i;

	for (i = 0; i < l->nr; i++)
		if (!strcmp(l->paths[i], path))
			return;
	file_load(l, path);
}

static uint64_t pages_of(uint64_t nbytes)
{
	return round_up(nbytes, PAGE_SIZE) >> PAGE_SHIFT;
}

/* Room for `nr` files. -ENOMEM. */
static int list_alloc(struct file_list *l, uint64_t nr)
{
	uint64_t files, paths;

	if (loader_alloc(pages_of(nr * sizeof(*l->files)), BOOT_MEM_LOADER,
			 &files) ||
	    loader_alloc(pages_of(nr * sizeof(*l->paths)), BOOT_MEM_LOADER,
			 &paths)) {
		con_printf("No memory for the list of files.\n");
		return -ENOMEM;
	}
	l->files = loader_ptr(files);
	l->paths = loader_ptr(paths);
	return 0;
}

/* The files that the configuration, the list's first one, names. */
static int load_named_files(struct file_list *l)
{
	const struct boot_file conf = l->files[0];
	const struct conf_text start = { .text = loader_ptr(conf.base),
					 .nbytes = conf.nbytes };
	struct conf_text t = start;
	char path[CONF_PATH_MAX];
	uint64_t nr = 1;

	while (conf_next_file(&t, path))
		nr++;
	if (list_alloc(l, nr))
		return -ENOMEM;
	str_copy(l->paths[0], CONFIG_PATH, CONF_PATH_MAX);
	l->files[0] = conf;
	l->files[0].path = (uint64_t)l->paths[0];
	t = start;
	while (conf_next_file(&t, path))
		file_load_once(l, path);
	return 0;
}

int files_load(struct boot_info *bi)
{
	struct file_list l = { 0 };
	int err = list_alloc(&l, 1);

	if (err)
		return err;
	l.root = open_volume();
	file_load(&l, CONFIG_PATH);
	if (!l.files[0].status)
		err = load_named_files(&l);
	if (l.root)
		l.root->Close(l.root);
	bi->files = (uint64_t)l.files;
	bi->nr_files = l.nr;
	return err;
}
