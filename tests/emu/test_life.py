# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of VMs: many of them, large ones, and whatever order of starts,
kills, pauses and ends; the console answers throughout.

AEROSTAT_SEED=N repeats the orders of a run that failed, AEROSTAT_ORDERS=N
says how many each scenario gives."""
import os
import random

import pytest
from harness import Machine, micro

ANSWER_US = 1000000
ENDS = {"reset": 1, "keyboard": 2, "triple": 4, "poweroff": 8,
        "stand still": 16, "never": 32}
ALL_ENDS = sum(ENDS.values())


def section(name, vcpus, cmdline, more=""):
    return """
[vm %s]
kernel = life.elf
cmdline = cpus=%d %s
vcpus = %d
mem.boot = 16M
autostart = no
debug_exit = 0xf4
%s""" % (name, vcpus, cmdline, vcpus, more)


def answered(m):
    """The command before this one was answered in time, by the machine's own
    clock."""
    us = m.cmd_json("uptime")["last_command_us"]
    assert us < ANSWER_US, "answered after %d us" % us


def books(m):
    return m.audit(), m.cmd_json("mem")["host"]["types"]


def is_down(info):
    return info["state"] in ("off", "crashed")


def kill_all(m):
    m.cmd("vm kill all")
    answered(m)
    states = [v["state"] for v in m.cmd_json("vm list")]
    assert set(states) <= {"off", "crashed"}, states
    for v in m.cmd_json("vm list"):
        if v["state"] == "crashed":
            m.cmd("vm kill " + v["name"])


# ---- random lives ----

def random_config(rng):
    """One VM of each size, each with a behaviour of its own."""
    conf = ""
    for i, vcpus in enumerate([1, 2, 3, 4, 8]):
        conf += section("v%d" % vcpus, vcpus, "seed=%d ticks=%d" % (
            rng.randrange(1, 1 << 30), rng.choice([300000, 3000000,
                                                   20000000])),
            "".join("%s = %s\n" % (key, rng.choice(["stop", "restart"]))
                    for key in ("on_crash", "on_poweroff", "on_reboot")))
    return conf


ORDERS = ["start"] * 6 + ["kill"] * 3 + ["pause"] * 3 + ["resume"] * 3 + \
    ["reset"] * 2


def give_order(m, rng, names):
    verb = rng.choice(ORDERS)
    name = rng.choice(names)
    says = m.cmd("vm %s %s" % (verb, name))
    assert name + ": " in says, says
    # What an order can meet: the wrong state, an end, or a stop.
    assert "not within" not in says and "interrupted" not in says, says
    if verb == "pause" and "paused" in says and "error" not in says:
        assert m.vm(name)["state"] == "paused"
    answered(m)


def random_lives(cpus, nr_orders):
    nr_orders = int(os.environ.get("AEROSTAT_ORDERS", nr_orders))
    seed = int(os.environ.get("AEROSTAT_SEED", random.randrange(1 << 30)))
    print("AEROSTAT_SEED=%d" % seed)
    rng = random.Random(seed)
    conf = random_config(rng) + section(
        "early", 4, "ticks=0 ends=%d" % ENDS["reset"])
    with Machine(conf, {"life.elf": micro("life")}, cpus=cpus,
                 mem_mib=512) as m:
        m.boot()
        names = [v["name"] for v in m.cmd_json("vm list")]
        m.cmd("vm start all")   # what is kept from now on is there
        kill_all(m)
        before = books(m)
        for _ in range(nr_orders):
            give_order(m, rng, names)
            if rng.randrange(10) == 0:
                for look in ("vm list", "mem", "stats " + rng.choice(names)):
                    m.cmd(look + " -j")
                    answered(m)
        kill_all(m)
        assert books(m) == before
        m.poweroff()


@pytest.mark.parametrize("cpus, nr_orders", [(1, 60), (2, 120), (4, 40)])
def test_random_lives(cpus, nr_orders):
    random_lives(cpus, nr_orders)


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_random_lives_for_long(cpus):
    random_lives(cpus, 1000)


# ---- one question each ----

@pytest.mark.parametrize("cpus", [1, 4])
def test_a_guest_that_resets_at_once_harms_nobody(cpus):
    """The boot vCPU ends the run while the others are being started."""
    conf = section("early", 4, "ticks=0 ends=%d" % ENDS["reset"]) + \
        section("busy", 8, "ends=%d" % ENDS["never"])
    with Machine(conf, {"life.elf": micro("life")}, cpus=cpus) as m:
        m.boot()
        m.cmd("vm start early")
        m.cmd("vm start busy")
        for _ in range(5):
            m.cmd_json("vm list")
            answered(m)
            m.cmd_json("mem")
            answered(m)
        # It is stopped in the end, since its runs are so short.
        m.wait_vm("early", "off")
        assert m.vm("early")["starts"] == 100
        assert "too short" in m.cmd("log warn")
        # A pause of eight vCPUs that work, sleep and interrupt each other.
        for _ in range(10):
            assert "busy: paused" in m.cmd("vm pause busy")
            answered(m)
            assert "busy: resumed" in m.cmd("vm resume busy")
            answered(m)
        m.cmd("vm pause busy")
        m.cmd("vm kill busy")
        assert m.vm("busy")["state"] == "off"
        m.audit()
        m.poweroff()


def test_a_vm_of_64_cpus():
    conf = """
[vm large]
kernel = many_cpus.elf
vcpus = 64
mem.boot = 16M
autostart = no
debug_exit = 0xf4
[vm larger]
kernel = many_cpus.elf
vcpus = 65
"""
    with Machine(conf, {"many_cpus.elf": micro("many_cpus")}, cpus=2) as m:
        m.boot()
        assert "aerostat.conf:10: [vm larger] vcpus: '65'; expected a number " \
            "from 1 to 64" in m.cmd("log err")
        m.cmd("vm start large")
        info = m.wait_vm("large", "off", 120)
        assert info["debug_exited"] and info["debug_exit_value"] == 0, info
        # Again, and killed in the middle.
        m.cmd("vm start large")
        m.cmd("vm kill large")
        answered(m)
        m.audit()
        m.poweroff()


def test_very_many_vms():
    conf = "".join("""
[vm v%d]
kernel = hlt_forever.elf
mem.min = 4M
mem.boot = 4M
mem.commit = single
autostart = no
""" % i for i in range(257))
    with Machine(conf, {"hlt_forever.elf": micro("hlt_forever")},
                 cpus=2) as m:
        m.boot()
        assert "[vm v256]: too many; expected at most 256" in m.cmd("log err")
        # (256 lines are enough for a serial line.)
        assert m.cmd("vm start all", timeout=300).count(": started\n") == 256
        assert m.vm("v255")["state"] == "running"
        assert m.cmd("vm kill all", timeout=300).count(": killed\n") == 256
        assert m.vm("v255")["state"] == "off"
        m.audit()
        m.poweroff()
