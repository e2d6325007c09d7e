#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the arrows between the rooms (docs/architecture.md): each include,
and each symbol that an object takes from another room, against one table.
The objects in build/obj must be those of the sources.
"""
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
OBJ = TOP / "build/obj"

LOW = ["kernel/lib", "kernel/sync"]
MACHINE = LOW + ["drivers", "mm", "kernel/cpu"]
# Who may use whom; bottom to top. A room always may use itself.
MAY = {
    "kernel/lib": [],
    "kernel/sync": ["kernel/lib"],
    "drivers": LOW,
    "mm": LOW,
    "kernel/cpu": LOW + ["drivers", "mm"],
    "kernel/sched": MACHINE,
    "kernel/config": LOW + ["mm"],
    "kernel/console": MACHINE + ["kernel/sched", "kernel/config"],
    "vmx": LOW + ["mm", "kernel/cpu", "kernel/sched", "kernel/config",
                  "vmx/devices", "guest-stubs"],
    "vmx/devices": LOW + ["mm", "kernel/cpu", "kernel/sched",
                          "kernel/config", "vmx", "guest-stubs"],
    "vmx/admin": MACHINE + ["kernel/sched", "kernel/config", "kernel/console",
                            "vmx", "vmx/devices", "guest-stubs"],
    "boot": ["kernel/lib"],
    "guest-stubs": [],
    "guest-stubs/linux": ["guest-stubs"],
    "guest-stubs/micro": ["guest-stubs"],
}
MAIN = "kernel"     # main.c knows all
MAY[MAIN] = [r for r in MAY if r not in ("boot", "guest-stubs")]

# What a room needs from above it declares itself, in these headers; the room
# on the right defines it (house style: vary at link time).
NEEDS = {
    "kernel/lib/bug.h": "kernel/cpu",       # panic
    "kernel/lib/x86.h": "kernel/cpu",       # MSRs that may not exist
    "kernel/sync/wait.h": "kernel/sched",   # threads
    "mm/stage2.h": "vmx",
    "kernel/cpu/outlet.h": "kernel/console",    # last words
    "kernel/cpu/start.h": "kernel",             # where CPUs go on
}

# The way in for those below.
DOOR = {
    "kernel/cpu": "declare what you need and list it in NEEDS",
    "kernel/sched": "wait by kernel/sync, read the clock by kernel/lib/tsc.h",
    "kernel/config": "take the value as a parameter; main.c hands it over",
    "kernel/console": "log (kernel/sync/log.h), or return what is to be said",
    "vmx": "give main.c a table to register, or declare what you need in a "
           "header of NEEDS",
    "vmx/devices": "as vmx: a table, or a header of NEEDS",
    "vmx/admin": "give main.c a table to register",
    "mm": "the caller maps and allocates, and hands the pointer over",
}


def room_of(path):
    return str(Path(path).parent)


def tracked():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard",
                          "*.c", "*.h", "*.asm"], cwd=TOP, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [f for f in out.splitlines()
            if room_of(f) in MAY and (TOP / f).exists()]


def allowed(user, used):
    return user == used or used in MAY[user]


def refuse(path, what, used):
    user = room_of(path)
    return "%s: %s of %s, which %s may not use; the door: %s" % (
        path, what, used, user, DOOR.get(used, "none"))


def check_include(path, name):
    used = room_of(name)
    if used not in MAY:     # generated, or of the system
        return None
    if name.endswith("_priv.h") and used != room_of(path):
        return "%s: %s is private to %s" % (path, name, used)
    if not allowed(room_of(path), used):
        return refuse(path, "includes " + name, used)
    return None


def check_includes(path):
    text = (TOP / path).read_text(encoding="utf-8")
    names = re.findall(r'^\s*[#%]\s*include\s+"([^"]+)"', text, re.M)
    return filter(None, (check_include(path, n) for n in names))


def symbols(obj):
    """(defined, undefined) names of one object."""
    out = subprocess.run(["nm", "-P", "-g", obj], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    rows = [line.split()[:2] for line in out.splitlines()]
    return ({n for n, t in rows if t not in "Uw"},
            {n for n, t in rows if t in "Uw"})


def needed():
    """Names that the headers in NEEDS declare, with who provides them."""
    found = {}
    for header, provider in NEEDS.items():
        text = re.sub(r"/\*.*?\*/", "", (TOP / header).read_text(), flags=re.S)
        for name in re.findall(r"\b(\w+)(?=\(|;|\[)", text):
            found.setdefault(name, (room_of(header), provider))
    return found


def check_call(path, name, used, needs):
    """`path` takes the symbol from the room `used`."""
    user = room_of(path)
    if allowed(user, used):
        return None
    declared, provider = needs.get(name, (None, None))
    if provider == used and allowed(user, declared):
        return None
    return refuse(path, "takes " + name, used)


def check_calls(sources):
    objs = {f: OBJ / (f + ".o") for f in sources}
    syms = {f: symbols(o) for f, o in objs.items() if o.exists()}
    home = {n: room_of(f) for f, (defined, _) in syms.items() for n in defined}
    needs = needed()
    errs = []
    for f, (_, undefined) in sorted(syms.items()):
        for n in sorted(undefined & home.keys()):
            errs.append(check_call(f, n, home[n], needs))
    if not syms:
        errs.append("build/obj is empty: build first")
    return filter(None, errs)


def check_loader():
    """What the loader links of the hypervisor."""
    text = (TOP / "boot/build.mk").read_text()
    return ["boot/build.mk: links %s; the loader may use kernel/lib only" % f
            for f in re.findall(r"\b[\w/]+\.c\b", text)
            if room_of(f) not in ("boot", "kernel/lib")]


def check_all():
    sources = tracked()
    errs = [e for f in sources for e in check_includes(f)]
    errs += check_calls(sources)
    errs += check_loader()
    return errs


if __name__ == "__main__":
    found = check_all()
    print("".join(e + "\n" for e in found), end="")
    sys.exit(1 if found else 0)
