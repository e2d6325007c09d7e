#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds an initramfs for a Linux guest: static busybox, rootfs/, modules.

The archive is written directly in the "newc" format of cpio (Linux
Documentation/driver-api/early-userspace/buffer-format.rst), so that device
nodes need no privileges and two builds give the same bytes.
"""
import argparse
import gzip
import os
import re
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUSYBOX = "/bin/busybox"
DIRECTORIES = ["bin", "dev", "etc", "lib", "lib64", "lib/modules", "proc",
               "root", "run", "sbin", "sys", "tmp"]
SBIN = {"init", "poweroff", "reboot", "halt", "insmod", "rmmod", "lsmod",
        "modprobe"}


class Archive:
    """Entries of a cpio archive, in the order that they were added."""

    def __init__(self):
        self.data = bytearray()
        self.names = set()

    def _entry(self, name, mode, body=b"", rdev=(0, 0)):
        if name in self.names:
            return
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = [len(self.names), mode, 0, 0, 1, 0, len(body), 0, 0,
                  rdev[0], rdev[1], len(encoded), 0]
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields)
        self.data += encoded
        self._pad()
        self.data += body
        self._pad()

    def _pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def directory(self, name):
        """Adds a directory and those above it."""
        parent = os.path.dirname(name)
        if parent:
            self.directory(parent)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, source, name):
        """Adds a regular file with the permissions of `source`."""
        self.directory(os.path.dirname(name) or ".")
        with open(source, "rb") as f:
            body = f.read()
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self._entry(name, stat.S_IFREG | mode, body)

    def link(self, name, target):
        """Adds a symbolic link."""
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        """Adds a character device."""
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def finish(self):
        """The whole archive."""
        self._entry("TRAILER!!!", 0)
        self.data += b"\0" * (-len(self.data) % 512)
        return bytes(self.data)


def shared_libraries(program):
    """Paths of the libraries that a program is linked with; static: none."""
    result = subprocess.run(["ldd", program], capture_output=True, text=True,
                            check=False)
    return re.findall(r"(/\S+) \(0x", result.stdout)


def add_program(archive, program):
    """Adds a program to /bin with the libraries it needs."""
    archive.file(program, "bin/" + os.path.basename(program))
    for library in shared_libraries(program):
        archive.file(library, library.lstrip("/"))


def add_busybox(archive):
    """Adds busybox and a link for each of its applets."""
    archive.file(BUSYBOX, "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True,
                             text=True, check=True).stdout.split()
    # PID 1 must find init by the kernel's name for it.
    archive.link("init", "bin/busybox")
    for applet in applets + ["init"]:
        where = "sbin" if applet in SBIN else "bin"
        archive.link(f"{where}/{applet}", "/bin/busybox")


def add_tree(archive, top):
    """Adds all files below `top`, sorted."""
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            archive.file(path, os.path.relpath(path, top))


def build(args):
    """The compressed archive."""
    archive = Archive()
    for name in DIRECTORIES:
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    for spec in args.file:
        source, _, name = spec.partition("=")
        archive.file(source, name.lstrip("/"))
    add_busybox(archive)
    add_tree(archive, os.path.join(HERE, "rootfs"))
    for module in args.module:
        archive.file(module, "lib/modules/" + os.path.basename(module))
    for program in args.program:
        add_program(archive, program)
    data = archive.finish()
    return data if args.plain else gzip.compress(data, 9, mtime=0)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--module", action="append", default=[],
                        help="kernel module, inserted at boot")
    parser.add_argument("--program", action="append", default=[],
                        help="program for /bin, with its shared libraries")
    parser.add_argument("--file", action="append", default=[],
                        metavar="SOURCE=NAME",
                        help="any file; goes before the standard ones")
    parser.add_argument("--plain", action="store_true",
                        help="don't compress")
    args = parser.parse_args()
    try:
        data = build(args)
    except OSError as error:
        sys.exit(f"{args.out}: {error.filename}: {error.strerror}")
    os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
    with open(args.out, "wb") as f:
        f.write(data)


if __name__ == "__main__":
    main()
