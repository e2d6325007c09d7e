# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine comes up: on 1, 2 and 4 CPUs, without VT-x, without files."""
import pytest
from harness import Machine

EMPTY = "[host]\n"


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_boots_on_cpus(cpus):
    with Machine(EMPTY, cpus=cpus) as m:
        m.boot()
        assert len(m.check_bounds()) == cpus
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


def test_reboot_comes_up_again():
    with Machine(EMPTY, cpus=2, emulator="qemu", reboot=True) as m:
        m.boot()
        m.send("reboot\r")
        m.expect(r"boot: Aerostat \S+", 60)
        m.boot()
        m.audit()
        m.poweroff()


def test_many_cpus_and_memory_above_4g():
    with Machine(EMPTY, cpus=16, mem_mib=6144, emulator="qemu") as m:
        m.boot()
        assert len(m.cmd_json("cpu")) == 16
        assert m.cmd_json("mem")["host"]["total"] > 5 << 30
        m.audit()
        m.poweroff()


def test_file_larger_than_memory_is_named():
    conf = "[vm big]\nkernel = big.img\nmem.boot = 64M\n"
    big = bytes(300 << 20)
    with Machine(conf, {"big.img": big}, mem_mib=256, emulator="qemu") as m:
        m.boot()
        assert "big.img: out of memory" in m.screen.text
        m.audit()
        m.poweroff()
