/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log's interface to panic and the clock. */
#ifndef KERNEL_LOG_PRIV_H
#define KERNEL_LOG_PRIV_H

#include "kernel/lib/compiler.h"

/* TSC that log times and clock_ns() count from. [const after clock_init] */
extern uint64_t clock_start_tsc;

/* Prints the newest `max` lines to the console without taking a lock. */
void log_dump_panic(uint32_t max);

#endif
