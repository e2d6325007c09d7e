// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Self tests of threads, locks, timers and CPU calls. Each makes its own
 * threads, joins them all and leaves nothing behind.
 */
#include "kernel/cpu/machine.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/percpu.h"

#define MS(n) (tsc_khz * (n))

/* ---- helpers ---- */

#define TEAM_MAX 24u

struct team {
	struct thread *threads[TEAM_MAX];
	uint32_t n;
};

static bool team_add(struct team *team, enum thread_class class,
		     uint32_t weight, void (*fn)(void *), void *arg)
{
	const struct thread_params p = {
		.name = "selftest",
		.fn = fn,
		.arg = arg,
		.class = class,
		.weight = weight,
	};

	BUG_ON(team->n == TEAM_MAX);
	if (thread_create(&p, &team->threads[team->n]))
		return false;
	team->n++;
	return true;
}

static void team_join(struct team *team)
{
	for (uint32_t i = 0; i < team->n; i++)
		thread_join(team->threads[i]);
	team->n = 0;
}

/* A small generator is enough to shake the order of things. */
static uint32_t shake(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* ---- park and unpark ---- */

#define PING_ROUNDS 500u

static struct ping {
	struct thread *peer[2]; /* [atomic] */
	uint32_t turn;		/* [atomic] */
} ping;

static void ping_side(uint32_t me)
{
	__atomic_store_n(&ping.peer[me], thread_self(), __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&ping.peer[!me], __ATOMIC_SEQ_CST))
		thread_yield();
	for (uint32_t i = me; i < 2 * PING_ROUNDS; i += 2) {
		while (__atomic_load_n(&ping.turn, __ATOMIC_SEQ_CST) != i)
			thread_park();
		__atomic_store_n(&ping.turn, i + 1, __ATOMIC_SEQ_CST);
		thread_unpark(ping.peer[!me]);
	}
}

static void ping_other(void *arg)
{
	(void)arg;
	ping_side(1);
}

static bool test_park(char *text, size_t nbytes)
{
	struct team team = { .n = 0 };
	uint64_t start = rdtsc();

	ping = (struct ping){ .turn = 0 };
	if (!team_add(&team, THREAD_SERVICE, 0, ping_other, NULL))
		return false;
	ping_side(0);
	team_join(&team);
	snprintf(text, nbytes, "%llu ticks for each wakeup and switch",
		 (unsigned long long)(rdtsc() - start) / (2 * PING_ROUNDS));
	return ping.turn == 2 * PING_ROUNDS;
}

/* ---- mutexes and spinlocks ---- */

#define LOCK_THREADS 8u
#define LOCK_ROUNDS  2000u

static struct mutex test_mutex;
static struct spinlock test_spin = SPINLOCK_INIT(LOCK_LAPIC, "selftest");
static uint64_t under_mutex, under_spin;

static void lock_worker(void *arg)
{
	uint32_t seed = (uint32_t)(uint64_t)arg;

	for (uint32_t i = 0; i < LOCK_ROUNDS; i++) {
		uint64_t seen;

		mutex_lock(&test_mutex);
		seen = READ_ONCE(under_mutex);
		if (shake(&seed) % 8 == 0)
			thread_yield();
		WRITE_ONCE(under_mutex, seen + 1);
		mutex_unlock(&test_mutex);

		spin_lock(&test_spin);
		WRITE_ONCE(under_spin, READ_ONCE(under_spin) + 1);
		spin_unlock(&test_spin);
		thread_give_way();
	}
}

static bool test_locks(char *text, size_t nbytes)
{
	struct team team = { .n = 0 };
	bool ok = true;

	mutex_init(&test_mutex, LOCK_CONSOLE_MUX, "selftest");
	under_mutex = under_spin = 0;
	for (uint64_t i = 0; i < LOCK_THREADS && ok; i++)
		ok = team_add(&team, i % 2 ? THREAD_SERVICE : THREAD_VCPU, 100,
			      lock_worker, (void *)i);
	team_join(&team);
	snprintf(text, nbytes, "%llu and %llu of %u increments",
		 (unsigned long long)under_mutex,
		 (unsigned long long)under_spin, LOCK_THREADS * LOCK_ROUNDS);
	return ok && under_mutex == LOCK_THREADS * LOCK_ROUNDS &&
	       under_spin == LOCK_THREADS * LOCK_ROUNDS;
}

