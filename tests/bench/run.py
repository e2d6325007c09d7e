#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: measures Aerostat and Linux KVM in the same emulated machine.

Prints a table and writes build/bench.json. Exit status 1 if a bar is missed
or a figure could not be had. How each figure is measured: docs/bench.md.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import NamedTuple, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))
import kvm_side  # noqa: E402
import our_side  # noqa: E402

BUILD = Path(__file__).resolve().parents[2] / "build"


class Metric(NamedTuple):
    """One line of the table. kvm: (plan, function of the plan's values)."""
    name: str
    bar: float
    unit: str
    what: str
    kvm: Optional[tuple] = None


def _value(key):
    return lambda values: values[key]


def _host_mib(values):
    """What a Linux host keeps for itself, without our own initramfs."""
    ram_kb = kvm_side.machine.RAM_MIB * 1024
    return (ram_kb - values["host_free_kb"] - values["initramfs_kb"]) / 1024


METRICS = [
    Metric("hypercall", 100, "ticks", "round trip seen by the guest",
           ("operations", _value("small_hypercall"))),
    Metric("cpuid_exit", 150, "ticks", "CPUID seen by the guest",
           ("operations", _value("small_cpuid"))),
    Metric("first_touch_4k", 1000, "ticks", "per page, zeroed at the fault",
           ("operations", _value("small_first_touch"))),
    Metric("first_touch_clean", 350, "ticks", "per page, clean pool",
           ("operations", _value("small_first_touch"))),
    Metric("first_touch_policy", 30, "ticks",
           "per 4 KiB page, default policy, clean pool",
           ("operations", _value("huge_first_touch"))),
    Metric("reclaim_4k", 60, "ticks", "taking back, per page, 4 KiB leaves",
           ("operations", _value("small_reclaim"))),
    Metric("reclaim_2m", 2, "ticks", "taking back, per page, 2 MiB leaves",
           ("operations", _value("huge_reclaim"))),
    Metric("boot_linux", 1.55e9, "ticks", "VM start to /init",
           ("guests", _value("qemu_boot"))),
    Metric("balloon_inflate_host", 60, "ticks",
           "hypervisor's part, per page, batches of 512"),
    Metric("balloon_deflate_host", 60, "ticks",
           "hypervisor's part, per page, batches of 512"),
    Metric("balloon_inflate_e2e", 1500, "ticks",
           "request to target, per page, 64 of 256 MiB",
           ("guests", _value("qemu_inflate"))),
    Metric("balloon_deflate_e2e", 600, "ticks",
           "request to target, per page, 64 of 256 MiB",
           ("guests", _value("qemu_deflate"))),
    Metric("host_fixed", 8, "MiB", "the host's own memory, of 2 GiB",
           ("operations", _host_mib)),
    Metric("vm_fixed", 1, "MiB", "for one idle 512 MiB guest beside its RAM",
           ("guests", lambda v: v["qemu_fixed_kb"] / 1024)),
]


OUR_KEYS = ("ours", "exits", "zeroing", "pass")
KVM_KEYS = ("kvm", "kvm_cached")


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure_kvm(metrics, echo):
    """{name: (value, cached)}; a plan that fails leaves its names out."""
    found = {}
    for plan in sorted({m.kvm[0] for m in metrics if m.kvm}):
        say(f"bench: Linux KVM, {plan} ...")
        try:
            values, cached = kvm_side.results(
                plan, BUILD / "bench", BUILD / "bench-kvm.json", echo)
            for m in metrics:
                if m.kvm and m.kvm[0] == plan:
                    found[m.name] = (m.kvm[1](values), cached)
        except (RuntimeError, KeyError) as err:
            say(f"bench: Linux KVM, {plan}: {err}")
    return found


def merged(metric, ours, kvm):
    """The entry of bench.json for one metric."""
    mine, (theirs, cached) = ours.get(metric.name, {}), \
        kvm.get(metric.name, (None, False))
    value = mine.get("ours")
    return {
        "ours": value, "kvm": theirs, "unit": metric.unit,
        "exits": mine.get("exits"), "zeroing": mine.get("zeroing"),
        "bar": metric.bar, "pass": value is not None and value <= metric.bar,
        "kvm_cached": cached, "what": metric.what,
        **{key: mine[key] for key in mine.keys() - OUR_KEYS},
    }


def shown(value):
    if value is None:
        return "-"
    if value >= 1e8:
        return f"{value / 1e9:.3f} G"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def print_table(entries):
    head = ("name", "ours", "bar", "", "KVM", "unit", "exits", "zeroing",
            "what")
    rows = [head]
    for name, e in entries.items():
        verdict = "-" if e["ours"] is None else \
            "pass" if e["pass"] else "FAIL"
        kvm = shown(e["kvm"]) + ("*" if e["kvm_cached"] else "")
        rows.append((name, shown(e["ours"]), shown(e["bar"]), verdict, kvm,
                     e["unit"], shown(e["exits"]), shown(e["zeroing"]),
                     e["what"]))
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for row in rows:
        print("  ".join(
            cell.rjust(w) if 0 < i < 8 and i not in (3, 5) else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    print("\nzeroing: the part of `ours` that fills pages with zeros. "
          "exits: VM exits of ours for the whole operation (16 MiB touched or "
          "taken back, one batch, 64 MiB ballooned).")
    if any(e["kvm_cached"] for e in entries.values()):
        print("*: from build/bench-kvm.json, measured earlier with the same "
              "packages and programs.")


def write_json(entries, path, skipped):
    """Keeps what an earlier run found about metrics and a side not run now.

    skipped: keys of an entry that belong to the side not run.
    """
    old = json.loads(path.read_text()) if path.exists() else {}
    for name, entry in entries.items():
        for key in skipped:
            entry[key] = old.get(name, {}).get(key)
    old.update(entries)
    path.write_text(json.dumps(old, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--kvm-only", action="store_true")
    side.add_argument("--ours-only", action="store_true")
    parser.add_argument("--only", action="append", metavar="NAME",
                        choices=[m.name for m in METRICS])
    parser.add_argument("--verbose", action="store_true",
                        help="show the serial lines")
    args = parser.parse_args()
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
    print_table(entries)
    skipped = OUR_KEYS if args.kvm_only else \
        KVM_KEYS if args.ours_only else ()
    write_json(entries, BUILD / "bench.json", skipped)
    if args.kvm_only:
        return 0
    return 0 if all(e["pass"] for e in entries.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
