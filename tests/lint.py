#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks all C of the repository: formatting (clang-format), house rules that
a machine can check, the arrows between rooms (rooms.py), cppcheck, and that
each header compiles alone.
"""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rooms

TOP = Path(__file__).resolve().parent.parent
MAX_LINES = 800
MAX_TEST_LINES = 1000   # tables of cases
OPEN_ENDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!.*#\d)")
HEADER_FLAGS = ["-std=gnu11", "-ffreestanding", "-mgeneral-regs-only",
                "-mno-red-zone", "-Wall", "-Wextra", "-Werror", "-I.",
                "-Ibuild/gen", "-fsyntax-only"]
EFI_FLAGS = ["-I/usr/include/efi", "-I/usr/include/efi/x86_64",
             "-fshort-wchar"]


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard",
                          *patterns], cwd=TOP, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [f for f in out.splitlines() if (TOP / f).exists()]


def check(argv):
    p = subprocess.run(argv, cwd=TOP, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    return p.stdout if p.returncode else ""


def is_kernel_module(path):
    """Built by Linux's own rules, against its headers."""
    return path.startswith("guest-stubs/linux/")


def check_text(path):
    text = (TOP / path).read_text(encoding="utf-8")
    errs = []
    if "SPDX-License-Identifier" not in text[:200]:
        errs.append("no SPDX line")
    lines = text.count("\n")
    limit = MAX_TEST_LINES if path.startswith("tests/") else MAX_LINES
    if lines > limit:
        errs.append("%d lines, the limit is %d" % (lines, limit))
    if OPEN_ENDS.search(text):
        errs.append("an open end without an issue number")
    return "".join("%s: %s\n" % (path, e) for e in errs)


def check_header(path):
    flags = HEADER_FLAGS
    if path.startswith("boot/"):
        flags = flags + EFI_FLAGS
    if path.startswith(("tests/unit/", "tests/tsan/")):
        flags = ["-std=gnu11", "-Itests/unit/fakes", "-Itests/unit", "-I.",
                 "-Ibuild/gen", "-fsyntax-only"]
    return check(["gcc", *flags, "-x", "c", "-include", path, "/dev/null"])


def main():
    c = tracked("*.c")
    h = tracked("*.h")
    jobs = [(check, ["clang-format", "--dry-run", "-Werror", *c, *h])]
    jobs += [(check_text, f) for f in
             c + h + tracked("*.asm", "*.py", "*.sh", "*.ld", "Makefile")]
    jobs += [(check_header, f) for f in h if not is_kernel_module(f)]
    product = [f for f in c if f.split("/")[0] in
               ("kernel", "mm", "vmx", "drivers", "boot")
               and not f.endswith("asm_offsets.c")]
    if product:
        jobs.append((check, [
            "cppcheck", "--quiet", "--error-exitcode=1", "--std=c11",
            "--enable=warning,portability", "--inline-suppr", "-j2",
            "--suppressions-list=tests/cppcheck.txt", "-I.", "-Ibuild/gen",
            *product]))
    jobs.append((lambda _: "".join(e + "\n" for e in rooms.check_all()), None))
    bad = 0
    with ThreadPoolExecutor(2) as pool:
        for out in pool.map(lambda j: j[0](j[1]), jobs):
            if out:
                bad += 1
                print(out, end="")
    print("lint: %d checks, %d bad" % (len(jobs), bad))
    sys.exit(1 if bad else 0)


main()
