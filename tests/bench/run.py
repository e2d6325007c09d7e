#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: measures Aerostat and Linux KVM in the same emulated machine.

Prints a table, writes build/bench.json and the table in docs/bench.md. What
a partial run leaves out keeps its earlier figure. Exit status 1 if a bar is missed or a figure of either side
could not be had. How each figure is measured: docs/bench.md.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))
import images  # noqa: E402
import kvm_side  # noqa: E402
import our_side  # noqa: E402
import table  # noqa: E402
from metrics import METRICS  # noqa: E402

BUILD = TOP / "build"
DOCS = TOP / "docs" / "bench.md"

OUR_KEYS = ("ours", "exits", "zeroing", "beside", "pass")
KVM_KEYS = ("kvm", "kvm_cached", "kvm_exits")


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure_kvm(metrics, echo):
    """{name: its keys of an entry}; a plan that fails leaves names out."""
    found = {}
    for plan in sorted({m.kvm[0] for m in metrics if m.has_peer}):
        say(f"bench: Linux KVM, {plan} ...")
        try:
            values, cached = kvm_side.results(
                plan, BUILD / "bench", BUILD / "bench-kvm.json", echo)
            for m in metrics:
                if not m.has_peer or m.kvm[0] != plan:
                    continue
                found[m.name] = {"kvm": m.kvm[1](values),
                                 "kvm_cached": cached,
                                 "kvm_exits": None}
                if m.name == "boot_linux":
                    found[m.name]["kvm_exits"] = values["qemu_boot_exits"]
        except (RuntimeError, KeyError) as err:
            say(f"bench: Linux KVM, {plan}: {type(err).__name__}: {err}")
    return found


def within_bars(metric, mine):
    if mine.get("ours") is None:
        return False
    if metric.exits_bar is not None and not mine["exits"] <= metric.exits_bar:
        return False
    return metric.bar is None or mine["ours"] <= metric.bar


def merged(metric, ours, kvm):
    """The entry of bench.json for one metric."""
    mine = ours.get(metric.name, {})
    theirs = kvm.get(metric.name, dict.fromkeys(KVM_KEYS))
    return {
        "ours": mine.get("ours"), "unit": metric.unit,
        "exits": mine.get("exits"), "zeroing": mine.get("zeroing"),
        "beside": mine.get("beside", {}), "bar": metric.bar,
        "exits_bar": metric.exits_bar, "pass": within_bars(metric, mine),
        "what": metric.what, **theirs,
        "no_peer": None if metric.has_peer else metric.kvm,
    }


def add_earlier(entries, path, skipped):
    """Adds what an earlier run found for the side not run now (keys
    `skipped`); returns all that is known, in the table's order."""
    old = json.loads(path.read_text()) if path.exists() else {}
    for name, entry in entries.items():
        for key in skipped:
            if key in old.get(name, {}):
                entry[key] = old[name][key]
        entry["missing"] = entry["ours"] is None or (
            entry["kvm"] is None and not entry["no_peer"])
    old.update(entries)
    path.write_text(json.dumps(old, indent=1) + "\n")
    unknown = {"missing": True, "no_peer": None}
    return {m.name: {**merged(m, {}, {}), **unknown, **old.get(m.name, {})}
            for m in METRICS}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--kvm-only", action="store_true")
    side.add_argument("--ours-only", action="store_true")
    parser.add_argument("--only", action="append", metavar="NAME",
                        choices=[m.name for m in METRICS])
    parser.add_argument("--verbose", action="store_true",
                        help="show the serial lines")
    return parser.parse_args()


def machine_line():
    versions = kvm_side.images.run("dpkg-query", "-W", "-f",
                                   "${Package} ${Version}, ", "bochs", "ovmf",
                                   "qemu-system-x86")
    kernel = images.kernel_path().name.removeprefix("vmlinuz-")
    return f"{versions}Linux {kernel} as KVM's host and as guest of both."


def main():
    args = arguments()
    # So that the emulator is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    metrics = [m for m in METRICS if not args.only or m.name in args.only]
    echo = (lambda text: print(text, end="", file=sys.stderr, flush=True)) \
        if args.verbose else None
    BUILD.mkdir(exist_ok=True)
    kvm = {} if args.ours_only else measure_kvm(metrics, echo)
    ours = {} if args.kvm_only else \
        our_side.measure([m.name for m in metrics], BUILD, say)
    entries = {m.name: merged(m, ours, kvm) for m in metrics}
    known = add_earlier(entries, BUILD / "bench.json",
                        OUR_KEYS if args.kvm_only else
                        KVM_KEYS if args.ours_only else ())
    table.print_table(entries)
    missing = [name for name, e in entries.items() if e["missing"]]
    for name in missing:
        say(f"bench: {name}: no figure of one side")
    table.write_markdown(DOCS, known, machine_line())
    missed = [name for name, e in entries.items() if not e["pass"]]
    return 1 if missing or (missed and not args.kvm_only) else 0


if __name__ == "__main__":
    sys.exit(main())
