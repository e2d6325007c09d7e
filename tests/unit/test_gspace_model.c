// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest-physical spaces in random use by several VMs, against a naive model.
 *
 * Sources: mm/frame.c mm/buddy.c mm/zero.c mm/init.c mm/memwait.c mm/heap.c
 * Sources: mm/retire.c
 * Sources: mm/mobject.c mm/gspace.c mm/fault.c mm/balloon.c mm/guest_copy.c
 * Sources: mm/collapse.c mm/audit.c mm/audit_frames.c kernel/lib/lib.c
 */
#include "kernel/lib/x86.h"
#include "mm_world.h"

#define MODEL_PAGES 0x1000u /* 16 MiB */

struct model_page {
	uint8_t value; /* of its first byte */
	bool ballooned;
};

static struct model {
	struct gspace *gs;
	struct model_page page[MODEL_PAGES];
} models[2];

static unsigned nr_quick; /* inflated on the fast path */

static bool model_is_ram(uint64_t g)
{
	return g < MODEL_PAGES && (g < 0xa0 || g >= 0xc0);
}

/* Mostly near each other, sometimes nonsense. */
static uint64_t random_gfn(void)
{
	static uint64_t near;

	if (rand() % 16 == 0)
		near = (uint64_t)rand() % (MODEL_PAGES + 8);
	return rand() % 2 ? (near + (uint64_t)rand() % 64) % (MODEL_PAGES + 8)
			  : (uint64_t)rand() % (MODEL_PAGES + 8);
}

/* False: an access to g failed, as it may. */
static bool went_well(uint64_t g, int err)
{
	if (!model_is_ram(g))
		assert_true(err == -ENOENT || err == -EFAULT);
	else if (err)
		assert_int_equal(err, -ENOMEM);
	return err == 0;
}

static void model_store(struct model *m)
{
	uint64_t g = random_gfn();
	uint8_t value = (uint8_t)rand();
	int err;

	if (rand() % 4)
		err = guest_store(m->gs, gfn(g), value);
	else
		err = guest_write(m->gs, gpa_of(gfn(g)), &value, 1);
	if (!went_well(g, err))
		return;
	m->page[g].value = value;
	m->page[g].ballooned = false;
}

static void model_load(struct model *m)
{
	uint64_t g = random_gfn();
	uint8_t value = 0;
	bool by_guest = rand() % 4;
	int err;

	if (by_guest)
		err = guest_load(m->gs, gfn(g), &value);
	else
		err = guest_read(m->gs, gpa_of(gfn(g)), &value, 1);
	if (!went_well(g, err))
		return;
	assert_int_equal(value, m->page[g].value);
	if (by_guest)
		m->page[g].ballooned = false;
}

static unsigned random_batch(uint64_t *gfns)
{
	unsigned n = 1 + (unsigned)rand() % 512;
	uint64_t g = rand() % 4 ? random_gfn() : random_gfn() & ~511ull;

	if (rand() % 4 == 0)
		n = 512;
	for (unsigned i = 0; i < n; i++)
		gfns[i] = rand() % 256 ? g + i : random_gfn();
	return n;
}

static void model_balloon(struct model *m, bool inflate)
{
	uint64_t gfns[512];
	unsigned done, n = random_batch(gfns);
	int err;

	err = inflate ? gspace_inflate(m->gs, gfns, n, &done)
		      : gspace_deflate(m->gs, gfns, n, &done);
	assert_true(err || done == n);
	for (unsigned i = 0; i < done; i++) {
		assert_true(model_is_ram(gfns[i]));
		assert_int_equal(m->page[gfns[i]].ballooned, !inflate);
		m->page[gfns[i]].ballooned = inflate;
		m->page[gfns[i]].value = 0;
	}
	if (err == -EINVAL)
		assert_true(!model_is_ram(gfns[done]) ||
			    m->page[gfns[done]].ballooned == inflate);
}

