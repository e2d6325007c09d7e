#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a disk image in an emulated machine and gives you its console.

usage: run.py IMAGE [--emulator kvm|bochs|qemu] [--cpus N] [--memory MIB]

QEMU with KVM if nested VT-x is to be had here, else Bochs, which emulates
VT-x. Ctrl-] leaves and ends the machine. The image itself isn't changed.
"""
import argparse
import os
import select
import shutil
import signal
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

from emulator import Emulator, EmulatorError, kvm_has_vmx

LEAVE = b"\x1d"         # Ctrl-]


class RawTerminal:
    """The terminal in raw mode, restored however the block ends."""

    def __enter__(self):
        self.saved = None
        if sys.stdin and sys.stdin.isatty():
            self.saved = termios.tcgetattr(0)
            tty.setraw(0)
        return self

    def __exit__(self, *exc):
        if self.saved:
            # Flush: keys typed after Ctrl-] are not meant for the shell.
            termios.tcsetattr(0, termios.TCSAFLUSH, self.saved)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def wait_for_output(sock):
    """Shows that time passes while the firmware says nothing."""
    start = time.monotonic()
    sources = [sock] if sys.stdin is None else [sock, 0]
    while not select.select(sources, [], [], 1)[0]:
        if sys.stdout.isatty():
            write_all(1, b"\rthe firmware starts: %d s" %
                      (time.monotonic() - start))
    if sys.stdout.isatty():
        write_all(1, b"\r\x1b[K")


def bridge(sock):
    """Copies both ways. Returns why it ended."""
    wait_for_output(sock)
    # At the end of a piped stdin the machine runs on, until it ends itself.
    sources = [sock] if sys.stdin is None else [sock, 0]
    while True:
        ready = select.select(sources, [], [])[0]
        if sock in ready:
            try:
                data = sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return "the machine is off"
            write_all(1, data)
        if 0 in ready:
            data = os.read(0, 4096)
            if not data:
                sources.remove(0)
            before, key, _ = data.partition(LEAVE)
            sock.sendall(before)
            if key:
                return "left"


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("image")
    ap.add_argument("--emulator", choices=["kvm", "bochs", "qemu"])
    ap.add_argument("--cpus", type=int, default=2)
    ap.add_argument("--memory", type=int, default=2048, metavar="MIB")
    args = ap.parse_args()
    if not os.access(args.image, os.R_OK):
        sys.exit("%s: no such image; `make image` builds one" % args.image)
    for sig in signal.SIGTERM, signal.SIGHUP:   # end as after Ctrl-]
        signal.signal(sig, lambda *_: sys.exit(1))
    kind = args.emulator or ("kvm" if kvm_has_vmx() else "bochs")
    print({"kvm": "QEMU with KVM and nested VT-x",
           "bochs": "Bochs, which emulates VT-x (no nested KVM here); "
                    "its firmware takes about 15 s",
           "qemu": "QEMU without VT-x: guests can't start"}[kind])
    print("%d CPUs, %d MiB. Ctrl-] leaves." % (args.cpus, args.memory),
          flush=True)
    columns = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and columns < 80:
        print("This terminal has %d columns; the console is laid out for 80."
              % columns, flush=True)
    with tempfile.TemporaryDirectory(prefix="aerostat-run-") as tmp:
        image = Path(tmp) / "disk.img"
        shutil.copy(args.image, image)
        # "slowdown": an idle machine waits in real time instead of racing.
        emu = Emulator(kind, image, cpus=args.cpus, mem_mib=args.memory,
                       sync="slowdown", reboot=True)
        try:
            with emu, RawTerminal():
                why = bridge(emu.sock)
        except EmulatorError as e:
            sys.exit(str(e))
    print("\r\n[%s]" % why)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
except BrokenPipeError:     # nobody reads what the machine says
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)
