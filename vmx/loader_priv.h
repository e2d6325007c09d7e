/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest loaders share: a map of which guest-physical ranges are
 * taken while an image is being placed, and the machine state they start a
 * guest with. Private to vmx/loader*.c.
 */
#ifndef VMX_LOADER_PRIV_H
#define VMX_LOADER_PRIV_H

#include "kernel/lib/compiler.h"
#include "vmx/loader.h"

#define LOADER_WHY_MAX 128

/* Below it is usable RAM, above it the VGA hole and the BIOS area. */
#define LOADER_LOW_END	0xa0000ull
#define LOADER_HIGH	0x100000ull   /* where usable RAM goes on */
#define LOADER_BIOS	0xe0000ull    /* ACPI tables live here up to 1 MiB */
#define LOADER_MMIO	0xc0000000ull /* RAM below 4 GiB ends here at last */
#define LOADER_MAX_USED 32u

/* Selectors of both GDTs, as the Linux boot protocol wants them. */
#define LOADER_CS 0x10u
#define LOADER_DS 0x18u

/* Flat segments, type "accessed", for loader_put_gdt(). */
#define LOADER_SEG_CODE64 0x00af9b000000ffffull
#define LOADER_SEG_CODE32 0x00cf9b000000ffffull
#define LOADER_SEG_DATA	  0x00cf93000000ffffull
#define LOADER_GDT_NBYTES 32u

/* Disjoint ranges of guest RAM that are spoken for. */
struct placer {
	struct gspace *gs;
	uint32_t nr_used;
	struct {
		uint64_t base, nbytes;
	} used[LOADER_MAX_USED];
};

struct load {
	struct vm *vm;
	const struct bootfile *image;
	struct start_state *out;
	struct placer placer;
	char *why; /* LOADER_WHY_MAX bytes */
};

/* The last part of the path, which fits into `why`. */
const char *loader_file_name(const struct bootfile *f);

/* Writes `why` and returns err, so that errors read as one statement. */
int loader_fail(struct load *l, int err, const char *fmt, ...) PRINTF(3, 4);

/*
 * Finds a file and checks that the boot loader read all of it. 0; -ENOENT,
 * -EIO, -ENOMEM, -EBADMSG (short) with `why` written.
 */
MUST_CHECK int loader_get_file(struct load *l, const char *path,
			       const struct bootfile **out);

/*
 * The i-th range that a guest may use as RAM, ascending: guest RAM without
 * [LOADER_LOW_END, LOADER_HIGH). False: no more. *nbytes may be 0.
 */
bool loader_usable_range(struct gspace *gs, unsigned i, uint64_t *base,
			 uint64_t *nbytes);

/*
 * Takes [base, base + nbytes). 0; -ENOSPC: wraps or not all of it is usable
 * RAM; -EEXIST: overlaps a range taken before; -E2BIG: too many ranges.
 */
MUST_CHECK int placer_take(struct placer *p, uint64_t base, uint64_t nbytes);

/*
 * Takes the lowest (highest) place for nbytes at or above `from`, ending at or
 * below `end`; align is a power of two. 0; -ENOSPC; -E2BIG.
 */
MUST_CHECK int placer_take_low(struct placer *p, uint64_t from, uint64_t end,
			       uint64_t nbytes, uint64_t align, uint64_t *out);
MUST_CHECK int placer_take_high(struct placer *p, uint64_t from, uint64_t end,
				uint64_t nbytes, uint64_t align, uint64_t *out);

/* guest_write() that explains itself: `what` names the thing written. */
MUST_CHECK int loader_put(struct load *l, uint64_t at, const void *src,
			  uint64_t nbytes, const char *what);

/* Writes a GDT with code and flat data segments and fills out->gdt, cs, ds. */
MUST_CHECK int loader_put_gdt(struct load *l, uint64_t at, uint64_t code);

/* Little-endian fields of untrusted bytes, at any alignment. */
uint16_t loader_le16(const uint8_t *p);
uint32_t loader_le32(const uint8_t *p);
uint64_t loader_le64(const uint8_t *p);

/* By their magic numbers only; the image may still be nonsense. */
bool loader_is_linux(const struct bootfile *f);
bool loader_is_multiboot(const struct bootfile *f);

MUST_CHECK int loader_load_linux(struct load *l);
MUST_CHECK int loader_load_multiboot(struct load *l);

#endif
