// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pace of a VM's timers. vm->timer_pace is the time up to which its firings
 * so far are spread, one for each gap. One that comes while that is not more
 * than the tolerance ahead of now may fire at once; another one gets the next
 * free turn and is armed for that, so that nobody asks twice.
 */
#include "vmx/devices/guest_timer.h"

#include "kernel/sync/percpu.h"
#include "vmx/vm.h"

/*
 * A firing costs the host an interrupt, a wakeup, two switches and two exits,
 * 10,000 to 15,000 ticks. Once in so many on each CPU that the VM may use it
 * takes a neighbour at most 15 %, and still is a tick of 30 kHz at 3 GHz.
 */
#define GAP_TICKS 100000u
/* Ticks of all vCPUs may coincide, and those of the devices. */
#define TOLERANCE(nr_vcpus) (2 * (nr_vcpus) + 4)
/* Taking the interrupt and going back, beside what is measured. */
#define INTERRUPT_TICKS 1000u

/* 0: t may fire now; else the time of its turn, which is now taken. */
static uint64_t take_turn(struct vm *vm, uint64_t now)
{
	uint64_t vcpus = max(vm->nr_vcpus, 1u);
	uint64_t gap = GAP_TICKS / min(vcpus, (uint64_t)nr_cpus);
	uint64_t tolerance = gap * TOLERANCE(vcpus);
	uint64_t pace = __atomic_load_n(&vm->timer_pace, __ATOMIC_RELAXED);
	uint64_t from;

	do
		from = max(pace, now);
	while (!__atomic_compare_exchange_n(&vm->timer_pace, &pace, from + gap,
					    true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
	return from - now > tolerance ? from - tolerance : 0;
}

static void fire(struct timer *host)
{
	struct guest_timer *t = container_of(host, struct guest_timer, host);
	uint64_t now = rdtsc();
	uint64_t turn = READ_ONCE(t->turn);

	if (!turn)
		turn = take_turn(t->vm, now);
	if (turn > now) {
		WRITE_ONCE(t->turn, turn);
		timer_arm(host, turn);
	} else {
		WRITE_ONCE(t->turn, 0);
		t->fn(t);
	}
	sched_group_charge(&t->vm->share, rdtsc() - now + INTERRUPT_TICKS);
}

void guest_timer_init(struct guest_timer *t, struct vm *vm,
		      void (*fn)(struct guest_timer *t))
{
	timer_init(&t->host, fire);
	t->vm = vm;
	t->turn = 0;
	t->fn = fn;
}

void guest_timer_arm(struct guest_timer *t, uint64_t tsc_deadline)
{
	/* One that waits for its turn keeps it: else setting it anew helps. */
	uint64_t turn = READ_ONCE(t->turn);

	timer_arm(&t->host, max(tsc_deadline, turn));
}

void guest_timer_cancel(struct guest_timer *t)
{
	timer_cancel(&t->host);
}
