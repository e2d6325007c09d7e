# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated machine on which both sides are measured.

One CPU: with two, the same work reads about 1.9 times more ticks, because
the time stamp counter runs on while the other CPU has its turn.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import images

RAM_MIB = 2048
IPS = 100_000_000

CONFIG = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=corei7_skylake_x, count=1, ips={ips}, reset_on_triple_fault=0, \
ignore_bad_msrs=1
memory: guest={ram}, host={ram}
romimage: file=/usr/share/ovmf/OVMF.fd
vgaromimage: file=/usr/share/vgabios/vgabios.bin
pci: enabled=1, chipset=i440fx, slot1=pcivga
vga: extension=vbe
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={disk}, mode=flat, cylinders={cylinders}, \
heads={heads}, spt={sectors}
boot: disk
clock: sync=none
log: {folder}/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
com1: enabled=1, mode=file, dev={folder}/serial
"""


def boot_until(disk, cylinders, marker, timeout, echo=None):
    """Boots a disk until its serial line shows `marker`; returns the text.

    The emulator is ended by its own pid. RuntimeError when it ends by
    itself or after `timeout` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="aerostat-bench-") as folder:
        folder = Path(folder)
        (folder / "bochsrc").write_text(CONFIG.format(
            ips=IPS, ram=RAM_MIB, disk=disk, cylinders=cylinders,
            heads=images.HEADS, sectors=images.SECTORS, folder=folder))
        (folder / "commands").write_text("c\n")
        bochs = subprocess.Popen(
            ["bochs", "-q", "-f", folder / "bochsrc", "-rc",
             folder / "commands"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        try:
            return _watch(bochs, folder, marker, time.time() + timeout, echo)
        finally:
            if bochs.poll() is None:
                os.kill(bochs.pid, signal.SIGKILL)
            bochs.wait()
            Path(str(disk) + ".lock").unlink(missing_ok=True)


def _watch(bochs, folder, marker, deadline, echo):
    serial, seen = folder / "serial", 0
    while True:
        ended = bochs.poll() is not None
        text = serial.read_bytes().decode(errors="replace") \
            if serial.exists() else ""
        if echo and len(text) > seen:
            echo(text[seen:])
        seen = len(text)
        if marker in text:
            return text
        if ended or time.time() > deadline:
            why = "the emulator ended" if ended else "no end in time"
            raise RuntimeError(f"{why}; last on the serial line:\n"
                               + text[-2000:])
        time.sleep(0.5)