/* One page as a guest gives it: by the fast path, else by the other. */
static void model_inflate_one(struct model *m)
{
	struct gspace_stats before = stats_of(m->gs), after;
	uint64_t g = random_gfn();
	unsigned done = 0;
	bool quick;
	int err = 0;

	fake_stage2_busy = rand() % 4 == 0;
	fake_irqs_off = true;
	assert_true(guest_quick_begin(m->gs));
	quick = gspace_quick_inflate(m->gs, gfn(g));
	guest_quick_end(m->gs);
	fake_irqs_off = false;
	if (!quick) {
		after = stats_of(m->gs);
		assert_memory_equal(&before, &after, sizeof(before));
		err = gspace_inflate(m->gs, &g, 1, &done);
	}
	assert_false(quick && fake_stage2_busy);
	fake_stage2_busy = false;
	nr_quick += quick;
	if (err == -EINVAL)
		assert_true(!model_is_ram(g) || m->page[g].ballooned);
	if (err)
		return;
	assert_true(model_is_ram(g) && !m->page[g].ballooned);
	m->page[g] = (struct model_page){ .ballooned = true };
	assert_int_equal(stats_of(m->gs).nr_inflated, before.nr_inflated + 1);
}

static void model_discard(struct model *m)
{
	uint64_t g = random_gfn(), n = 1 + (uint64_t)rand() % 1500, taken;
	int err = gspace_discard(m->gs, gfn(g), n, &taken);

	for (uint64_t i = g; i < g + n; i++)
		if (!model_is_ram(i)) {
			assert_int_equal(err, -EINVAL);
			return;
		}
	assert_true(err == 0 || err == -ENOMEM);
	for (uint64_t i = g; i < g + n && !err; i++)
		m->page[i].value = 0;
	/* Cut short: whatever reads as zero now was taken. */
	for (uint64_t i = g; i < g + n && err; i++)
		assert_int_equal(
			guest_read(m->gs, gpa_of(gfn(i)), &m->page[i].value, 1),
			0);
}

static void model_check(struct model *m)
{
	uint64_t ballooned = 0;

	for (uint64_t g = 0; g < MODEL_PAGES; g++) {
		uint8_t value;

		if (!model_is_ram(g))
			continue;
		ballooned += m->page[g].ballooned;
		assert_int_equal(guest_read(m->gs, gpa_of(gfn(g)), &value, 1),
				 0);
		assert_int_equal(value, m->page[g].value);
	}
	assert_int_equal(stats_of(m->gs).state[PG_BALLOONED], ballooned);
}

static void model_step(void)
{
	struct model *m = &models[rand() % 2];

	switch (rand() % 40) {
	case 0: model_balloon(m, true); break;
	case 1: model_balloon(m, false); break;
	case 2: model_discard(m); break;
	case 3: frame_zero_some(); break;
	case 4: gspace_collapse_some(); break;
	case 5:
	case 6:
	case 7: model_inflate_one(m); break;
	default:
		if (rand() % 2)
			model_store(m);
		else
			model_load(m);
	}
	fake_cpu_id = (uint32_t)rand() % 3;
}

static void random_life(enum commit_policy commit, uint64_t host)
{
	memset(models, 0, sizeof(models));
	world_boot(host);
	models[0].gs = world_vm("m0", MODEL_PAGES * PAGE_SIZE, commit);
	models[1].gs = world_vm("m1", MODEL_PAGES * PAGE_SIZE, commit);
	for (unsigned step = 0; step < 12000; step++) {
		model_step();
		if (step % 1500 == 0) {
			world_audit();
			model_check(&models[0]);
			model_check(&models[1]);
		}
	}
	gspace_destroy(models[0].gs);
	world_audit();
	model_check(&models[1]);
	gspace_destroy(models[1].gs);
	world_audit();
}

static void random_use_agrees_with_the_model(void **state)
{
	(void)state;
	world_seed();
	random_life(COMMIT_HUGE, 128 * MIB);
	random_life(COMMIT_AROUND, 64 * MIB);
	random_life(COMMIT_SINGLE, 64 * MIB);
	/* Less than the VMs want: faults fail with -ENOMEM all the time. */
	random_life(COMMIT_HUGE, 24 * MIB);
	assert_true(nr_quick > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_use_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
