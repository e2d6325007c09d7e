# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock Debian kernels as guests."""
import time

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

TWO_VCPUS = """\
[host]

[vm smp]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off
vcpus = 2
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


def test_reboot_stop_clock_and_two_vcpus():
    """A guest with two vCPUs reboots itself, keeps the right time, gives no
    warning that is the hypervisor's fault, and obeys its power button."""
    with Machine(TWO_VCPUS, files(), cpus=2, mem_mib=1024) as m:
        m.boot()
        with m.console("smp"):
            m.expect("^aerostat guest ready", LINUX_BOOT_S)
            assert m.sh("grep -c ^processor /proc/cpuinfo").strip() == "2"
            # The emulator's RTC starts with the time of this machine.
            assert abs(int(m.sh("date +%s")) - time.time()) < 3600
            m.sh("dmesg | grep -q 'Linux version'")     # there is a log
            log = m.sh("dmesg | grep -iE 'unchecked|warning:|bug:|call trace'",
                       check=False)
            assert log.strip() == "", log
            m.send("reboot\r")
            m.expect("reboot: Restarting system", 120)
            m.expect("^aerostat guest ready", LINUX_BOOT_S)
        assert m.vm("smp")["starts"] == 2
        m.cmd("vm stop smp")
        m.wait_vm("smp", "off", 120)
        m.audit()
        m.poweroff()
