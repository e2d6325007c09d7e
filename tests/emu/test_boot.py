# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine comes up: on 1, 2 and 4 CPUs, without VT-x, without files."""
import pytest
from harness import Machine

EMPTY = "[host]\n"


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_boots_on_cpus(cpus):
    with Machine(EMPTY, cpus=cpus) as m:
        m.boot()
        assert len(m.cmd_json("cpu")) == cpus
        m.audit()
        m.poweroff()


def test_boots_without_vtx():
    with Machine(EMPTY, cpus=2, emulator="qemu") as m:
        m.boot()
        assert "VT-x" in m.screen.text
        m.audit()
        m.poweroff()


def test_boots_without_config():
    with Machine(None, emulator="qemu") as m:
        m.boot()
        assert "aerostat.conf" in m.screen.text
        m.audit()
