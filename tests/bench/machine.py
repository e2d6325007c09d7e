# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated machine on which both sides are measured.

One CPU: with two, the same work reads about 1.9 times more ticks, because
the time stamp counter runs on while the other CPU has its turn.
"""

import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "boot"))
from emulator import BOCHSRC, Emulator  # noqa: E402

RAM_MIB = 2048
CPUS = 1
IPS = 100_000_000

# Whatever could change a figure.
DESCRIPTION = f"{BOCHSRC} {RAM_MIB} {CPUS} {IPS}"


def boot_until(disk, marker, timeout, echo=None):
    """Boots a disk until its serial line shows `marker`; returns the text.

    RuntimeError when the machine ends by itself or after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    data = b""
    with Emulator("bochs", disk, cpus=CPUS, mem_mib=RAM_MIB, ips=IPS) as emu:
        while marker.encode() not in data:
            left = deadline - time.monotonic()
            got = None
            if left > 0 and select.select([emu.sock], [], [], left)[0]:
                got = emu.sock.recv(65536)
            if not got:
                why = "the emulator ended" if left > 0 else "no end in time"
                raise RuntimeError(f"{why}; last on the serial line:\n"
                                   + text_of(data)[-2000:])
            data += got
            if echo:
                echo(text_of(got))
    return text_of(data)


def text_of(data):
    return data.decode(errors="replace")
