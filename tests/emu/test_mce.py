# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine checks, with simulated bank contents: what hit a guest's memory ends
that guest only, and the frame never comes back."""
from harness import Machine, micro

CONF = """
[host]
debug_commands = yes
[vm hit]
kernel = uart_flood.elf
mem.boot = 16M
[vm neighbour]
kernel = uart_flood.elf
mem.boot = 16M
"""


def retired(m):
    return m.cmd_json("mem")["host"]["types"]["retired"]


def test_faulty_guest_memory_ends_that_guest():
    with Machine(CONF, {"uart_flood.elf": micro("uart_flood")}, cpus=2,
                 may_panic=True) as m:
        m.boot()
        for n, how in enumerate(["used", "unused"], 1):
            assert m.cmd_json("mce %s hit" % how)["ok"]
            assert "machine check" in m.wait_vm("hit", "crashed")["reason"]
            assert retired(m) == n * 4096
            m.audit()
            m.cmd("vm start hit")
            m.wait_vm("hit", "running")
        assert m.vm("neighbour")["state"] == "running"
        assert m.vm("neighbour")["starts"] == 1
        m.send("mce lost\r")
        m.expect(r"PANIC: exception 18 \(machine check\)")
        m.expect("^bank 0: context lost status 0xb2")
        m.expect("^panic: halted$")
