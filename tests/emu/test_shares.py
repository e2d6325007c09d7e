# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests get their shares of the CPUs, whatever their neighbours do."""
import pytest
from harness import Machine, micro

VM = """
[vm %s]
kernel = storm.elf
cmdline = cpus=%d spin=%d
vcpus = %d
weight = %d
mem.min = 32M
mem.boot = 32M
autostart = no
"""


def vm(name, vcpus=1, spin=True, weight=100):
    return VM % (name, vcpus, spin, vcpus, weight)


def machine(*vms, **args):
    return Machine("[host]\n" + "".join(vms), {"storm.elf": micro("storm")},
                   mem_mib=512, **args)


def start(m, *names):
    for name in names:
        m.cmd("vm start " + name)
        m.wait_vm(name, "running")


def ticks(m, names):
    """What each VM has run, and the host's CPUs together."""
    ran = {n: m.cmd_json("stats " + n)["cpu"]["guest_ticks"] for n in names}
    ran["host"] = sum(c["idle_ticks"] + c["busy_ticks"]
                      for c in m.cmd_json("cpu"))
    return ran


def shares(m, names, seconds):
    """The part of the host that each VM gets in the seconds to come."""
    before = ticks(m, names)
    m.drain(seconds)
    after = ticks(m, names)
    host = after["host"] - before["host"]
    got = {n: (after[n] - before[n]) / host for n in names}
    print(got)
    return got


def test_weights_are_shares_and_time_alone_is_no_debt():
    with machine(vm("old"), vm("new1"), vm("new2"), vm("heavy", 2, weight=200),
                 vm("light", 2), cpus=2) as m:
        m.boot()
        start(m, "old")
        m.drain(15)
        start(m, "new1", "new2")
        got = shares(m, ["old", "new1", "new2"], 4)
        assert all(0.28 < part < 0.37 for part in got.values()), got
        for name in got:
            m.cmd("vm kill " + name)
            m.wait_vm(name, "off")
        start(m, "heavy", "light")
        got = shares(m, ["heavy", "light"], 6)
        assert 1.9 < got["heavy"] / got["light"] < 2.1, got
        m.audit()
        m.poweroff()


@pytest.mark.parametrize("vcpus", [4, 16])
def test_timers_of_a_guest_leave_the_host_alone(vcpus):
    with machine(vm("storm", vcpus, spin=False), vm("neighbour")) as m:
        m.boot()
        start(m, "storm", "neighbour")
        got = shares(m, ["storm", "neighbour"], 5)
        assert got["neighbour"] > 0.8, got
        m.audit()
        m.poweroff()
