/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of guest memory share: a small host, VMs, a guest that touches
 * its pages as a CPU would, and an audit that must find nothing.
 */
#ifndef MM_WORLD_H
#define MM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "fakes/fake_stage2.h"
#include "fakes/fakes.h"
#include "kernel/lib/errno.h"
#include "mm/audit.h"
#include "mm/frame_priv.h"
#include "mm/gspace_priv.h"
#include "mm/heap.h"
#include "mm/init.h"

#define MIB (1ull << 20)

/* A host with nbytes of RAM that holds junk, and a reserve of 1 MiB. */
static inline void world_boot(uint64_t nbytes)
{
	const struct boot_mem map[] = { { 1 * MIB, (nbytes - MIB) >> PAGE_SHIFT,
					  BOOT_MEM_USABLE, 0, 8 } };

	fake_locks_drop();
	fake_ram_create(nbytes);
	memset(fake_ram_base, 0xdb, min(nbytes, 256 * MIB));
	fake_cpu_id = 0;
	/* A failed test leaves its VMs behind. */
	list_init(&gspace_list.head);
	fake_leaf_orders = 1u << ORDER_4K | 1u << ORDER_2M | 1u << ORDER_1G;
	assert_int_equal(mm_init(map, 1, MIB), 0);
}

/* All free memory clean, as after an idle minute. */
static inline void world_idle(void)
{
	while (frame_zero_some())
		;
}

static inline struct gspace *world_vm(const char *name, uint64_t nbytes,
				      enum commit_policy commit)
{
	const struct gspace_params p = {
		.name = name,
		.mem_min = 2 * MIB,
		.mem_boot = nbytes,
		.mem_max = nbytes,
		.commit = commit,
	};
	struct gspace *gs;

	assert_int_equal(gspace_create(&p, &gs), 0);
	assert_int_equal(gspace_add_ram(gs), 0);
	return gs;
}

/* One access as a vCPU does it: the fast path, then the patient one. */
static inline int vcpu_fault(struct gspace *gs, gfn_t g, enum gspace_access a)
{
	int err = gspace_fault(gs, g, a, GF_ATOMIC);

	return err == -EAGAIN ? gspace_fault(gs, g, a, 0) : err;
}

static inline int guest_store(struct gspace *gs, gfn_t g, uint8_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		int err;

		if (fake_guest_store(gs->s2, gpa_of(g), value))
			return 0;
		err = vcpu_fault(gs, g, GA_WRITE);
		if (err)
			return err;
	}
	fail_msg("guest store never succeeds");
	return -1;
}

static inline int guest_load(struct gspace *gs, gfn_t g, uint8_t *value)
{
	for (unsigned i = 0; i < 4; i++) {
		int err;

		if (fake_guest_load(gs->s2, gpa_of(g), value))
			return 0;
		err = vcpu_fault(gs, g, GA_READ);
		if (err)
			return err;
	}
	fail_msg("guest load never succeeds");
	return -1;
}

static inline void print_line(void *arg, const char *text)
{
	(void)arg;
	print_message("audit: %s\n", text);
}

static inline void world_audit(void)
{
	struct audit_report rep;
	struct gspace *gs;

	assert_int_equal(fake_locks_held(), 0);
	mm_audit(&rep, print_line, NULL);
	assert_string_equal(rep.first_error, "");
	assert_int_equal(rep.nr_errors, 0);
	list_for_each (gs, &gspace_list.head, link)
		fake_stage2_check(gs->s2);
}

/* Frames that are free now. */
static inline uint64_t world_free(void)
{
	struct frame_stats st;

	frame_get_stats(&st);
	return st.nr_type[FRAME_FREE];
}

static inline unsigned world_seed(void)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);

	print_message("SEED=%u\n", seed);
	srand(seed);
	return seed;
}

/* Statistics, whose states add up to the size. */
static inline struct gspace_stats stats_of(struct gspace *gs)
{
	struct gspace_stats st;
	uint64_t sum = 0;

	gspace_get_stats(gs, &st);
	for (unsigned s = 0; s < PG_NR_STATES; s++)
		sum += st.state[s];
	assert_int_equal(sum, st.size);
	return st;
}

#endif
