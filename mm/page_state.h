/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one page of a memory object. Each page is in exactly one.
 *
 *   hollow      no backing; created so, or given back by the guest
 *   resident    has a frame
 *   zero        reads as zeros from the shared zero frame, read-only
 *   ballooned   given to the host; a touch is a violation and commits
 *   compressed, swapped, on_disk    content elsewhere (later)
 *   unplugged   not addressable
 */
#ifndef MM_PAGE_STATE_H
#define MM_PAGE_STATE_H

enum page_state {
	PG_HOLLOW,
	PG_RESIDENT,
	PG_ZERO,
	PG_BALLOONED,
	PG_COMPRESSED,
	PG_SWAPPED,
	PG_ON_DISK,
	PG_UNPLUGGED,
	PG_NR_STATES
};

#endif
