// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What follows from machine checks once they are out of the exception handler:
 * each is logged, a faulty frame is retired, and the VM whose memory it held
 * ends, because nobody can say what was in it.
 */
#include "kernel/cpu/mce.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "mm/frame.h"
#include "vmx/vm.h"
#include "vmx/vm_priv.h"

#define LOG_BURST 10u /* lines a second: memory may fail in many places */

static struct thread *thread; /* [const after boot] */

static struct vm *owner_of(hfn_t f)
{
	struct gspace *gs = gspace_of_frame(f);

	for (struct vm *vm = vm_first(); gs && vm; vm = vm_next(vm))
		if (vm->gs == gs)
			return vm;
	return NULL;
}

static void retire_page(hpa_t page)
{
	/* In that order: who gets it in between is found. */
	int err = frame_retire(hfn_of(page));
	struct vm *vm = owner_of(hfn_of(page));

	log_err("mce", "hpa=%#llx faulty memory: retired err=%d vm=%s",
		(unsigned long long)page.raw, err, vm ? vm->cfg->name : "-");
	if (vm)
		vm_request_end(vm, VM_END_CRASH,
			       "machine check: its memory at %#llx (host) is "
			       "faulty",
			       (unsigned long long)page.raw);
}

static void handle(const struct mce_event *e)
{
	static struct ratelimit rl;
	uint32_t dropped;

	if (ratelimit_ok(&rl, LOG_BURST, &dropped))
		log_warn("mce",
			 "cpu=%u bank=%u %s status=%#llx addr=%#llx misc=%#llx "
			 "(+%u)",
			 e->cpu, e->bank.nr, mce_kind_name(e->kind),
			 (unsigned long long)e->bank.status,
			 (unsigned long long)e->bank.addr,
			 (unsigned long long)e->bank.misc, dropped);
	if (e->has_page)
		retire_page(hpa(e->page));
}

static void mce_main(void *arg)
{
	struct mce_event e;
	uint32_t lost;

	(void)arg;
	for (;;) {
		while (mce_next_event(&e, &lost)) {
			handle(&e);
			if (lost)
				log_warn("mce", "%u more not recorded", lost);
		}
		thread_park();
	}
}

static void wake(void)
{
	thread_unpark(thread);
}

int machine_check_init(void)
{
	const struct thread_params p = { .name = "mce",
					 .fn = mce_main,
					 .class = THREAD_SERVICE };
	int err = thread_create(&p, &thread);

	if (!err)
		mce_set_listener(wake);
	return err;
}
