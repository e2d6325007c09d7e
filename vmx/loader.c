/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest loading: finds the configured image, tells its format, and places
 * ranges in guest RAM for the two loaders.
 *
 * Invariant: nothing is written to guest memory outside a range that
 * the placer has granted, and granted ranges are disjoint and usable RAM.
 */
#include "vmx/loader.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "vmx/loader_priv.h"

const char *loader_file_name(const struct bootfile *f)
{
	const char *name = f->path;

	for (const char *s = f->path; *s; s++) {
		if (*s == '\\' || *s == '/')
			name = s + 1;
	}
	return name;
}

int loader_fail(struct load *l, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, LOADER_WHY_MAX, fmt, ap);
	va_end(ap);
	return err;
}

int loader_get_file(struct load *l, const char *path,
		    const struct bootfile **out)
{
	const struct bootfile *f = bootfile_find(path);

	if (!f)
		return loader_fail(l, -ENOENT,
				   "%s: not among the files that aerostat.conf "
				   "names",
				   path);
	if (f->status == -ENOENT)
		return loader_fail(l, f->status, "%s: no such file", path);
	if (f->status)
		return loader_fail(l, f->status, "%s: reading failed (%d)",
				   path, f->status);
	if (f->nbytes < f->expected_nbytes)
		return loader_fail(l, -EBADMSG,
				   "%s: truncated: %llu of %llu bytes", path,
				   (unsigned long long)f->nbytes,
				   (unsigned long long)f->expected_nbytes);
	*out = f;
	return 0;
}

bool loader_usable_range(struct gspace *gs, unsigned i, uint64_t *base,
			 uint64_t *nbytes)
{
	uint64_t start, end, n;
	gpa_t at;

	if (!gspace_ram_region(gs, i, &at, &n))
		return false;
	start = at.raw;
	end = start + n;
	if (start < LOADER_LOW_END)
		end = min(end, LOADER_LOW_END);
	else
		start = max(start, LOADER_HIGH);
	*base = start;
	*nbytes = end > start ? end - start : 0;
	return true;
}

static bool range_is_usable(struct gspace *gs, uint64_t base, uint64_t nbytes)
{
	uint64_t start, n;

	for (unsigned i = 0; loader_usable_range(gs, i, &start, &n); i++) {
		if (base >= start && base - start <= n &&
		    nbytes <= n - (base - start))
			return true;
	}
	return false;
}

/* The first taken range that overlaps [base, base + nbytes), or -1. */
static int placer_find_overlap(const struct placer *p, uint64_t base,
			       uint64_t nbytes)
{
	for (uint32_t i = 0; i < p->nr_used; i++) {
		if (base < p->used[i].base + p->used[i].nbytes &&
		    p->used[i].base < base + nbytes)
			return (int)i;
	}
	return -1;
}

int placer_take(struct placer *p, uint64_t base, uint64_t nbytes)
{
	if (base + nbytes < base || !range_is_usable(p->gs, base, nbytes))
		return -ENOSPC;
	if (!nbytes)
		return 0;
	if (placer_find_overlap(p, base, nbytes) >= 0)
		return -EEXIST;
	if (p->nr_used == LOADER_MAX_USED)
		return -E2BIG;
	p->used[p->nr_used].base = base;
	p->used[p->nr_used].nbytes = nbytes;
	p->nr_used++;
	return 0;
}

/* Lowest place in [start, end); each step jumps over one taken range. */
static bool find_low(const struct placer *p, uint64_t start, uint64_t end,
		     uint64_t nbytes, uint64_t align, uint64_t *out)
{
	for (;;) {
		uint64_t at = round_up(start, align);
		int hit;

		if (at < start || at > end || nbytes > end - at)
			return false;
		hit = placer_find_overlap(p, at, nbytes);
		if (hit < 0) {
			*out = at;
			return true;
		}
		start = p->used[hit].base + p->used[hit].nbytes;
	}
}

