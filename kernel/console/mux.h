/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The multiplexer: gives the host console to another one, a guest's say, until
 * the administrator takes it back with Ctrl-T. Console thread only.
 */
#ifndef KERNEL_MUX_H
#define KERNEL_MUX_H

#include "kernel/console/termfilter.h"
#include "kernel/lib/compiler.h"

struct mux_console;
struct thread;

struct mux_ops {
	/*
	 * From now on (NULL: no longer) `reader` is unparked when there is
	 * output, room for input, or another state.
	 */
	void (*listen)(struct mux_console *c, struct thread *reader);
	/*
	 * Output from *pos on, which moves past it; *lost: bytes that are gone
	 * because nobody looked. Returns how many are in dst.
	 */
	size_t (*read)(struct mux_console *c, uint64_t *pos, char *dst,
		       size_t n, uint64_t *lost);
	/* Returns how many of the typed bytes were taken. */
	size_t (*write)(struct mux_console *c, const char *s, size_t n);
	/*
	 * A word for its state, the same pointer while it lasts; *reads:
	 * somebody may want what is typed.
	 */
	const char *(*state)(struct mux_console *c, bool *reads);
};

/* Part of its owner's record; stays. Zeroed but for ops and name. */
struct mux_console {
	const struct mux_ops *ops;
	const char *name;
	uint64_t seen;		   /* output position [console thread] */
	struct term_filter filter; /* behind it [console thread] */
	bool raw; /* its control sequences are passed on, all of them */
};

/* Gives the console to c until Ctrl-T. */
void mux_run(struct mux_console *c);
/* The one that had it last; NULL: none yet. */
struct mux_console *mux_last(void);

#endif
