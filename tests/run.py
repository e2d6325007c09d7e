#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs tests and says how many passed.

usage: run.py unit              the host tests that were built
       run.py all [--only NAME] build, lint, host tests, emulator scenarios;
                                NAME is a host test, "lint", or a scenario
                                (as in pytest -k)
       run.py long              the scenarios marked `long`, which are not
                                part of `all`

Two things run at a time, the slowest first: how long scenarios took is kept in
build/.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
UNIT_TIMEOUT_S = 300
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider"]
NOTHING_COLLECTED = 5   # pytest's exit code
AT_ONCE = min(2, os.cpu_count() or 1)   # an emulator takes a CPU and 2 GiB
DURATIONS = BUILD / "emu-durations.txt"
FIRST_DURATIONS = TOP / "tests" / "emu" / "durations.txt"   # for a first run


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def run(argv):
    return subprocess.run(argv, cwd=TOP, check=False).returncode


def run_step(name, argv, tally):
    print("==", name, flush=True)
    ok = run(argv) == 0
    tally.add(int(ok), int(not ok))
    return ok


def report(done, total, what, ok, seconds, out):
    """One line for each thing that ended; everything it said if it failed."""
    print("== %-4s %d/%d %s (%.0f s)" % ("ok" if ok else "FAIL", done, total,
                                         what, seconds), flush=True)
    if not ok:
        print(out, flush=True)


def each(fn, items):
    """Calls fn for all items, AT_ONCE at a time, in that order; yields the
    results as they come."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for future in as_completed([pool.submit(fn, i) for i in items]):
            yield future.result()


# ---- host tests ----

def host_tests():
    """Paths of the tests that are to be built and run."""
    return sorted(BUILD / kind / p.stem for kind in ("unit", "tsan")
                  for p in (TOP / "tests" / kind).glob("test_*.c"))


def run_host_test(path):
    """(path, passed, failed, seconds, output) of one cmocka program."""
    start = time.monotonic()
    try:
        p = subprocess.run([path], cwd=TOP, text=True, errors="replace",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=UNIT_TIMEOUT_S, check=False)
        out, code = p.stdout, p.returncode
    except subprocess.TimeoutExpired as e:
        out, code = (e.stdout or b"").decode(errors="replace"), -1
        out += "\nno end within %d s\n" % UNIT_TIMEOUT_S
    except OSError as e:
        out, code = str(e), -1
    passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", out, re.M)))
    failed = len(re.findall(r"^\[  FAILED  \] \w+$", out, re.M)) // 2
    if code or not passed:
        failed = max(failed, 1)
    return path, passed, failed, time.monotonic() - start, out


def run_host_tests(paths, tally):
    for i, (path, passed, failed, seconds, out) in enumerate(
            each(run_host_test, paths), 1):
        tally.add(passed, failed)
        report(i, len(paths), "%s: %d passed" % (path.relative_to(BUILD),
                                                 passed),
               not failed, seconds, out)


# ---- scenarios ----

def collect(select):
    """Names of scenarios as pytest knows them; None if it can't tell."""
    p = subprocess.run([*PYTEST, "--collect-only", "-q", "tests/emu", *select],
                       cwd=TOP, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, check=False)
    if p.returncode not in (0, NOTHING_COLLECTED):
        print(p.stdout)
        return None
    return [l for l in p.stdout.splitlines() if "::" in l]


def durations():
    """Seconds that each scenario took when it passed last: here, or else where
    the committed figures were taken."""
    known = {}
    for path in FIRST_DURATIONS, DURATIONS:
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            seconds, name = line.split(None, 1)
            known[name] = float(seconds)
    return known


def keep_durations(known):
    DURATIONS.write_text("".join(
        "%6.0f %s\n" % (s, n) for n, s in sorted(known.items())),
        encoding="utf-8")


def run_scenario(name):
    start = time.monotonic()
    p = subprocess.run([*PYTEST, "-q", "--tb=short", name], cwd=TOP, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       errors="replace", check=False)
    return name, p.returncode == 0, time.monotonic() - start, p.stdout


def run_emu(select, tally):
    """Scenarios that pytest's options select; none at all is a failure."""
    names = collect(select)
    if not names:
        if names is not None:
            print("no scenario is selected by %r" % " ".join(select))
        tally.add(0, 1)
        return
    known = durations()
    start = time.monotonic()
    # One that is new comes first: it may be slow.
    names.sort(key=lambda n: -known.get(n, 1e9))
    for i, (name, ok, seconds, out) in enumerate(each(run_scenario, names), 1):
        tally.add(int(ok), int(not ok))
        report(i, len(names), name, ok, seconds, out)
        if ok:
            known[name] = seconds
    keep_durations(known)
    print("== %d scenarios took %.1f min" % (
        len(names), (time.monotonic() - start) / 60), flush=True)


# ---- what to run ----

def make(*targets):
    return ["make", "--no-print-directory", "-j%d" % (os.cpu_count() or 1), *targets]


def run_only(name, tally):
    if name == "lint":
        run_step("lint", make("lint"), tally)
        return
    host = [p for p in host_tests() if name in (p.name, p.name[len("test_"):])]
    if host:
        targets = [str(p.relative_to(TOP)) for p in host]
        if run_step("build", make(*targets), tally):
            run_host_tests(host, tally)
    elif run_step("build", make("all"), tally):
        run_emu(["-k", name], tally)


def run_all(tally):
    if not run_step("build", make("all"), tally):
        return
    run_step("lint", make("lint"), tally)
    if run_step("build host tests", make("host-tests"), tally):
        run_host_tests(host_tests(), tally)
    run_emu(["-m", "not long"], tally)


def run_long(tally):
    if run_step("build", make("all"), tally):
        run_emu(["-m", "long"], tally)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["unit", "all", "long"])
    ap.add_argument("--only")
    args = ap.parse_args()
    # A make that runs us must not hand its job slots to the makes we run.
    os.environ.pop("MAKEFLAGS", None)
    tally = Tally()
    if args.what == "unit":
        run_host_tests(host_tests(), tally)
    elif args.what == "long":
        run_long(tally)
    elif args.only:
        run_only(args.only, tally)
    else:
        run_all(tally)
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    sys.exit(1 if tally.failed else 0)


main()
