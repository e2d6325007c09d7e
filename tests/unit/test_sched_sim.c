// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole scheduler on simulated machines of 1 to 8 CPUs: nobody waits too
 * long, no CPU idles while somebody waits, weights are shares.
 * Sources: kernel/sched/sched.c kernel/sched/fair.c kernel/sched/runq.c
 * Sources: kernel/sched/place.c kernel/sched/cpu_stats.c
 * Sources: kernel/sched/stretch.c
 * Sources: kernel/sched/timer.c kernel/lib/prioq.c kernel/lib/lib.c
 * Sources: kernel/lib/string.c tests/unit/sched_sim.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "sched_sim.h"

#define GROUPS_MAX 20u

/* ---- shares ---- */

struct vm {
	struct sched_group group;
	uint32_t weight, vcpus;
	struct sim_thread *threads[SIM_THREADS];
};

static void vm_start(struct vm *vm)
{
	sched_group_init(&vm->group, vm->weight);
	for (uint32_t i = 0; i < vm->vcpus; i++)
		vm->threads[i] = sim_thread(&vm->group, 0, 0, 0);
}

static uint64_t vm_runtime(struct vm *vm)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vm->vcpus; i++)
		sum += sim_runtime(vm->threads[i]);
	return sum;
}

/*
 * What each VM is owed of `cpus` CPUs, in permille of one: its share by
 * weight, never more than one CPU for a vCPU; what it can't use goes to others.
 */