/* ---- wakeups in disorder ---- */

#define STORM_THREADS 12u
#define STORM_ROUNDS  1000u

static struct storm {
	struct waitq wq;
	uint32_t tokens; /* [atomic] */
	uint32_t taken;	 /* [atomic] */
} storm;

static bool take_token(void)
{
	uint32_t n = __atomic_load_n(&storm.tokens, __ATOMIC_SEQ_CST);

	while (n)
		if (__atomic_compare_exchange_n(&storm.tokens, &n, n - 1, true,
						__ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return true;
	return false;
}

/* Each token that one thread takes makes another thread's one. */
static void storm_worker(void *arg)
{
	uint32_t seed = (uint32_t)(uint64_t)arg;

	for (uint32_t i = 0; i < STORM_ROUNDS; i++) {
		wait_event(&storm.wq, take_token());
		__atomic_fetch_add(&storm.taken, 1, __ATOMIC_SEQ_CST);
		if (shake(&seed) % 4 == 0)
			thread_park_until(rdtsc() + shake(&seed) % MS(1));
		__atomic_fetch_add(&storm.tokens, 1, __ATOMIC_SEQ_CST);
		waitq_wake_one(&storm.wq);
	}
}

static bool test_storm(char *text, size_t nbytes)
{
	struct team team = { .n = 0 };
	bool ok = true;

	storm = (struct storm){ .tokens = STORM_THREADS / 3 };
	waitq_init(&storm.wq);
	for (uint64_t i = 0; i < STORM_THREADS && ok; i++)
		ok = team_add(&team, i % 3 ? THREAD_VCPU : THREAD_SERVICE, 100,
			      storm_worker, (void *)i);
	team_join(&team);
	snprintf(text, nbytes, "%u of %u tokens passed on", storm.taken,
		 STORM_THREADS * STORM_ROUNDS);
	return ok && storm.taken == STORM_THREADS * STORM_ROUNDS &&
	       storm.tokens == STORM_THREADS / 3;
}

/* ---- timers ---- */

#define NR_TIMERS 64u

static struct test_timer {
	struct timer timer;
	uint64_t fired_at; /* [atomic] */
} timers[NR_TIMERS];

static void timer_fired(struct timer *t)
{
	struct test_timer *tt = container_of(t, struct test_timer, timer);

	WRITE_ONCE(tt->fired_at, rdtsc());
}

/* Every second one is cancelled again at once. */
static bool test_timers(char *text, size_t nbytes)
{
	uint64_t worst = 0;
	uint32_t seed = 7, bad = 0;

	for (uint32_t i = 0; i < NR_TIMERS; i++) {
		timer_init(&timers[i].timer, timer_fired);
		timers[i].fired_at = 0;
		timer_arm(&timers[i].timer,
			  rdtsc() + MS(10) + shake(&seed) % MS(20));
		if (i % 2)
			timer_cancel(&timers[i].timer);
	}
	thread_sleep_ns(50000000);
	for (uint32_t i = 0; i < NR_TIMERS; i++) {
		uint64_t at = READ_ONCE(timers[i].fired_at);
		uint64_t due = timers[i].timer.deadline;

		timer_cancel(&timers[i].timer);
		if (i % 2 ? at != 0 : at < due)
			bad++;
		else if (at)
			worst = max(worst, at - due);
	}
	snprintf(text, nbytes, "%u wrong; latest by %llu us", bad,
		 (unsigned long long)tsc_to_ns(worst) / 1000);
	return !bad;
}

/* ---- calls between CPUs ---- */

#define CALL_ROUNDS 500u

static uint64_t called; /* [atomic] */

static void count_call(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&called, 1, __ATOMIC_SEQ_CST);
}

static void call_worker(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < CALL_ROUNDS; i++) {
		smp_call(UINT64_MAX, count_call, NULL);
		thread_yield();
	}
}

