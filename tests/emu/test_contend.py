# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests with two vCPUs each on a host that is too small for both: what
one grows by must have been taken from the other."""
import time

import pytest
from harness import INITRAMFS_TEST, Machine, vmlinuz

MIB = 1 << 20
LINUX_BOOT_S = 400
FOLLOW_S = 240

# Verifies memory over and over; what goes wrong stays in /tmp/bad.
LOOP = ("(while :; do verify 4; until [ -s /tmp/verdict ]; do sleep 1; done; "
        "[ \"$(cat /tmp/verdict)\" = 0 ] || cp /tmp/memtester /tmp/bad; "
        "echo >>/tmp/rounds; done) & true")
# Writes that many files of 1 MiB, then compares them all.
FILL = ("dd if=/dev/urandom of=/tmp/p bs=1M count=1 2>/dev/null; "
        "for i in $(seq %d); do cp /tmp/p /tmp/f$i || exit 1; done; "
        "for i in $(seq %d); do cmp /tmp/p /tmp/f$i || exit 1; done; "
        "rm /tmp/p /tmp/f*")


def config(boot_mib):
    return "[host]\n" + "".join("""
[vm %s]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off print-fatal-signals=1
vcpus = 2
mem.min = 64M
mem.boot = %dM
""" % (name, boot_mib) for name in ("alpha", "beta"))


def vm_mem(m, name):
    return next(v for v in m.cmd_json("mem")["vms"] if v["name"] == name)


def move(m, targets):
    """Sets the targets, the shrinking ones first, and waits until the guests
    have followed."""
    for name, mib in sorted(targets.items(), key=lambda t: t[1]):
        m.cmd("mem %s %dM" % (name, mib))
    deadline = time.monotonic() + FOLLOW_S
    while True:
        vms = [vm_mem(m, name) for name in targets]
        if all(v["boot"] - v["ballooned"] == targets[v["name"]] * MIB
               for v in vms):
            return
        assert time.monotonic() < deadline, vms
        m.drain(1)


def check_guest(m, name):
    """No process died, nothing was read that had not been written."""
    with m.console(name):
        assert m.sh("cat /tmp/bad 2>/dev/null", check=False).strip() == ""
        assert int(m.sh("wc -l </tmp/rounds")) > 0
        m.sh("dmesg | grep -q 'Linux version'")     # there is a log
        log = m.sh("dmesg | grep -iE 'segfault|fatal signal|bug:|oom|trap'",
                   check=False)
        assert log.strip() == "", log


def contend(host_mib, boot_mib, start, small, large, fill):
    files = {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS_TEST}
    with Machine(config(boot_mib), files, cpus=2, mem_mib=host_mib) as m:
        m.boot()
        for name in "alpha", "beta":
            m.cmd("mem %s %dM" % (name, start))
        for name in "alpha", "beta":
            with m.console(name):
                m.expect("^aerostat guest ready", LINUX_BOOT_S)
                m.sh(LOOP)
        move(m, {"alpha": start, "beta": start})
        for one, other in ("alpha", "beta"), ("beta", "alpha"):
            move(m, {one: small, other: large})
            with m.console(other):
                m.sh(FILL % (fill, fill), 400)
            check_guest(m, other)
            m.audit()
        for name in "alpha", "beta":
            check_guest(m, name)
        assert "fault" not in m.screen.text, m.screen.text[-3000:]
        m.audit()
        m.poweroff()


@pytest.mark.long
def test_memory_that_the_other_one_has():
    # A guest that has filled its memory holds some 150 MiB, and the host
    # has 285: the second one can't, unless the first gives back.
    contend(host_mib=336, boot_mib=256, start=144, small=112, large=184,
            fill=64)


@pytest.mark.long
@pytest.mark.parametrize("run", range(3))
def test_memory_moves_under_load(run):
    contend(host_mib=552, boot_mib=384, start=192, small=144, large=352,
            fill=24)
