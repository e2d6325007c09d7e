# SPDX-License-Identifier: GPL-2.0-or-later
"""Host memory: none is lost over many runs, and running out of it is a state,
not an accident."""
import time

from harness import Machine, micro

GUEST_S = 300

HOGS = "".join("""
[vm %s]
kernel = touch_all.elf
cmdline = write=1
mem.boot = 384M
autostart = no
debug_exit = 0xf4
""" % name for name in ("hog1", "hog2"))

REBOOTS = """
[vm again]
kernel = reboot.elf
mem.boot = 32M
autostart = no
debug_exit = 0xf4
[vm triple]
kernel = triple_fault.elf
mem.boot = 32M
autostart = no
"""


def books(m):
    """The auditor's counts and host memory by type, which must not change."""
    return m.audit(), m.cmd_json("mem")["host"]["types"]


def wait_until(m, what, done):
    deadline = time.monotonic() + GUEST_S
    while not done():
        assert time.monotonic() < deadline, "never: " + what
        m.drain(1)


def test_reboots_and_crashes_lose_no_frame():
    files = {n + ".elf": micro(n) for n in ("reboot", "triple_fault")}
    with Machine(REBOOTS, files, cpus=2) as m:
        m.boot()
        m.cmd("vm start all")
        m.wait_vm("triple", "crashed")
        m.cmd("vm kill again")
        before = books(m)       # what is kept from now on is there

        m.cmd("vm start again")
        wait_until(m, "20 reboots", lambda: m.vm("again")["starts"] > 21)
        for _ in range(5):
            m.cmd("vm start triple")
            m.wait_vm("triple", "crashed")
            m.cmd("vm reset again")
        assert not m.vm("again")["debug_exited"], "memory was not zero"
        m.cmd("vm kill again")
        m.wait_vm("again", "off")
        assert books(m) == before
        m.poweroff()


def waits(m):
    return [v["name"] for v in m.cmd_json("vm list") if v["wait"] == "memory"]


CALM = """
[vm calm]
kernel = hlt_forever.elf
initrd = large.bin
mem.boot = 32M
autostart = no
"""


def interrupt_the_wait(m, command):
    """The console is free again at Ctrl-C; the order stands."""
    m.mark()
    m.send(command + "\r")
    m.expect("vm=calm waits for host memory")
    m.send("\x03")
    m.expect("interrupted, goes on: it waits for host memory")


def starts_wait_for_memory(m):
    """A guest that is reset while others have all the memory waits, and
    comes back when there is some; who waits can be paused and killed."""
    # While it is loaded again the hogs take what it had.
    interrupt_the_wait(m, "vm reset calm")
    info = m.vm("calm")
    assert (info["state"], info["wait"]) == ("starting", "memory"), info
    assert "hog1: paused" in m.cmd("vm pause hog1")
    assert m.vm("hog1")["state"] == "paused"
    assert "hog1: resumed" in m.cmd("vm resume hog1")
    m.cmd("vm kill calm")
    assert m.vm("calm")["state"] == "off"
    interrupt_the_wait(m, "vm start calm")
    m.cmd("vm kill hog1")
    m.wait_vm("calm", "running")
    m.cmd("vm kill calm")


def test_host_memory_exhausted_and_released():
    files = {n + ".elf": micro(n) for n in ("touch_all", "hlt_forever")}
    files["large.bin"] = bytes(16 << 20)    # loading takes a while
    with Machine(HOGS + CALM, files, cpus=2, mem_mib=512) as m:
        m.boot()
        m.cmd("vm start all")
        m.cmd("vm kill all")
        before = books(m)       # what is kept from now on is there

        m.cmd("vm start all")
        wait_until(m, "a VM waits", lambda: waits(m))
        assert "hog" in m.cmd("log warn")   # who waits, for what
        wait_until(m, "both wait", lambda: len(waits(m)) == 2)
        m.audit()                           # the console still works
        starts_wait_for_memory(m)
        info = m.wait_vm("hog2", "off", GUEST_S)
        assert info["debug_exited"] and info["debug_exit_value"] == 0, info
        assert books(m) == before
        m.poweroff()