static bool test_calls(char *text, size_t nbytes)
{
	uint32_t workers = min(nr_cpus + 1, 8u);
	uint64_t want = (uint64_t)workers * CALL_ROUNDS * (nr_cpus - 1);
	struct team team = { .n = 0 };
	bool ok = true;

	called = 0;
	for (uint32_t i = 0; i < workers && ok; i++)
		ok = team_add(&team, THREAD_VCPU, 100, call_worker, NULL);
	team_join(&team);
	snprintf(text, nbytes, "%llu of %llu calls", (unsigned long long)called,
		 (unsigned long long)want);
	return ok && called == want;
}

/* ---- weights ---- */

#define SPIN_MS	      1000u
#define TOLERANCE_PCT 15u

static uint64_t spin_end; /* [const while the test runs] */

static void spinner(void *arg)
{
	uint64_t *ran = arg;

	while (rdtsc() < spin_end) {
		if (need_resched())
			thread_yield();
		cpu_pause();
	}
	*ran = thread_runtime(thread_self());
}

/*
 * What each thread should get of `cpus` permille of a CPU: its share by weight,
 * but never more than one CPU; what it can't use goes to the others.
 */
static void fair_shares(const uint32_t *weights, uint32_t n, uint64_t cpus,
			uint64_t *permille)
{
	uint64_t total = 0;
	bool capped = true;

	for (uint32_t i = 0; i < n; i++) {
		permille[i] = 0;
		total += weights[i];
	}
	while (capped) {
		capped = false;
		for (uint32_t i = 0; i < n; i++) {
			if (permille[i] || cpus * weights[i] < total * 1000)
				continue;
			permille[i] = 1000;
			cpus -= 1000;
			total -= weights[i];
			capped = true;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (!permille[i])
			permille[i] = cpus * weights[i] / total;
}

/*
 * Guests may run beside it, and have shares of their own: what counts is how
 * the test's threads divide what they got.
 */
static bool test_weights(char *text, size_t nbytes)
{
	static const uint32_t unequal[] = { 100, 200, 100, 300 };
	uint32_t n = min(2 * nr_cpus + 1, TEAM_MAX);
	uint32_t weights[TEAM_MAX];
	uint64_t ran[TEAM_MAX] = { 0 }, fair[TEAM_MAX];
	struct team team = { .n = 0 };
	uint64_t worst = 0, all = 0;
	bool ok = true;

	spin_end = rdtsc() + MS(SPIN_MS);
	for (uint32_t i = 0; i < n && ok; i++) {
		weights[i] = unequal[i % ARRAY_SIZE(unequal)];
		ok = team_add(&team, THREAD_VCPU, weights[i], spinner, &ran[i]);
	}
	team_join(&team);
	for (uint32_t i = 0; i < n; i++)
		all += ran[i] * 1000 / MS(SPIN_MS);
	fair_shares(weights, n, all, fair);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t got = ran[i] * 1000 / MS(SPIN_MS);
		uint64_t off = got > fair[i] ? got - fair[i] : fair[i] - got;

		worst = max(worst, off * 100 / (fair[i] + 1));
	}
	snprintf(text, nbytes,
		 "%u threads on %llu.%02llu of %u CPUs, worst %llu %% off its "
		 "share",
		 n, (unsigned long long)all / 1000,
		 (unsigned long long)all / 10 % 100, nr_cpus,
		 (unsigned long long)worst);
	return ok && worst <= TOLERANCE_PCT;
}

const struct selftest sched_selftests[] = {
	{ "park", test_park },	 { "locks", test_locks },
	{ "storm", test_storm }, { "timers", test_timers },
	{ "calls", test_calls }, { "weights", test_weights },
};
const size_t nr_sched_selftests = ARRAY_SIZE(sched_selftests);
