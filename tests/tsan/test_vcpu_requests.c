// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The request protocol of vCPUs and the flush of stage 2, with a real thread
 * for each vCPU. The guest is a loop that touches frames through a TLB of its
 * own; ThreadSanitizer proves that no such touch is concurrent with what
 * happens to a frame after stage2_flush(), and that a paused vCPU touches
 * nothing; a lost request shows as a guest that nothing ends. What takes a page
 * on the exit fast path waits for nobody, and then no touch may come either.
 * Sources: vmx/vcpu.c vmx/ept_flush.c vmx/vpid.c
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/cpu/machine.h"
#include "kernel/lib/errno.h"
#include "mm/frame.h"
#include "tsan.h"
#include "vmx/devices/devices.h"
#include "vmx/ept.h"
#include "vmx/stay_timer.h"
#include "vmx/vcpu_priv.h"
#include "vmx/vmx.h"

#define NR_VCPUS   3u
#define NR_PAGES   6u
#define NR_FRAMES  32u
#define NR_CPUS	   (NR_VCPUS + 8)
#define ROUNDS	   10000u
#define PAUSES	   2000u
#define PATIENCE_S 20

/* ---- memory of the guest ---- */

struct guest_frame {
	uint32_t free;		  /* by its owner only */
	uint32_t words[NR_VCPUS]; /* each vCPU writes its own */
};

static struct guest_frame frames[NR_FRAMES]; /* 0: none */
static uint32_t leaves[NR_PAGES];	     /* [atomic] frame of each page */
static pthread_mutex_t space = PTHREAD_MUTEX_INITIALIZER;
static uint32_t tlb[NR_CPUS][NR_PAGES]; /* [own CPU] */
static uint32_t stale_touches;		/* [atomic] */

/* Locked. */
static uint32_t frame_take(void)
{
	for (uint32_t f = 1; f < NR_FRAMES; f++)
		if (frames[f].free) {
			memset(&frames[f], 0, sizeof(frames[f]));
			return f;
		}
	abort();
}

static void commit_page(uint32_t page)
{
	pthread_mutex_lock(&space);
	if (!leaves[page])
		__atomic_store_n(&leaves[page], frame_take(), __ATOMIC_RELEASE);
	pthread_mutex_unlock(&space);
}

/* The order of gspace_priv.h: clear the leaf, flush, then the frame is ours. */
static void take_page_away(struct stage2 *s2, uint32_t page)
{
	uint32_t f;

	pthread_mutex_lock(&space);
	f = __atomic_exchange_n(&leaves[page], 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&space);
	if (!f)
		return;
	stage2_flush(s2);
	memset(frames[f].words, 0xa5, sizeof(frames[f].words));
	pthread_mutex_lock(&space);
	frames[f].free = 1;
	pthread_mutex_unlock(&space);
}

static uint32_t taken_at_once; /* [atomic] */