static void fair_shares(const struct vm *vms, uint32_t n, double cpus,
			double *owed)
{
	double left = cpus, total = 0;
	bool again = true;

	for (uint32_t i = 0; i < n; i++) {
		owed[i] = 0;
		total += vms[i].weight;
	}
	while (again) {
		again = false;
		for (uint32_t i = 0; i < n; i++) {
			if (owed[i] > 0 ||
			    left * vms[i].weight < total * vms[i].vcpus)
				continue;
			owed[i] = vms[i].vcpus;
			left -= vms[i].vcpus;
			total -= vms[i].weight;
			again = true;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (!(owed[i] > 0))
			owed[i] = left * vms[i].weight / total;
}

/*
 * The largest deviation of a VM from what it is owed, in permille of that;
 * cpus = 0: of what they get together, others are there, too.
 */
static unsigned worst_share(struct vm *vms, uint32_t n, uint32_t cpus,
			    uint64_t ticks)
{
	double got[GROUPS_MAX], owed[GROUPS_MAX], worst = 0, all = 0;
	uint64_t before[GROUPS_MAX];

	for (uint32_t i = 0; i < n; i++)
		before[i] = vm_runtime(&vms[i]);
	sim_run(ticks);
	for (uint32_t i = 0; i < n; i++) {
		got[i] = (double)(vm_runtime(&vms[i]) - before[i]) /
			 (double)ticks;
		all += got[i];
	}
	fair_shares(vms, n, cpus ? cpus : all, owed);
	for (uint32_t i = 0; i < n; i++) {
		double off =
			got[i] > owed[i] ? got[i] - owed[i] : owed[i] - got[i];

		worst = max(worst, off * 1000 / owed[i]);
	}
	return (unsigned)worst;
}

struct shares_case {
	const char *what;
	uint32_t n;
	struct {
		uint32_t weight, vcpus;
	} vms[GROUPS_MAX];
};

static void weights_are_shares_on_any_number_of_cpus(void **state)
{
	static const struct shares_case cases[] = {
		{ "2:1, a vCPU for each CPU", 2, { { 200, 8 }, { 100, 8 } } },
		{ "2:1, four vCPUs against one",
		  2,
		  { { 200, 4 }, { 100, 1 } } },
		{ "2:1, one vCPU against four", 2, { { 200, 1 }, { 100, 4 } } },
		{ "one weight, 1 to 8 vCPUs",
		  4,
		  { { 100, 1 }, { 100, 2 }, { 100, 4 }, { 100, 8 } } },
		{ "three single vCPUs",
		  3,
		  { { 100, 1 }, { 100, 1 }, { 100, 1 } } },
		{ "many weights",
		  5,
		  { { 100, 4 },
		    { 300, 2 },
		    { 50, 8 },
		    { 700, 4 },
		    { 200, 3 } } },
		{ "1:20", 2, { { 50, 8 }, { 1000, 8 } } },
	};
	char where[100];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (uint32_t cpus = 1; cpus <= SIM_CPUS; cpus++) {
			const struct shares_case *c = &cases[i];
			struct vm vms[GROUPS_MAX];
			unsigned off;

			sim_start(cpus, i * 100 + cpus);
			for (uint32_t k = 0; k < c->n; k++) {
				vms[k].weight = c->vms[k].weight;
				vms[k].vcpus = c->vms[k].vcpus;
				vm_start(&vms[k]);
			}
			sim_run(200 * SIM_MS);
			off = worst_share(vms, c->n, cpus, 2000 * SIM_MS);
			snprintf(where, sizeof(where), "%s on %u CPUs", c->what,
				 cpus);
			if (off > 50)
				fail_msg("%s: off by %u permille", where, off);
			sim_end();
		}
	}
}

/* ---- credit and debt ---- */

/* Runs alone, then two others arrive: each gets its third at once. */
static void time_alone_is_not_held_against_it(void **state)
{
	(void)state;
	for (uint32_t cpus = 1; cpus <= 2; cpus++) {
		for (uint32_t seed = 0; seed < 8; seed++) {
			struct vm vms[3];
			unsigned off;

			sim_start(cpus, seed);
			for (uint32_t i = 0; i < 3; i++) {
				vms[i].weight = 100;
				vms[i].vcpus = 1;
			}
			vm_start(&vms[0]);
			sim_run(20000 * SIM_MS);
			vm_start(&vms[1]);
			vm_start(&vms[2]);
			off = worst_share(vms, 3, cpus, 500 * SIM_MS);
			if (off > 80)
				fail_msg("cpus %u seed %u: off by %u permille",
					 cpus, seed, off);
			sim_end();
		}
	}
}

/*
 * A heavy one that can't use its share, beside others that wait, gathers no
 * claim on what comes later.
 */
static void a_share_that_cannot_be_used_is_forfeited(void **state)
{
	struct vm vms[4] = { { .weight = 10000, .vcpus = 1 },
			     { .weight = 100, .vcpus = 2 },
			     { .weight = 100, .vcpus = 1 },
			     { .weight = 10000, .vcpus = 1 } };

	(void)state;
	sim_start(2, 3);
	for (uint32_t i = 0; i < 3; i++)
		vm_start(&vms[i]);
	sim_run(20000 * SIM_MS);
	vm_start(&vms[3]);
	assert_true(worst_share(vms, 4, 2, 4000 * SIM_MS) < 100);
	sim_end();
}

/* A vCPU that sleeps most of the time is served soon, and no more than that. */
static void sleepers_come_soon_and_can_not_save_up(void **state)
{
	struct vm busy = { .weight = 100, .vcpus = 2 };
	struct sim_thread *s;
	uint64_t ran, got;

	(void)state;
	sim_start(2, 5);
	vm_start(&busy);
	s = sim_thread(NULL, 100, 1 * SIM_MS, 9 * SIM_MS);
	sim_run(2000 * SIM_MS);
	/* A tenth of a CPU is less than its share: it gets nearly all of it. */
	ran = sim_runtime(s);
	assert_in_range(ran, 180 * SIM_MS, 200 * SIM_MS);
	/* After a long sleep it has half of the machine, not more. */
	s->burst = 20000 * SIM_MS;
	s->pause = 0;
	sim_run(20 * SIM_MS);
	ran = sim_runtime(s);
	sim_run(200 * SIM_MS);
	got = sim_runtime(s) - ran;
	assert_in_range(got, 180 * SIM_MS, 200 * SIM_MS);
	sim_end();
}

/* Who sleeps and wakes often moves nobody's share of what it leaves. */
static void sleepers_leave_the_others_their_shares(void **state)
{
	static const uint32_t weights[] = { 100, 200, 100, 300 };
	static const uint64_t bursts[] = { 50, 400, 3000, 0 };
	struct vm vms[GROUPS_MAX];

	(void)state;
	for (uint32_t cpus = 1; cpus <= SIM_CPUS; cpus++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(bursts); k++) {
			uint32_t n = 2 * cpus + 1;
			unsigned off;

			sim_start(cpus, k + 1);
			if (bursts[k])
				sim_thread(NULL, 100, bursts[k] * SIM_US,
					   bursts[k] * SIM_US);
			/* Nobody's share depends on how long that one ran. */
			sim_thread(NULL, 100, 0, 0);
			sim_run(2000 * SIM_MS);
			for (uint32_t i = 0; i < n; i++) {
				vms[i].weight = weights[i % 4];
				vms[i].vcpus = 1;
				vm_start(&vms[i]);
				sim_run(100 * SIM_US);
			}
			off = worst_share(vms, n, 0, 1000 * SIM_MS);
			if (off > 50)
				fail_msg("cpus %u bursts %llu us: off by %u",
					 cpus, (unsigned long long)bursts[k],
					 off);
			sim_end();
		}
	}
}

