# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock Debian kernels as guests."""
from harness import INITRAMFS, Machine, vmlinuz

LINUX_BOOT_S = 400      # two at once, in Bochs, on a busy machine

CONF = """\
[host]

[vm alpha]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off
mem.boot = 256M

[vm beta]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off
mem.boot = 256M
"""


def files():
    return {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS}


def test_two_guests_and_poweroff_of_one():
    with Machine(CONF, files(), cpus=2, mem_mib=1024) as m:
        m.boot()
        for name in "alpha", "beta":
            with m.console(name):
                m.expect("^aerostat guest ready", LINUX_BOOT_S)
                assert m.sh("cat /proc/meminfo").startswith("MemTotal:")
        m.audit()
        with m.console("alpha"):
            m.send("poweroff\r")
            m.expect("Power down", 120)
        m.wait_vm("alpha", "off", 60)
        with m.console("beta"):
            assert "Linux" in m.sh("uname -a")
        m.audit()
        m.poweroff()