/* The same on the exit fast path: all of it in one hold of the lock. */
static void take_page_at_once(struct stage2 *s2, uint32_t page)
{
	uint32_t f;

	if (pthread_mutex_trylock(&space))
		return;
	f = __atomic_load_n(&leaves[page], __ATOMIC_RELAXED);
	if (stage2_unmap_at_once(s2, gfn(page))) {
		memset(frames[f].words, 0x5a, sizeof(frames[f].words));
		frames[f].free = 1;
		__atomic_fetch_add(&taken_at_once, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&space);
}

uint64_t stage2_leaf_take(struct stage2 *s2, gfn_t g)
{
	(void)s2;
	return __atomic_exchange_n(&leaves[g.raw], 0, __ATOMIC_RELAXED);
}

void stage2_leaf_put_back(struct stage2 *s2, gfn_t g, uint64_t leaf)
{
	(void)s2;
	__atomic_store_n(&leaves[g.raw], (uint32_t)leaf, __ATOMIC_RELEASE);
}

/* False: an EPT violation. */
static bool guest_touch(struct vcpu *v, uint32_t page)
{
	uint32_t *cached = &tlb[fake_cpu_id][page];

	if (!*cached)
		*cached = __atomic_load_n(&leaves[page], __ATOMIC_ACQUIRE);
	if (!*cached)
		return false;
	if (frames[*cached].free)
		__atomic_fetch_add(&stale_touches, 1, __ATOMIC_RELAXED);
	frames[*cached].words[v->index]++;
	return true;
}

void fake_invept(uint64_t type, uint64_t eptp)
{
	(void)type;
	(void)eptp;
	memset(tlb[fake_cpu_id], 0, sizeof(tlb[fake_cpu_id]));
}

uint64_t stage2_take_retired(struct stage2 *s2)
{
	(void)s2;
	return 0;
}

void stage2_free_retired(struct stage2 *s2, uint64_t head)
{
	(void)s2;
	(void)head;
}

/* ---- the processor ---- */

static uint32_t kicked[NR_CPUS];     /* [atomic] a pending interrupt */
static uint32_t irr[NR_VCPUS];	     /* [atomic] an event for the guest */
static uint32_t delivered[NR_VCPUS]; /* [atomic] */
static uint32_t seeds[NR_VCPUS];     /* [own thread] */
static struct stage2 the_s2;
static struct vm the_vm;

void smp_kick(uint32_t cpu)
{
	__atomic_store_n(&kicked[cpu], 1, __ATOMIC_RELAXED);
}

/* With interrupts on, a pending one is taken by the host. */
static void host_takes_interrupt(void)
{
	__atomic_store_n(&kicked[fake_cpu_id], 0, __ATOMIC_RELAXED);
}

/*
 * In two of three stays only an interrupt ends it. Interrupts that the host
 * has taken before are gone, so a request whose kick came too early hangs.
 */
int vmx_enter(struct vcpu *v)
{
	uint32_t *seed = &seeds[v->index], r = tsan_random(seed) % 3;

	v->exit_reason = REASON_EXT_INTR;
	for (uint32_t n = 0;
	     !__atomic_load_n(&kicked[fake_cpu_id], __ATOMIC_RELAXED); n++) {
		uint32_t page = tsan_random(seed) % NR_PAGES;

		if (!guest_touch(v, page)) {
			v->exit_reason = REASON_EPT_VIOLATION;
			v->insn_len = page;
			break;
		}
		if (r == 0 && n == 20) {
			v->exit_reason = REASON_HLT;
			break;
		}
		if (n % 64 == 63)
			cpu_pause();
		if (tsan_random(seed) % 16)
			continue;
		take_page_at_once(&the_s2, tsan_random(seed) % NR_PAGES);
		/* As exit_fast_done(). */
		if (READ_ONCE(v->requests))
			break;
	}
	return 0;
}

enum exit_action exit_dispatch(struct vcpu *v)
{
	host_takes_interrupt();
	irq_enable();
	if (v->exit_reason == REASON_HLT)
		v->halted = true;
	else if (v->exit_reason == REASON_EPT_VIOLATION)
		commit_page(v->insn_len);
	if (tsan_random(&seeds[v->index]) % 8 == 0) /* as a balloon's call */
		take_page_away(&the_s2,
			       tsan_random(&seeds[v->index]) % NR_PAGES);
	return EXIT_RESUME;
}

void inject_prepare_entry(struct vcpu *v)
{
	if (__atomic_exchange_n(&irr[v->index], 0, __ATOMIC_SEQ_CST))
		__atomic_fetch_add(&delivered[v->index], 1, __ATOMIC_RELAXED);
}

bool inject_wakes_halt(struct vcpu *v)
{
	return __atomic_load_n(&irr[v->index], __ATOMIC_SEQ_CST) != 0;
}

bool stay_timer_begin(struct vcpu *v)
{
	(void)v;
	return true;
}

/* ---- what a vCPU is besides ---- */

struct vmx_controls vmx_controls;

int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
		hfn_t *out)
{
	static uint64_t next = 16;

	(void)order;
	(void)type;
	(void)flags;
	*out = hfn(next++);
	return 0;
}

void frame_free(hfn_t first, unsigned order)
{
	(void)first;
	(void)order;
}

int lapic_create(struct vcpu *v, struct lapic **out)
{
	(void)v;
	*out = NULL;
	return 0;
}

unsigned lapic_take_nmis(struct lapic *l)
{
	(void)l;
	return 0;
}

int vcpu_state_create(struct vcpu *v)
{
	(void)v;
	return 0;
}

void vcpu_crash(struct vcpu *v, const char *fmt, ...)
{
	(void)v;
	fail_msg("%s", fmt);
}

#define NOTHING(fn)                                                            \
	void fn                                                                \
	{                                                                      \
	}
NOTHING(cpuid_policy_init(struct vcpu *v __attribute__((unused))))
NOTHING(lapic_destroy(struct lapic *l __attribute__((unused))))
NOTHING(lapic_init_signal(struct lapic *l __attribute__((unused))))
NOTHING(lapic_reset(struct lapic *l __attribute__((unused))))
NOTHING(msr_bitmap_init(uint8_t *map __attribute__((unused)),
			bool has_tsc_aux __attribute__((unused))))
