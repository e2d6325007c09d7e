#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# verify MIB: memtester's quick patterns over MIB of memory, in the
# background; its exit code goes to /tmp/verdict when it is done.
# The mask leaves out the patterns that make hundreds of passes.
rm -f /tmp/verdict
(
	MEMTESTER_TEST_MASK=0x7f memtester "$1" 1 >/tmp/memtester 2>&1
	echo $? >/tmp/verdict
) &
