/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine made of fakes for tests of the console: two VMs (web runs, db has
 * a mistake in its configuration), a guest's UART, a log, and the host console
 * as a string.
 */
#ifndef SHELL_FAKES_H
#define SHELL_FAKES_H

#include <setjmp.h>

#include "kernel/cpu/machine.h"
#include "vmx/devices/devices.h"
#include "vmx/vm.h"

/* ---- the host console ---- */
extern char screen[1 << 18];   /* what was written */
extern const char *input;      /* what is typed */
extern void (*on_write)(void); /* called in the middle of each write */
void clear_screen(void);

/* ---- the machine ---- */
extern jmp_buf machine_end; /* taken by poweroff and reboot */
extern const char *ended_by;
extern enum log_level console_level;
extern uint64_t nr_log_lines;	 /* 3; a fourth may come */
extern unsigned nr_audit_errors; /* that mm_audit() finds */

/* ---- VMs ---- */
extern struct vm web, db;
extern bool has_vms;
extern bool orders_take_for_ever; /* what orders ask for never comes */
extern uint64_t last_target;
extern bool guests_are_slow;	/* asked to power off, they don't */
extern bool guests_are_deaf;	/* or don't even hear it */
extern const char *apply_fails; /* why a change is refused */
extern bool clean_pool_is_on, panic_reboots;
extern bool snapshot_taken;   /* of two vCPUs */
extern uint64_t vcpu_ticks;   /* of vCPU 0; each other has more */
extern bool has_driver;	      /* the guest's, of the memory device */
extern uint64_t resize_ticks; /* 0: the target is not reached yet */

/* ---- the UART of each guest ---- */
extern char guest_out[VUART_RING * 2];
extern uint64_t guest_end, guest_oldest;
extern char guest_in[256];

/* ---- running the console ---- */
/* One step for each time that the console waits. */
struct step {
	const char *type;   /* the administrator types this */
	const char *prints; /* the guest prints this */
	void (*then)(void); /* and this happens */
};

/* Runs the console thread until an empty step. */
void run_console(const struct step *script);
/* What a command prints. */
const char *output_of(const char *line);
/* Everything as at the start of a test. */
int set_up(void **state);

#endif