/*
 * A light one that sleeps a moment whenever it has run comes each time to a CPU
 * where a heavy one runs and nobody waits: it must not pass for one that has
 * waited too long among so few.
 */
static void a_light_sleeper_gets_no_more_than_its_share(void **state)
{
	(void)state;
	for (uint32_t cpus = 1; cpus <= SIM_CPUS; cpus *= 2) {
		for (uint32_t n = 1; n <= 4; n++) {
			struct vm heavy = { .weight = 10000, .vcpus = cpus };
			struct vm light = { .weight = 1, .vcpus = n };
			uint64_t ran;

			sim_start(cpus, n);
			vm_start(&heavy);
			vm_start(&light);
			for (uint32_t i = 0; i < n; i++) {
				light.threads[i]->burst = 450 * SIM_US;
				light.threads[i]->pause = 100 * SIM_US;
			}
			sim_run(1000 * SIM_MS);
			ran = vm_runtime(&light);
			sim_run(2000 * SIM_MS);
			ran = vm_runtime(&light) - ran;
			/* 0.2 ms for each CPU, in turns of half of one. */
			assert_true(ran <= (1 + cpus) * SIM_MS);
			sim_end();
		}
	}
}

/*
 * A heavy one that sleeps now and then leaves the rest of two CPUs to one vCPU
 * and to a VM of many, whose single vCPUs are far lighter: these displace the
 * one all the same.
 */
static void light_vcpus_displace_one_that_runs_on_and_on(void **state)
{
	static const struct {
		uint32_t weight, many;
		uint64_t burst, pause;
	} cases[] = {
		{ 200, 4, 1500, 500 },
		{ 200, 4, 3000, 1000 },
		{ 100, 8, 1500, 500 },
	};

	(void)state;
	for (uint32_t i = 0; i < 10 * ARRAY_SIZE(cases); i++) {
		uint32_t k = i % ARRAY_SIZE(cases);
		struct vm vms[2] = {
			{ .weight = cases[k].weight, .vcpus = 1 },
			{ .weight = 100, .vcpus = cases[k].many },
		};
		unsigned off;

		sim_start(2, i + 1);
		vm_start(&vms[0]);
		sim_run(sim_random(5000) * SIM_US);
		vm_start(&vms[1]);
		sim_run(sim_random(5000) * SIM_US);
		sim_thread(NULL, 10000, cases[k].burst * SIM_US,
			   cases[k].pause * SIM_US);
		sim_run(300 * SIM_MS);
		off = worst_share(vms, 2, 0, 300 * SIM_MS);
		if (off > 100)
			fail_msg("case %u seed %u: off by %u permille", k,
				 i + 1, off);
		sim_end();
	}
}

/*
 * A VM of many vCPUs that take turns to sleep has one VM's share, beside one
 * whose vCPUs never sleep.
 */
