# SPDX-License-Identifier: GPL-2.0-or-later
"""The hypervisor's tests of itself, while guests want the CPUs as well."""
import pytest
from harness import Machine, micro

GUESTS = ["runaway", "hlt_forever", "uart_flood"]
CONF = "[host]\n" + "".join("""
[vm %s]
kernel = %s.elf
mem.boot = 32M
""" % (name, name) for name in GUESTS)


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_selftest_beside_guests(cpus):
    files = {n + ".elf": micro(n) for n in GUESTS}
    with Machine(CONF, files, cpus=cpus) as m:
        m.boot()
        for name in GUESTS:
            m.wait_vm(name, "running")
        results = m.cmd_json("selftest", timeout=300)
        assert len(results) > 5
        bad = [r for r in results if not r["ok"]]
        assert not bad, bad
        for name in GUESTS:
            assert m.vm(name)["state"] == "running"
        m.audit()
        m.poweroff()
