/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much one first touch commits (M1, M3, O11); mm/fault.c does it. */
#ifndef MM_COMMIT_H
#define MM_COMMIT_H

enum commit_policy { COMMIT_HUGE, COMMIT_AROUND, COMMIT_SINGLE };

#endif
