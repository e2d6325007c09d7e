#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs tests and says how many passed.

usage: run.py unit              the host tests that were built
       run.py all [--only NAME] build, lint, host tests, emulator scenarios;
                                NAME is a host test, "lint", or a scenario
                                (as in pytest -k)

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
UNIT = TOP / "build" / "unit"
UNIT_TIMEOUT_S = 300
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider"]
NOTHING_COLLECTED = 5   # pytest's exit code
EMULATORS = 2           # each takes a CPU and up to 2 GiB


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def run(argv, **kw):
    return subprocess.run(argv, cwd=TOP, **kw).returncode


def unit_names():
    return sorted(p.stem for p in (TOP / "tests/unit").glob("test_*.c"))


def run_unit(names, tally):
    """Runs built host tests; each prints cmocka's own report."""
    for name in names:
        print("== unit", name, flush=True)
        try:
            p = subprocess.run([UNIT / name], cwd=TOP, text=True,
                               stdout=subprocess.PIPE, errors="replace",
                               stderr=subprocess.STDOUT,
                               timeout=UNIT_TIMEOUT_S)
            out, code = p.stdout, p.returncode
        except subprocess.TimeoutExpired as e:
            out, code = (e.stdout or b"").decode(errors="replace"), -1
            out += "\n%s: no end within %d s\n" % (name, UNIT_TIMEOUT_S)
        passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", out,
                                         re.M)))
        failed = len(re.findall(r"^\[  FAILED  \] \w+$", out, re.M)) // 2
        if code:
            failed = max(failed, 1)
            print(out, flush=True)
        else:
            print("   %d passed" % passed, flush=True)
        tally.add(passed, failed)


def run_step(name, argv, tally):
    print("==", name, flush=True)
    ok = run(argv) == 0
    tally.add(int(ok), int(not ok))
    return ok


def collect_emu(only):
    """Names of the scenarios, as pytest knows them."""
    argv = [*PYTEST, "--collect-only", "-q", "tests/emu"]
    if only:
        argv += ["-k", only]
    p = subprocess.run(argv, cwd=TOP, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    if p.returncode not in (0, NOTHING_COLLECTED):
        print(p.stdout)
        return None
    return [l for l in p.stdout.splitlines() if "::" in l]


def run_scenario(name):
    start = time.monotonic()
    p = subprocess.run([*PYTEST, "-q", "--tb=short", name], cwd=TOP, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       errors="replace")
    return name, p.returncode == 0, time.monotonic() - start, p.stdout


def run_emu(only, tally):
    """Emulator scenarios, several at once; False if none is named so."""
    names = collect_emu(only)
    if names is None:
        tally.add(0, 1)
        return True
    with ThreadPoolExecutor(min(EMULATORS, os.cpu_count() or 1)) as pool:
        for name, ok, seconds, out in pool.map(run_scenario, names):
            print("== %-4s %s (%d s)" % ("ok" if ok else "FAIL", name,
                                         seconds), flush=True)
            if not ok:
                print(out, flush=True)
            tally.add(int(ok), int(not ok))
    return bool(names)


def run_only(name, tally):
    if name == "lint":
        run_step("lint", ["make", "-s", "lint"], tally)
        return
    unit = [n for n in unit_names() if name in (n, n[len("test_"):])]
    if unit:
        if run_step("build", ["make", "-s", "build/unit/" + unit[0]], tally):
            run_unit(unit, tally)
        return
    if run_step("build", ["make", "--no-print-directory", jobs(), "all"], tally):
        if not run_emu(name, tally):
            print("no test is named %r" % name)
            tally.add(0, 1)


def run_all(tally):
    if not run_step("build", ["make", "--no-print-directory", jobs(), "all"], tally):
        return
    run_step("lint", ["make", "-s", "lint"], tally)
    names = unit_names()
    if run_step("build host tests", ["make", "-s", jobs()] +
                ["build/unit/" + n for n in names], tally):
        run_unit(names, tally)
    run_emu(None, tally)


def jobs():
    return "-j%d" % (os.cpu_count() or 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["unit", "all"])
    ap.add_argument("--only")
    args = ap.parse_args()
    # A make that runs us must not hand its job slots to the makes we run.
    os.environ.pop("MAKEFLAGS", None)
    tally = Tally()
    if args.what == "unit":
        run_unit(unit_names(), tally)
    elif args.only:
        run_only(args.only, tally)
    else:
        run_all(tally)
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    sys.exit(1 if tally.failed else 0)


main()