/* Highest place in [start, end). */
static bool find_high(const struct placer *p, uint64_t start, uint64_t end,
		      uint64_t nbytes, uint64_t align, uint64_t *out)
{
	for (;;) {
		uint64_t at;
		int hit;

		if (end < start || nbytes > end - start)
			return false;
		at = round_down(end - nbytes, align);
		if (at < start)
			return false;
		hit = placer_find_overlap(p, at, nbytes);
		if (hit < 0) {
			*out = at;
			return true;
		}
		end = p->used[hit].base;
	}
}

int placer_take_low(struct placer *p, uint64_t from, uint64_t end,
		    uint64_t nbytes, uint64_t align, uint64_t *out)
{
	uint64_t base, n;

	for (unsigned i = 0; loader_usable_range(p->gs, i, &base, &n); i++) {
		if (find_low(p, max(base, from), min(base + n, end), nbytes,
			     align, out))
			return placer_take(p, *out, nbytes);
	}
	return -ENOSPC;
}

int placer_take_high(struct placer *p, uint64_t from, uint64_t end,
		     uint64_t nbytes, uint64_t align, uint64_t *out)
{
	uint64_t base, n;
	bool found = false;

	/* Ranges ascend, so the last one with room is the highest. */
	for (unsigned i = 0; loader_usable_range(p->gs, i, &base, &n); i++)
		found |= find_high(p, max(base, from), min(base + n, end),
				   nbytes, align, out);
	return found ? placer_take(p, *out, nbytes) : -ENOSPC;
}

int loader_put(struct load *l, uint64_t at, const void *src, uint64_t nbytes,
	       const char *what)
{
	int err = guest_write(l->placer.gs, gpa(at), src, nbytes);

	if (err)
		return loader_fail(
			l, err, "%s: writing %s (%llu bytes at %#llx): %s",
			loader_file_name(l->image), what,
			(unsigned long long)nbytes, (unsigned long long)at,
			err == -ENOMEM	 ? "out of host memory"
			: err == -ENOSPC ? "over mem.max"
					 : "not guest RAM");
	return 0;
}

int loader_put_gdt(struct load *l, uint64_t at, uint64_t code)
{
	const uint64_t gdt[LOADER_GDT_NBYTES / 8] = {
		[LOADER_CS / 8] = code,
		[LOADER_DS / 8] = LOADER_SEG_DATA,
	};

	l->out->gdt_base = at;
	l->out->gdt_limit = LOADER_GDT_NBYTES - 1;
	l->out->cs = LOADER_CS;
	l->out->ds = LOADER_DS;
	return loader_put(l, at, gdt, sizeof(gdt), "GDT");
}

uint16_t loader_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t loader_le32(const uint8_t *p)
{
	return loader_le16(p) | (uint32_t)loader_le16(p + 2) << 16;
}

uint64_t loader_le64(const uint8_t *p)
{
	return loader_le32(p) | (uint64_t)loader_le32(p + 4) << 32;
}

static int load_image(struct load *l)
{
	enum config_loader kind = l->vm->cfg->loader;

	if (kind == LOADER_AUTO) {
		if (loader_is_linux(l->image))
			kind = LOADER_LINUX;
		else if (loader_is_multiboot(l->image))
			kind = LOADER_MULTIBOOT;
		else
			return loader_fail(
				l, -EINVAL,
				"%s: not a kernel: neither bzImage "
				"nor Multiboot 1 (%llu bytes)",
				loader_file_name(l->image),
				(unsigned long long)l->image->nbytes);
	}
	return kind == LOADER_LINUX ? loader_load_linux(l)
				    : loader_load_multiboot(l);
}

int loader_load(struct vm *vm, struct start_state *out, char *why)
{
	struct load l = {
		.vm = vm, .out = out, .placer = { .gs = vm->gs }, .why = why
	};
	int err;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	err = loader_get_file(&l, vm->cfg->kernel, &l.image);
	if (err)
		return err;
	err = load_image(&l);
	if (err)
		return err;
	err = acpi_tables_write(vm);
	if (err)
		return loader_fail(&l, err, "writing ACPI tables failed (%d)",
				   err);
	return 0;
}
