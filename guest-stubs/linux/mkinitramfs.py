#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds an initramfs for a Linux guest: static busybox, rootfs/, modules.

Two builds give the same bytes.
"""
import argparse
import gzip
import os
import re
import subprocess
import sys

from cpio import Archive

HERE = os.path.dirname(os.path.abspath(__file__))
BUSYBOX = "/bin/busybox"
DIRECTORIES = ["bin", "dev", "etc", "lib", "lib64", "lib/modules", "proc",
               "root", "run", "sbin", "sys", "tmp"]
SBIN = {"init", "poweroff", "reboot", "halt", "insmod", "rmmod", "lsmod",
        "modprobe"}


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