NOTHING(msr_reset(struct vcpu *v __attribute__((unused))))
NOTHING(pv_eoi_reset(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_snapshot_take(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_state_destroy(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_state_reset(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_state_init(void))
NOTHING(stay_timer_end(void))
NOTHING(stay_timer_renew(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_leave_cpu(struct vcpu *v __attribute__((unused))))
NOTHING(vcpu_switch_in(void *v __attribute__((unused))))
NOTHING(vmcs_setup_controls(struct vcpu *v __attribute__((unused))))
NOTHING(vmcs_setup_guest_power_on(struct vcpu *v __attribute__((unused))))
NOTHING(vmcs_setup_guest_reset(struct vcpu *v __attribute__((unused))))

void vmcs_setup_guest_sipi(struct vcpu *v, uint8_t vector)
{
	(void)v;
	(void)vector;
}

void vmcs_setup_guest_start(struct vcpu *v, const struct start_state *s)
{
	(void)v;
	(void)s;
}

void pvclock_update(struct vcpu *v, bool was_stopped)
{
	(void)v;
	(void)was_stopped;
}

/* ---- the test ---- */

static bool soon(uint32_t *counter, uint32_t at_least)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (__atomic_load_n(counter, __ATOMIC_RELAXED) < at_least) {
		if (time(NULL) > end)
			return false;
		cpu_pause();
	}
	return true;
}

/* Gives one vCPU events, each when the one before has arrived. */
static void *interrupter(void *arg)
{
	struct vcpu *v = arg;

	fake_cpu_id = NR_VCPUS + 1 + v->index;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		__atomic_store_n(&irr[v->index], 1, __ATOMIC_SEQ_CST);
		vcpu_request(v, VCPU_REQ_EVENT);
		if (!soon(&delivered[v->index], i + 1))
			return "an event was lost";
	}
	return NULL;
}

static void *page_taker(void *arg)
{
	uint32_t seed = 7;

	(void)arg;
	fake_cpu_id = 2 * NR_VCPUS + 1;
	for (uint32_t i = 0; i < ROUNDS; i++)
		take_page_away(&the_s2, tsan_random(&seed) % NR_PAGES);
	return NULL;
}

void vm_wake_keeper(struct vm *vm)
{
	(void)vm;
}

static bool all_paused_soon(void)
{
	time_t end = time(NULL) + PATIENCE_S;
	uint32_t i = 0;

	while (i < NR_VCPUS && time(NULL) <= end) {
		if (vcpu_is_paused(the_vm.vcpus[i]))
			i++;
		else
			cpu_pause();
	}
	return i == NR_VCPUS;
}

/*
 * A storm of pauses. While all stand still, what each vCPU keeps for itself is
 * ours: that it is left alone is for the sanitizer to say.
 */
static void *pauser(void *arg)
{
	(void)arg;
	fake_cpu_id = 2 * NR_VCPUS + 2;
	for (uint32_t n = 0; n < PAUSES; n++) {
		__atomic_fetch_add(&the_vm.pause_seq, 1, __ATOMIC_SEQ_CST);
		for (uint32_t i = 0; i < NR_VCPUS; i++)
			vcpu_request(the_vm.vcpus[i], VCPU_REQ_PAUSE);
		if (!all_paused_soon())
			return "a pause was lost";
		for (uint32_t i = 0; i < NR_VCPUS; i++)
			seeds[i] += n;
		for (uint32_t i = 0; i < NR_VCPUS; i++)
			vcpu_resume(the_vm.vcpus[i]);
	}
	return NULL;
}

static int machine_create(void **state)
{
	static const struct config_vm cfg = { .name = "guest", .weight = 100 };
	static const struct start_state start;

	(void)state;
	alarm(5 * PATIENCE_S); /* whatever hangs */
	fake_before_irqs_off = host_takes_interrupt;
	fake_ram_create(1 << 20);
	for (uint32_t f = 1; f < NR_FRAMES; f++)
		frames[f].free = 1;
	the_vm.cfg = &cfg;
	the_vm.nr_vcpus = NR_VCPUS;
	the_vm.s2 = &the_s2;
	the_s2.vm = &the_vm;
	for (uint32_t i = 0; i < NR_VCPUS; i++) {
		seeds[i] = i;
		assert_int_equal(vcpu_create(&the_vm, i, &the_vm.vcpus[i]), 0);
	}
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		vcpu_reset(the_vm.vcpus[i], &start);
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		assert_int_equal(vcpu_launch(the_vm.vcpus[i]), 0);
	return 0;
}

static int machine_destroy(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		vcpu_request(the_vm.vcpus[i], VCPU_REQ_END);
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		vcpu_join(the_vm.vcpus[i]);
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		vcpu_destroy(the_vm.vcpus[i]);
	fake_ram_destroy();
	return 0;
}

static void no_request_is_lost_and_no_flushed_frame_is_touched(void **state)
{
	pthread_t t[NR_VCPUS + 2];
	const char *error = NULL;

	(void)state;
	for (uint32_t i = 0; i < NR_VCPUS; i++)
		pthread_create(&t[i], NULL, interrupter, the_vm.vcpus[i]);
	pthread_create(&t[NR_VCPUS], NULL, page_taker, NULL);
	pthread_create(&t[NR_VCPUS + 1], NULL, pauser, NULL);
	for (uint32_t i = 0; i < NR_VCPUS + 2; i++) {
		void *result;

		pthread_join(t[i], &result);
		if (result)
			error = result;
	}
	if (error)
		fail_msg("%s", error);
	assert_int_equal(stale_touches, 0);
	assert_true(READ_ONCE(taken_at_once) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_request_is_lost_and_no_flushed_frame_is_touched,
			machine_create, machine_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