static void sleeping_in_turns_wins_nothing(void **state)
{
	static const struct {
		uint64_t burst, pause; /* us */
	} kinds[] = {
		{ 450, 3000 }, { 50, 300 }, { 2000, 14000 }, { 3900, 20000 }
	};

	(void)state;
	for (uint32_t cpus = 1; cpus <= 4; cpus++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			struct vm victim = { .weight = 100, .vcpus = cpus };
			struct sched_group many;
			uint64_t ran;

			sim_start(cpus, k + 1);
			vm_start(&victim);
			sched_group_init(&many, 100);
			for (uint32_t i = 0; i < 8 * cpus; i++)
				sim_thread(&many, 0, kinds[k].burst * SIM_US,
					   kinds[k].pause * SIM_US);
			sim_run(100 * SIM_MS);
			ran = vm_runtime(&victim);
			sim_run(2000 * SIM_MS);
			ran = (vm_runtime(&victim) - ran) / cpus;
			if (ran < 2000 * SIM_MS * 48 / 100)
				fail_msg("cpus %u kind %u: %llu ms of 2000",
					 cpus, k,
					 (unsigned long long)(ran / SIM_MS));
			sim_end();
		}
	}
}

/* ---- services ---- */

/* Services at long work leave the guests half of the machine, together. */
static void services_leave_vcpus_their_time(void **state)
{
	(void)state;
	for (uint32_t cpus = 1; cpus <= 2; cpus++) {
		for (uint32_t n = 1; n <= 8; n++) {
			struct vm vm = { .weight = 100, .vcpus = 2 * cpus };
			uint64_t ran;

			sim_start(cpus, n);
			vm_start(&vm);
			for (uint32_t i = 0; i < n; i++)
				sim_service(50 * SIM_US);
			sim_run(100 * SIM_MS);
			ran = vm_runtime(&vm);
			sim_run(1000 * SIM_MS);
			ran = vm_runtime(&vm) - ran;
			printf("%u services on %u CPUs leave %llu permille\n",
			       n, cpus,
			       (unsigned long long)(ran / SIM_MS / cpus));
			assert_true(ran >= cpus * 400 * SIM_MS);
			sim_end();
		}
	}
}

/* ---- everything at random ---- */

static void random_start(struct vm *vms, uint32_t nr_vms)
{
	static const uint32_t weights[] = { 100, 100, 50, 200, 400 };

	for (uint32_t i = 0; i < nr_vms; i++)
		sched_group_init(&vms[i].group,
				 weights[sim_random(ARRAY_SIZE(weights))]);
}

static void random_thread(struct vm *vms, uint32_t nr_vms)
{
	uint64_t burst = 0, pause = 0;
	struct sim_thread *s;

	if (sim_random(3)) {
		burst = (1 + sim_random(30000)) * SIM_US;
		pause = (1 + sim_random(30000)) * SIM_US;
	}
	s = sim_thread(&vms[sim_random(nr_vms)].group, 0, burst, pause);
	s->random = true;
}

/* Arrivals, ends, sleeps, weights: sim_run() checks waits and idle CPUs. */
static void nobody_waits_too_long_whatever_happens(void **state)
{
	uint64_t worst = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		uint32_t nr_vms = 1 + seed % 5;
		struct vm vms[5];

		sim_start(1 + seed % SIM_CPUS, seed);
		random_start(vms, nr_vms);
		for (uint32_t i = 0; i < 30; i++) {
			uint32_t victim = sim_random(SIM_THREADS);

			random_thread(vms, nr_vms);
			sim_run(sim_random(60000) * SIM_US);
			if (sim_random(3) == 0)
				sim.threads[victim].stop = true;
			if (sim_random(8) == 0)
				sched_group_set_weight(
					&vms[sim_random(nr_vms)].group,
					20 + sim_random(400));
		}
		sim_run(300 * SIM_MS);
		worst = max(worst, sim.worst_wait_permille);
		sim_end();
	}
	printf("worst wait: %llu permille of the bound\n",
	       (unsigned long long)worst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_shares_on_any_number_of_cpus),
		cmocka_unit_test(time_alone_is_not_held_against_it),
		cmocka_unit_test(a_share_that_cannot_be_used_is_forfeited),
		cmocka_unit_test(sleepers_come_soon_and_can_not_save_up),
		cmocka_unit_test(sleepers_leave_the_others_their_shares),
		cmocka_unit_test(a_light_sleeper_gets_no_more_than_its_share),
		cmocka_unit_test(light_vcpus_displace_one_that_runs_on_and_on),
		cmocka_unit_test(sleeping_in_turns_wins_nothing),
		cmocka_unit_test(services_leave_vcpus_their_time),
		cmocka_unit_test(nobody_waits_too_long_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
